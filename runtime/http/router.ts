import { randomUUID } from "node:crypto";
import { Router, type ErrorRequestHandler, type Request, type RequestHandler, type Response } from "express";
import helmet from "helmet";
import { HooklineError, nearest } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Problem } from "../core/problem.ts";
import type { Module } from "../engine/module.ts";
import { createAuthenticate, type HostLogin } from "./authenticate.ts";
import { discardRest } from "./body.ts";
import { describeApi, TAGS } from "./openapi.ts";
import { methodNotAllowed, problemHeaders, toProblem } from "./problem.ts";
import { scopeOf, type Principal, type Scope } from "../model/principal.ts";
import type { Route } from "../model/route.ts";
import { serve } from "./serve.ts";
import { coreRoutes } from "./routes/index.ts";
import { failurePage, isPage } from "./routes/oauth.ts";
import { components } from "./schemas/index.ts";
import type { Services } from "./services.ts";

/** What HTTP needs to know of a module: its routes, and how the OpenAPI document describes them. */
export type ServedModule = Pick<Module<never, unknown>, "routes" | "nouns" | "tags">;

export interface RouterOptions {
  /** The open runtime: what the handlers of every route get. */
  services: () => Promise<Services>;
  /** The modules of this runtime; loaded with the first request. */
  modules: () => Promise<readonly ServedModule[]>;
  /** Whether the runtime works; until then all but `/healthz` and `/openapi.json` answer 503. */
  started: () => boolean;
  /** The host's own login; asked when there is no valid API key or user token. Default nobody. */
  authenticate?: HostLogin | undefined;
  /** An admin key besides those in the store. */
  apiKey?: string | undefined;
  /** Where the router is reached from outside; default the path it is mounted at. */
  baseUrl?: string;
  /** How pages for people call the embedding product. */
  productName: string;
  log: Log;
}

/**
 * The HTTP API as an express router. It answers every request below the path it is mounted at, so mount it under one of
 * its own, before or after `express.json()`, and before or after the runtime is started.
 */
export function createRouter(options: RouterOptions): Router {
  let routes: Promise<Router> | undefined;
  const router = Router();
  router.use(securityHeaders);
  router.use(async (request, response, next) => {
    routes ??= makeRoutes(options).catch((error: unknown) => {
      routes = undefined;
      throw error;
    });
    (await routes)(request, response, next);
  });
  router.use(answerProblem(options.log));
  return router;
}

/** Characters below which an API key is reported as one that can be guessed. */
export const SHORT_KEY = 16;

async function makeRoutes(options: RouterOptions): Promise<Router> {
  const { services, started, baseUrl, productName, log } = options;
  const authenticate = createAuthenticate({ apiKey: options.apiKey, hostLogin: options.authenticate });
  if (options.apiKey && options.apiKey.length < SHORT_KEY) {
    const message = `the API key is short enough to be guessed; give at least ${SHORT_KEY} random characters`;
    log.warn({ characters: options.apiKey.length }, message);
  }
  const open = async (): Promise<Services> => {
    if (!started()) throw new HooklineError("stopped", "Hookline is not started; try again in a moment");
    return services();
  };
  const byHand = async (request: Request, response: Response) => authenticate(request, response, await open());
  const visitorOf = options.authenticate && ((request: Request) => scopeOfVisitor(() => byHand(request, request.res!)));
  const modules = await options.modules();
  const nouns = { ...components, ...Object.assign({}, ...modules.map((module) => module.nouns)) };
  const tags = { ...TAGS, ...Object.assign({}, ...modules.map((module) => module.tags)) };
  const routes: Route[] = [
    ...coreRoutes({ describe: (base) => describeApi({ routes, nouns, tags }, base), log, visitorOf, productName }),
    ...modules.flatMap((module) => module.routes),
  ];
  const router = Router();
  const byPath = Map.groupBy(routes, ({ path }) => path);
  for (const [path, ofPath] of byPath) {
    const mounted = router.route(path.replace(/\{\+(\w+)\}$/, "*$1").replaceAll(/\{(\w+)\}/g, ":$1"));
    for (const route of ofPath) mounted[route.method](serve(route, { open, authenticate: byHand, baseUrl }));
    mounted.all(refuseMethod(ofPath.map(({ method }) => method.toUpperCase())));
  }
  router.use((request) => {
    throw noSuchPath(request, [...byPath.keys()]);
  });
  return router;
}

/** Whose things a visitor of a page may touch; null for somebody who is not signed in. */
async function scopeOfVisitor(identify: () => Promise<Principal>): Promise<Scope | null> {
  try {
    return scopeOf(await identify());
  } catch (error) {
    if (error instanceof HooklineError && error.code === "unauthenticated") return null;
    throw error;
  }
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
    discardRest(request);
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
  return new HooklineError("not_found", `This path does not exist; ${remedy}`);
}

/** The parameters of a path template, as the given path has them. */
function fillIn(template: string, path: string): string {
  const given = path.split("/");
  return template
    .split("/")
    .map((part, index) => (part.startsWith("{") ? (given[index] ?? part) : part))
    .join("/");
}

/** Whatever a handler throws leaves as problem+json, or as a page where a person looks at it; the host's own error handler never sees it. */
function answerProblem(log: Log): ErrorRequestHandler {
  // Express tells error handlers by their four parameters.
  return (error: unknown, request, response, _next) => {
    // Who left in the middle of the body is no failure of ours, and wants no answer.
    if (error === request.errored) return;
    const requestId = randomUUID();
    const problem = toProblem(error, requestId);
    if (problem.status === 500)
      log.error({ requestId, method: request.method, path: request.path, error }, "a request failed");
    // Nobody is there any more to be answered.
    if (response.socket === null || response.socket.destroyed) return;
    if (response.headersSent) {
      response.destroy();
      return;
    }
    discardRest(request);
    if (isPage(request.path)) {
      const { status, headers, body } = failurePage(error);
      response.status(status).set(headers!).end(body);
      return;
    }
    response.status(problem.status).set("content-type", "application/problem+json").set(problemHeaders(error, problem));
    response.end(problemText(problem, requestId));
  };
}

/** An error's own facts may have no JSON form; then it is a fault of Hookline. */
function problemText(problem: Problem, requestId: string): string {
  try {
    return JSON.stringify(problem);
  } catch (error) {
    return JSON.stringify({ ...toProblem(error, requestId), requestId });
  }
}
