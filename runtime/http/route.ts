import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Request, RequestHandler, Response } from "express";
import { HooklineError, type Fault } from "../core/errors.ts";
import { compileSchema } from "../manifest/validate.ts";
import type { Authenticate } from "./authenticate.ts";
import { readBody } from "./body.ts";
import type { Principal } from "./principal.ts";
import type { Services } from "./services.ts";

export type JsonSchema = Record<string, unknown>;

/** A request as a handler sees it: checked against the route's schemas. */
export interface PublicCall<Body = unknown, Query = unknown> {
  params: Record<string, string>;
  query: Query;
  body: Body;
  headers: Request["headers"];
  /** What stands before `/v1` in the URLs of this API, without a trailing slash. */
  base: string;
  /** The request itself, for a handler that passes it on as it is. */
  request: Request;
}

export interface Call<Body = unknown, Query = unknown> extends PublicCall<Body, Query> {
  services: Services;
  principal: Principal;
}

export interface Reply {
  status: number;
  /** JSON, unless `headers` say another content-type; a stream goes out as it comes, with exactly these headers. */
  body?: unknown;
  headers?: Record<string, string>;
}

interface Answer {
  description: string;
  schema?: JsonSchema;
  contentType?: string;
}

/** One operation of the API: everything that serving and describing it needs. */
interface Operation {
  method: "get" | "post" | "put" | "patch" | "delete";
  /** OpenAPI form: `/v1/connections/{id}`; a last `{+path}` takes all that is left. */
  path: string;
  operationId: string;
  summary: string;
  tag: string;
  /** What each parameter in the path is. */
  params?: Record<string, string>;
  /** JSON Schema of each query parameter. Unknown ones are refused. */
  query?: Record<string, JsonSchema>;
  /** Those of them that must be given. */
  requiredQuery?: readonly string[];
  /** Parameters others choose come along in the query. */
  openQuery?: boolean;
  /** Request headers that mean something, and what. */
  requestHeaders?: Record<string, string>;
  /** JSON Schema of the body; without required properties, the body may be left out. */
  body?: JsonSchema;
  /** Largest body, in bytes; default 1 MB. */
  bodyBytes?: number;
  /** Instead of `body`: what the bytes are for, which the handler reads itself. */
  rawBody?: string;
  /** What is answered, by status: its meaning, and the schema of its JSON or the type of anything else. */
  responses: { [status: number]: Answer; default?: Answer };
  /** Statuses of problems it can answer besides those that all can. */
  problems?: number[];
}

export type Route = Operation &
  (
    | { auth: "public"; handler(call: PublicCall<never, never>): Promise<Reply> | Reply }
    | { auth: "user" | "admin"; handler(call: Call<never, never>): Promise<Reply> | Reply }
  );

/** A route for a user about their own things, or an admin about everybody's. */
export function userRoute<Body = unknown, Query = unknown>(
  route: Operation & { handler(call: Call<Body, Query>): Promise<Reply> | Reply },
): Route {
  return { ...route, auth: "user" };
}

/** A route for admins only. */
export function adminRoute<Body = unknown, Query = unknown>(
  route: Operation & { handler(call: Call<Body, Query>): Promise<Reply> | Reply },
): Route {
  return { ...route, auth: "admin" };
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (location: string, body: unknown): Reply => ({ status: 201, body, headers: { location } });
export const noContent: Reply = { status: 204 };

export interface ServeOptions {
  /** Throws `stopped` while the runtime is not started. */
  open: () => Promise<Services>;
  authenticate: Authenticate;
  baseUrl: string | undefined;
}

/** A route as express calls it: who asks, whether they may, what they ask for, and only then the handler. */
export function serve(route: Route, { open, authenticate, baseUrl }: ServeOptions): RequestHandler {
  const readInput = inputReader(route, baseUrl);
  return async (request, response) => {
    if (route.auth === "public") return respond(response, await route.handler((await readInput(request)) as never));
    const services = await open();
    const principal = await authenticate(request, response, services);
    if (route.auth === "admin" && principal.role !== "admin") {
      throw new HooklineError("forbidden", `${route.operationId}: only an admin may do this; use an API key`);
    }
    const input = await readInput(request);
    return respond(response, await route.handler({ ...input, services, principal } as never));
  };
}

async function respond(response: Response, { status, body, headers = {} }: Reply): Promise<void> {
  response.status(status);
  if (body instanceof Readable) {
    // Not by express, which would add a charset.
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    return pipeline(body, response).catch((error: NodeJS.ErrnoException) => {
      // Who leaves early wants no answer.
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    });
  }
  if (body === undefined) {
    response.set(headers).end();
    return;
  }
  const isText = typeof body === "string" && headers["content-type"] !== undefined;
  response.set({ "content-type": status < 400 ? "application/json" : "application/problem+json", ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

/** Reads and checks all of a route's input; throws `invalid_input` with every fault of query and body together. */
function inputReader(route: Route, baseUrl: string | undefined): (request: Request) => Promise<PublicCall> {
  const { query = {}, requiredQuery: required = [], openQuery = false, body, bodyBytes } = route;
  const checkQuery = compileSchema({ type: "object", additionalProperties: openQuery, required, properties: query });
  const checkBody = body && compileSchema(body);
  const base = baseUrl?.replace(/\/+$/, "");
  return async (request) => {
    const asked = readQuery(request.originalUrl, query);
    const sent = checkBody && ((await readBody(request, bodyBytes)) ?? {});
    const faults = [
      ...checkQuery(asked).map((fault) => ({ ...fault, pointer: `/query${fault.pointer}` })),
      ...(checkBody?.(sent) ?? []),
    ];
    if (faults.length > 0) throw refused(route, faults);
    const params = request.params as Record<string, string>;
    return { params, query: asked, body: sent, headers: request.headers, base: base ?? request.baseUrl, request };
  };
}

function refused({ operationId }: Route, faults: Fault[]): HooklineError {
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : "";
  return new HooklineError("invalid_input", `${operationId} ${first!.pointer}: ${first!.message}${more}`, { faults });
}

/** Query parameters in the types their schemas ask for; a repeated one is a list. */
function readQuery(url: string, schemas: Record<string, JsonSchema>): Record<string, unknown> {
  const search = new URLSearchParams(/\?(.*)$/s.exec(url)?.[1] ?? "");
  const read = (name: string): unknown => {
    const values = search
      .getAll(name)
      .map((text) => coerce(text, Object.hasOwn(schemas, name) ? schemas[name] : undefined));
    return values.length === 1 ? values[0] : values;
  };
  return Object.fromEntries([...new Set(search.keys())].map((name) => [name, read(name)]));
}

function coerce(text: string, schema: JsonSchema | undefined): unknown {
  const type = schema?.["type"];
  if ((type === "integer" || type === "number") && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (type === "boolean" && (text === "true" || text === "false")) return text === "true";
  return text;
}
