import { randomUUID } from "node:crypto";
import type { Request, Response } from "express";
import { isObject } from "../../core/json.ts";
import { send, type Route } from "../route.ts";
import {
  HighLevelError,
  highLevelAnswers,
  invalidToken,
  scopeNotGranted,
  tooManyRequests,
  wrongTokenKind,
} from "./errors.ts";
import type { Access } from "./oauth.ts";
import { OPERATIONS, type Operation } from "./operations.ts";
import type { HighLevel, Row } from "./state.ts";
import { assertRequest } from "./validate.ts";

/** One authenticated call that HighLevel has found to be in order. */
export interface Call {
  highLevel: HighLevel;
  access: Access;
  /** The `{…}` parts of the path. */
  path: Record<string, string>;
  query: URLSearchParams;
  body: Row;
  /** Of bodies that are lists. */
  items: Row[];
}

/** A file instead of JSON. */
export class FileAnswer {
  readonly mediaType: string;
  readonly content: Buffer;

  constructor(mediaType: string, content: Buffer) {
    this.mediaType = mediaType;
    this.content = content;
  }
}

/** Answers the body of a 200, or 201 where HighLevel says created; throws {@link HighLevelError}. By `METHOD /path`. */
export type Handlers = Readonly<Record<string, (call: Call) => object>>;

const VERSIONS = new Set(["2021-04-15", "2021-07-28", "2023-02-21", "v3"]);

/** Routes of all operations under a prefix: limits, token, version, scope and form are checked first, in that order. */
export function apiRoutes(highLevel: HighLevel, prefix: string, handlers: Handlers): Route[] {
  return OPERATIONS.map((operation) => {
    const handle = handlers[`${operation.method} ${operation.path}`];
    if (!handle) throw new TypeError(`highlevel: nothing answers ${operation.method} ${operation.path}`);
    return {
      id: `highlevel.${operation.id}`,
      method: operation.method,
      path: prefix + operation.path,
      answers: highLevelAnswers,
      handle: (request, response, path) => {
        try {
          answer(response, operation, handle(admit(highLevel, operation, request, response, path)));
        } catch (error) {
          if (!(error instanceof HighLevelError)) throw error;
          send(response, error);
        }
      },
    };
  });
}

function admit(
  highLevel: HighLevel,
  operation: Operation,
  request: Request,
  response: Response,
  path: Record<string, string>,
): Call {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  const access = token === undefined ? undefined : highLevel.oauth.access(token);
  if (!access) throw invalidToken();
  const { allowed, headers } = highLevel.limits.count(access.locationId ?? access.companyId);
  response.set(headers);
  if (!allowed) throw tooManyRequests();
  assertVersion(request.headers["version"]);
  if (!operation.token.includes(access.userType === "Company" ? "Agency" : "Location")) throw wrongTokenKind();
  if (!operation.scopes.every((scope) => access.scopes.has(scope))) throw scopeNotGranted();
  const query = new URL(request.url, "http://sandbox").searchParams;
  const body: unknown = bodyOf(request);
  assertRequest(operation, path, query, body);
  const call = {
    highLevel,
    access,
    path,
    query,
    body: isObject(body) ? body : {},
    items: Array.isArray(body) ? body : [],
  };
  assertOwnLocation(call);
  return call;
}

/** JSON, or a form as an object. */
function bodyOf({ body }: Request): unknown {
  return typeof body === "string" ? Object.fromEntries(new URLSearchParams(body)) : (body ?? {});
}

function assertVersion(version: string | string[] | undefined): void {
  if (version === undefined) throw new HighLevelError(401, "version header was not found.");
  if (!VERSIONS.has(String(version))) throw new HighLevelError(401, "version header is invalid");
}

/** A location's token opens nothing of another location. */
function assertOwnLocation({ access, path, query, body }: Call): void {
  if (access.locationId === undefined) return;
  const named = [path["locationId"], query.get("locationId"), query.get("location_id"), body["locationId"]];
  if (named.some((id) => typeof id === "string" && id !== access.locationId)) {
    throw new HighLevelError(403, "The token does not have access to this location.");
  }
}

function answer(response: Response, { method, id }: Operation, body: object): void {
  if (body instanceof FileAnswer) {
    response.status(200).type(body.mediaType).send(body.content);
    return;
  }
  const created = method === "POST" && /^(create|add)-/.test(id);
  const traced = Array.isArray(body) ? body : { ...body, traceId: randomUUID() };
  response.status(created ? 201 : 200).json(traced);
}

/** A page of rows, by `skip` or `offset` and `limit`. */
export function page(rows: Row[], from: unknown, limit: unknown, defaultLimit: number): Row[] {
  const start = Number(from ?? 0) || 0;
  return rows.slice(start, start + (Number(limit ?? 0) || defaultLimit));
}
