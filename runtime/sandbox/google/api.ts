import type { IncomingHttpHeaders } from "node:http";
import type { Request } from "express";
import { isObject } from "../../core/json.ts";
import { send } from "../route.ts";
import type { Route, VendorAnswers } from "../route.ts";
import { googleAnswers, GoogleApiError, insufficientScope, unauthenticated } from "./errors.ts";
import type { Account, Google } from "./google.ts";

/** One authenticated call of an API method. */
export interface Call {
  google: Google;
  account: Account;
  /** The `{…}` parts of the path. */
  path: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Record<string, unknown>;
}

export interface ApiMethod {
  /** As the client library calls it, such as `people.people.connections.list`. */
  id: string;
  method: Route["method"];
  path: string;
  /** The name of the remote procedure, which the error for a missing scope tells. */
  procedure: string;
  /** Any one of these is enough. */
  scopes: readonly string[];
  /** Answers the JSON body, or nothing (204); throws {@link GoogleApiError}. */
  handle(call: Call): object | void | Promise<object | void>;
}

interface ApiService {
  /** Such as `people.googleapis.com`. */
  host: string;
  /** Such as `google.people.v1.PeopleService`. */
  procedures: string;
  /** How it words the failures any method can answer with. Default: as the People API. */
  answers?: VendorAnswers;
}

/** Routes for the methods of a Google API: bearer token and scope are checked first, as Google does. */
export function apiRoutes(google: Google, service: ApiService, methods: readonly ApiMethod[]): Route[] {
  return methods.map((method) => ({
    id: method.id,
    method: method.method,
    path: method.path,
    answers: service.answers ?? googleAnswers,
    handle: async (request, response, path) => {
      try {
        const account = authorize(google, service, method, request);
        const query = new URL(request.url, "http://sandbox").searchParams;
        const body = isObject(request.body) ? request.body : {};
        const answer = await method.handle({ google, account, path, query, headers: request.headers, body });
        if (answer === undefined) response.status(204).end();
        else response.json(answer);
      } catch (error) {
        if (!(error instanceof GoogleApiError)) throw error;
        send(response, error);
      }
    },
  }));
}

function authorize(google: Google, service: ApiService, method: ApiMethod, request: Request): Account {
  const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? "")?.[1];
  if (token === undefined) throw unauthenticated(false);
  const access = google.oauth.access(token);
  if (!access) throw unauthenticated(true);
  if (!method.scopes.some((scope) => access.scopes.has(scope))) {
    throw insufficientScope(service.host, `${service.procedures}.${method.procedure}`, method.scopes);
  }
  return google.account(access.email);
}
