import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Request, RequestHandler, Response } from "express";
import type { JsonSchema } from "../core/json.ts";
import { checkedInput, type Input } from "../model/input.ts";
import { inQuery } from "../model/input-query.ts";
import { assertAdmin, scopeOf, type Principal } from "../model/principal.ts";
import type { PublicCall, Reply, Route } from "../model/route.ts";
import { discardRest, readBody, readBytes, refuseBody } from "./body.ts";

export interface ServeOptions {
  open: () => Promise<unknown>;
  /** Who sends a request; see {@link Authenticate}. */
  authenticate: (request: Request, response: Response) => Promise<Principal>;
  baseUrl: string | undefined;
}

/** A route as express calls it: who asks, whether they may, what they ask for, and only then the handler. */
export function serve(route: Route, { open, authenticate, baseUrl }: ServeOptions): RequestHandler {
  const readInput = inputReader(route, baseUrl);
  return async (request, response) => {
    if (route.auth === "public") {
      const { body: _none, ...input } = await readInput(request);
      return respond(response, await route.handler({ ...input, open } as never));
    }
    const services = await open();
    const principal = await authenticate(request, response);
    const scope = scopeOf(principal);
    if (route.auth === "admin") assertAdmin(route.operationId, scope);
    const input = await readInput(request);
    return respond(response, await route.handler({ ...input, services, principal, scope } as never));
  };
}

async function respond(response: Response, { status, body, headers = {} }: Reply): Promise<void> {
  response.status(status);
  if (body instanceof Readable) {
    // Not by express, which would add a charset.
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    await pipeline(body, response).catch((error: NodeJS.ErrnoException) => {
      // Who leaves early wants no answer.
      if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
    });
    // A vendor may answer before it has read all that is forwarded to it.
    if (!response.req.complete) discardRest(response.req);
    return;
  }
  if (body === undefined) {
    response.set(headers).end();
    return;
  }
  const isText = typeof body === "string" && headers["content-type"] !== undefined;
  response.set({ "content-type": status < 400 ? "application/json" : "application/problem+json", ...headers });
  response.end(isText ? body : JSON.stringify(body));
}

type ReadInput = (request: Request) => Promise<Omit<PublicCall, "open"> & { body: unknown }>;

/** The schema of a route's query. */
export function queryOf({ query = {}, openQuery = false }: Route): JsonSchema {
  return isInput(query) ? query.schema : { type: "object", properties: query, additionalProperties: openQuery };
}

function isInput(query: Route["query"]): query is Input<unknown> {
  return typeof query?.["check"] === "function";
}

/** Reads a route's input, and checks its query; the body is the service's to check. */
function inputReader(route: Route, baseUrl: string | undefined): ReadInput {
  const { operationId, query, body, rawBody, bodyBytes, ignoresBody } = route;
  const querySchema = queryOf(route);
  const checkQuery = isInput(query) ? query : checkedInput("query", querySchema);
  const base = baseUrl?.replace(/\/+$/, "");
  return async (request) => {
    const asked = readQuery(request.originalUrl, querySchema["properties"] as Record<string, JsonSchema>);
    if (ignoresBody) discardRest(request);
    else if (body === undefined && rawBody === undefined) await refuseBody(request, operationId);
    const sent = body && ((await readBody(request, bodyBytes)) ?? {});
    await inQuery(() => checkQuery.check(asked));
    const params = request.params as Record<string, string>;
    const { headers, baseUrl: mountedAt } = request;
    const bytes = (maxBytes?: number) => readBytes(request, maxBytes);
    return { params, query: asked, body: sent, headers, base: base ?? mountedAt, request, bytes };
  };
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
