import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Clock } from "../core/clock.ts";
import { targetPath } from "../manifest/targets.ts";
import type { AnswerPart } from "./invert.ts";

/** A request as the simulated vendor reads it. */
export interface Incoming {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Readonly<Record<string, string>>;
  /** Parsed JSON or form; undefined without a body. */
  body: unknown;
}

/** What the vendor answers; `text` instead of `body` is sent as it is, "hang" is never answered. */
export type Reply = (AnswerPart & { text?: string }) | "hang";

/** Put in front of the vendor: answers in its place, or undefined to let it answer. */
export type Fault = (request: Incoming) => Reply | undefined;

/** A request that begins a session, and its answer with the token. */
export interface Login {
  path: RegExp;
  answer: (token: string) => AnswerPart;
}

const TOKEN_PATH = "/hookline-kit/token";
/** For so long a token is good. */
export const LIFETIME_SECONDS = 3600;

/**
 * A vendor on loopback: an OAuth token endpoint that rotates refresh tokens and takes each once, and everything else behind
 * the access token. What it answers is up to `answer`, with faults put in front.
 */
export class VendorServer {
  readonly requests: Incoming[] = [];
  readonly faults: Fault[] = [];
  /** Requests to the token endpoint, by grant type; `login` for those to the login. */
  readonly grants: string[] = [];
  answer: (request: Incoming) => Reply = () => ({ body: {} });
  url = "";
  readonly #clock: Clock;
  readonly #guarded: boolean;
  readonly #tokenFields: unknown;
  readonly #login: Login | undefined;
  readonly #server = createServer((request, response) => void this.#handle(request, response));
  #issued = 0;
  #access = "";
  #refresh = "";

  /** `guarded`: only the newest token opens it, wherever a request carries it. `tokenFields`: further fields of every token answer. */
  constructor(options: { clock: Clock; guarded: boolean; tokenFields: unknown; login?: Login }) {
    this.#clock = options.clock;
    this.#guarded = options.guarded;
    this.#tokenFields = options.tokenFields;
    this.#login = options.login;
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get overrides(): { url: string; authorizationUrl: string; tokenUrl: string; revokeUrl: string } {
    const { url } = this;
    return {
      url,
      authorizationUrl: `${url}/hookline-kit/authorize`,
      tokenUrl: url + TOKEN_PATH,
      revokeUrl: `${url}/hookline-kit/revoke`,
    };
  }

  /** The access token has expired before its time. */
  endAccess(): void {
    this.#access = "";
  }

  /** The person has taken the grant back: no refresh token is worth anything. */
  endGrant(): void {
    this.#access = this.#refresh = "";
  }

  /** Answers the next `times` requests in the vendor's place. */
  fail(reply: Reply, times = 1): void {
    let left = times;
    this.faults.push(() => (left-- > 0 ? reply : undefined));
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const incoming = await read(request, this.url);
    response.sendDate = false;
    const reply =
      incoming.path === TOKEN_PATH
        ? this.#token(incoming)
        : this.#login?.path.test(incoming.path)
          ? this.#enter(this.#login)
          : this.#reply(incoming);
    if (reply === "hang") return;
    const { status = 200, headers = {}, body, text = JSON.stringify(body ?? {}) } = reply;
    const date = new Date(this.#clock.now()).toUTCString();
    response.writeHead(status, { "content-type": "application/json", date, ...headers }).end(text);
  }

  #reply(incoming: Incoming): Reply {
    this.requests.push(incoming);
    if (this.#guarded && !carries(incoming, this.#access)) {
      return {
        status: 401,
        body: { error: { code: 401, message: "The access token has expired", status: "UNAUTHENTICATED" } },
      };
    }
    for (const fault of this.faults) {
      const reply = fault(incoming);
      if (reply) return reply;
    }
    return this.answer(incoming);
  }

  #enter({ answer }: Login): Reply {
    this.grants.push("login");
    this.#access = `session-token-of-the-kit-${++this.#issued}`;
    return answer(this.#access);
  }

  #token({ body }: Incoming): Reply {
    const { grant_type: grant, refresh_token: given } = body as Record<string, string | undefined>;
    this.grants.push(grant ?? "");
    if (grant === "refresh_token" && (given !== this.#refresh || given === ""))
      return { status: 400, body: { error: "invalid_grant" } };
    this.#issued++;
    this.#access = `access-token-of-the-kit-${this.#issued}`;
    this.#refresh = `refresh-token-of-the-kit-${this.#issued}`;
    const answer = {
      access_token: this.#access,
      refresh_token: this.#refresh,
      token_type: "Bearer",
      expires_in: LIFETIME_SECONDS,
    };
    return { body: { ...(this.#tokenFields as object), ...answer } };
  }
}

/** Whether a header or query parameter of a request has the token. */
function carries({ headers, query }: Incoming, token: string): boolean {
  return (
    token !== "" && [...Object.values(headers), ...query.values()].some((value) => value.split(/[\s=]/).includes(token))
  );
}

async function read(request: IncomingMessage, base: string): Promise<Incoming> {
  const url = new URL(request.url!, base);
  let text = "";
  for await (const chunk of request) text += String(chunk);
  const form = request.headers["content-type"]?.includes("x-www-form-urlencoded");
  const body: unknown =
    text === "" ? undefined : form ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
  const { method = "GET", headers } = request;
  return { method, path: url.pathname, query: url.searchParams, headers: headers as Record<string, string>, body };
}

/** The value at a target (`query.x`, `params.x`, `body.x.y`, `headers.x`) of a request; undefined when it is not there. */
export function readTarget(request: Incoming, target: string): unknown {
  const [part, name, ...path] = targetPath(target) as [string, string, ...string[]];
  if (part === "headers") return request.headers[[name, ...path].join(".").toLowerCase()];
  if (part === "body") return follow(request.body, [name, ...path]);
  const value = request.query.get(name);
  return value === null || path.length === 0 ? (value ?? undefined) : follow(JSON.parse(value), path);
}

function follow(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown> | null | undefined)?.[name], value);
}
