import { randomUUID } from "node:crypto";
import { Router, type ErrorRequestHandler, type Request, type RequestHandler } from "express";
import helmet from "helmet";
import { HooklineError, nearest } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { createAuthenticate, type HostLogin } from "./authenticate.ts";
import { describeApi } from "./openapi.ts";
import { methodNotAllowed, problemHeaders, toProblem } from "./problem.ts";
import type { Route } from "../model/route.ts";
import { serve } from "./serve.ts";
import { allRoutes } from "./routes/index.ts";
import type { Services } from "./services.ts";

export interface RouterOptions {
  /** The open rooms; called once `started()` is true. */
  services: () => Promise<Services>;
  /** Whether the runtime works; until then all but `/healthz` and `/openapi.json` answer 503. */
  started: () => boolean;
  /** The host's own login; asked when there is no valid API key or user token. Default nobody. */
  authenticate?: HostLogin;
  /** An admin key besides those in the store. */
  apiKey?: string;
  /** Where the router is reached from outside; default the path it is mounted at. */
  baseUrl?: string;
  /** Whether `/metrics` needs no key; default false. */
  publicMetrics?: boolean;
  log: Log;
}

/**
 * The HTTP API as an express router. It answers every request below the path it is mounted at, so mount it under one of
 * its own, before or after `express.json()`, and before or after the runtime is started.
 */
export function createRouter(options: RouterOptions): Router {
  const { services, started, baseUrl, log } = options;
  const authenticate = createAuthenticate({ apiKey: options.apiKey, hostLogin: options.authenticate });
  const open = async (): Promise<Services> => {
    if (!started()) throw new HooklineError("stopped", "Hookline is not started; try again in a moment");
    return services();
  };
  const routes: Route[] = allRoutes({
    open,
    publicMetrics: options.publicMetrics ?? false,
    describe: (base) => describeApi(routes, base),
    log,
  });

  const router = Router();
  router.use(securityHeaders);
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, ofPath] of byPath) {
    const mounted = router.route(path.replace(/\{\+(\w+)\}$/, "*$1").replaceAll(/\{(\w+)\}/g, ":$1"));
    for (const route of ofPath)
      mounted[route.method](
        serve(route, {
          open,
          authenticate: async (request, response) => authenticate(request, response, await open()),
          baseUrl,
        }),
      );
    mounted.all(refuseMethod(ofPath.map(({ method }) => method.toUpperCase())));
  }
  router.use((request) => {
    throw noSuchPath(request, [...byPath.keys()]);
  });
  router.use(answerProblem(log));
  return router;
}

/** HSTS is left to the host: it would hold for the whole of its domain. */
const helmetHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: { "default-src": ["'none'"], "frame-ancestors": ["'none'"] },
  },
  strictTransportSecurity: false,
});

const securityHeaders: RequestHandler = (request, response, next) => {
  response.set("cache-control", "no-store");
  helmetHeaders(request, response, next);
};

function refuseMethod(allowed: readonly string[]): RequestHandler {
  const all = allowed.includes("GET") ? [...allowed, "HEAD"] : allowed;
  return (request, response) => {
    response.status(405).set({ allow: all.join(", "), "content-type": "application/problem+json" });
    response.end(JSON.stringify(methodNotAllowed(request.method, all)));
  };
}

function noSuchPath({ path }: Request, known: readonly string[]): HooklineError {
  const near = nearest(
    path,
    known.map((template) => fillIn(template, path)),
  );
  const remedy = near === undefined ? "GET /openapi.json lists all" : `did you mean ${near}?`;
  return new HooklineError("not_found", `There is no such path; ${remedy}`);
}

/** A path template with its parameters as they stand in the given path. */
function fillIn(template: string, path: string): string {
  const given = path.split("/");
  return template
    .split("/")
    .map((part, index) => (part.startsWith("{") ? (given[index] ?? part) : part))
    .join("/");
}

function answerProblem(log: Log): ErrorRequestHandler {
  // Express tells error handlers by their four parameters.
  return (error: unknown, request, response, _next) => {
    // Nobody is there any more to be answered.
    if (request.socket.destroyed) return;
    const requestId = randomUUID();
    const problem = toProblem(error, requestId);
    if (problem.status === 500)
      log.error({ requestId, method: request.method, path: request.path, error }, "a request failed");
    if (response.headersSent) {
      response.destroy();
      return;
    }
    // A body that was not read to its end would be taken for the next request.
    if (problem.status === 413) response.set("connection", "close");
    request.resume();
    response.status(problem.status).set("content-type", "application/problem+json").set(problemHeaders(error, problem));
    response.end(JSON.stringify(problem));
  };
}
