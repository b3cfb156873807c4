import { createServer, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import type { Clock } from "../../runtime/core/clock.ts";
import { listen } from "../fixtures/listen.ts";

/** A request, by its path and query, and what is answered to it. */
export interface Answer {
  /** Regular expression for the decoded path. */
  path: string;
  /** Parameters with their values; null for one that is absent. */
  query?: Record<string, string | null>;
  /** The access token it is asked with; any when not given. */
  token?: string;
  /** `raw` is sent as it stands in place of a `body`; with neither, nothing is. */
  answer: { status: number; body?: unknown; raw?: string };
  /** To so many requests; to all when not given. */
  times?: number;
}

/** A request as it arrived. */
export interface Received {
  /** `METHOD path?query`, decoded. */
  line: string;
  /** JSON; undefined without any. */
  body: unknown;
}

/** A vendor that knows nothing but a list of answers. */
export interface ScriptedVendor extends AsyncDisposable {
  readonly url: string;
  /** All requests since the last look; throws when one of them had no answer that fits. */
  received(): Received[];
  /** From now on the first of these that fits is given. */
  give(answers: readonly Answer[]): void;
}

/** Starts one on a free port; its `Date` headers have the time of the clock. */
export async function scriptedVendor(clock: Clock): Promise<ScriptedVendor> {
  let answers: readonly Answer[] = [];
  const received: Received[] = [];
  const unmatched: string[] = [];
  const server = createServer(async (request, response) => {
    const sent = await text(request);
    const url = new URL(request.url!, "http://vendor");
    const path = decodeURIComponent(url.pathname);
    const { authorization, "content-type": type = "" } = request.headers;
    const found = answers.find((answer) => fits(answer, path, url.searchParams, authorization));
    if (found?.times !== undefined && --found.times === 0) answers = answers.filter((answer) => answer !== found);
    const line = `${request.method} ${path}${decodeURIComponent(url.search)}`;
    received.push({ line, body: type.includes("json") ? JSON.parse(sent) : undefined });
    if (!found) unmatched.push(line);
    response.setHeader("date", new Date(clock.now()).toUTCString());
    respond(response, found?.answer ?? { status: 404, body: { error: { code: 404, message: "No answer fits." } } });
  });
  const { url, stop } = await listen(server);
  return {
    url,
    received: () => {
      if (unmatched.length > 0) throw new Error(`no answer fits ${unmatched.splice(0).join(", ")}`);
      return received.splice(0);
    },
    give: (given) => void (answers = given.map((answer) => ({ ...answer }))),
    [Symbol.asyncDispose]: stop,
  };
}

function fits(wanted: Answer, path: string, given: URLSearchParams, authorization: string | undefined): boolean {
  const { path: pattern, query = {}, token } = wanted;
  if (token !== undefined && authorization !== `Bearer ${token}`) return false;
  return new RegExp(pattern).test(path) && Object.entries(query).every(([name, value]) => given.get(name) === value);
}

function respond(response: ServerResponse, { status, body, raw }: Answer["answer"]): void {
  const content = raw ?? (body === undefined ? undefined : JSON.stringify(body));
  response.writeHead(status, content === undefined ? {} : { "content-type": "application/json" });
  response.end(content);
}
