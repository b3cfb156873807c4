import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import type { ErrorRequestHandler, Express } from "express";
import { systemClock } from "../core/clock.ts";
import type { Clock } from "../core/clock.ts";
import { controlRouter } from "./control.ts";
import type { Controlled } from "./control.ts";
import { Simulation } from "./edits.ts";
import { FaultBoard } from "./faults.ts";
import { calendarRoutes } from "./google/calendar/calendar.ts";
import { invalidArgument, unknownMethod } from "./google/errors.ts";
import { gmailRoutes } from "./google/gmail/gmail.ts";
import { Google } from "./google/google.ts";
import type { GoogleSnapshot } from "./google/google.ts";
import { oauthRoutes } from "./google/oauth-routes.ts";
import { peopleRoutes } from "./google/people/people.ts";
import { tasksRoutes } from "./google/tasks/tasks.ts";
import { highLevelControl } from "./highlevel/control.ts";
import { highLevelRoutes } from "./highlevel/routes.ts";
import { HighLevel, type HighLevelSettings } from "./highlevel/state.ts";
import { RequestLog, serveRoutes } from "./routes.ts";
import { send } from "./route.ts";

export interface SandboxOptions {
  /** TCP port; 0 takes any that is free. Default: 0. */
  port?: number;
  /** Address to listen on. The sandbox has no secrets, so there is little reason for more than loopback. Default: 127.0.0.1. */
  host?: string;
  /** What the vendors take for the time. Default: the system's. */
  clock?: Clock;
  /** The same seed gives the same people under the same ids. Default: 1. */
  seed?: number;
  /** Life of access tokens in seconds. Default: 3599, as Google's. */
  accessTokenSeconds?: number;
  /** How long a write stays invisible to sync requests, in milliseconds. Default: 0. */
  propagationDelayMs?: number;
  /** Address of the first account. Default: alex.morgan@example.com. */
  account?: string;
  /** How many contacts the first account begins with. Default: 50. */
  contacts?: number;
  /** What an earlier sandbox wrote down (`google.snapshot()`); this one continues there, without a first account of its own. */
  snapshot?: GoogleSnapshot;
  /** What the simulated HighLevel allows and delays. Default: as HighLevel does, without delay. */
  highLevel?: Partial<HighLevelSettings>;
  /** Redirect URIs the client has registered; any on loopback are accepted besides. Default: none. */
  redirectUris?: readonly string[];
}

/** Where a connector finds its vendor, in the form of the configuration's `servers`. */
export interface SandboxServer {
  url: string;
  authorizationUrl: string;
  tokenUrl: string;
  /** Absent when the vendor cannot be asked to take a grant back. */
  revokeUrl?: string;
}

type GoogleConnector = "google-contacts" | "gmail" | "google-tasks" | "google-calendar";

/** The simulated vendors, listening. */
export interface Sandbox {
  readonly url: string;
  readonly servers: Readonly<Record<GoogleConnector | "highlevel", SandboxServer>>;
  /** The OAuth client that the simulated vendors know. */
  readonly client: { readonly clientId: string; readonly clientSecret: string };
  /** The state of the simulated Google, for use in the same process. */
  readonly google: Google;
  /** The state of the simulated HighLevel, for use in the same process. */
  readonly highLevel: HighLevel;
  readonly faults: FaultBoard;
  readonly requests: RequestLog;
  readonly simulation: Simulation;
  /** Cuts all connections, also those that a fault has left hanging. */
  stop(): Promise<void>;
}

/** What stands before HighLevel's paths. */
const HIGHLEVEL = "/highlevel";
const CLIENT = { clientId: "hookline-sandbox.apps.googleusercontent.com", clientSecret: "sandbox-secret" };

/** Starts the simulated vendors on one port. Rejects with the system's error when the port cannot be had. */
export async function createSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const seed = options.seed ?? 1;
  const google = new Google({
    clock: options.clock ?? systemClock,
    settings: {
      accessTokenSeconds: options.accessTokenSeconds ?? 3599,
      propagationDelayMs: options.propagationDelayMs ?? 0,
      rotateRefreshTokens: false,
      expiredSyncTokenStatus: 400,
      gmailUnitsPerMinute: 15_000,
    },
    clients: [{ ...CLIENT, redirectUris: options.redirectUris ?? [] }],
  });
  if (options.snapshot) google.restore(options.snapshot);
  else
    google.addAccount({ email: options.account ?? "alex.morgan@example.com", contacts: options.contacts ?? 50, seed });
  const highLevel = new HighLevel({
    clock: google.clock,
    seed,
    settings: options.highLevel ?? {},
    clients: [{ ...CLIENT, redirectUris: options.redirectUris ?? [] }],
  });
  const controlled = {
    google,
    highLevel,
    faults: new FaultBoard(),
    requests: new RequestLog(),
    simulation: new Simulation(),
    seed,
  };

  let url = "";
  const listener = createServer(sandboxApp(controlled, () => url));
  const host = options.host ?? "127.0.0.1";
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject).listen(options.port ?? 0, host, resolve);
  });
  url = `http://${host}:${(listener.address() as AddressInfo).port}`;

  const { faults, requests, simulation } = controlled;
  const server = {
    url,
    authorizationUrl: `${url}/o/oauth2/v2/auth`,
    tokenUrl: `${url}/token`,
    revokeUrl: `${url}/revoke`,
  };
  return {
    url,
    servers: {
      "google-contacts": server,
      gmail: server,
      "google-tasks": server,
      "google-calendar": server,
      highlevel: {
        url: url + HIGHLEVEL,
        authorizationUrl: `${url}${HIGHLEVEL}/oauth/chooselocation`,
        tokenUrl: `${url}${HIGHLEVEL}/oauth/token`,
      },
    },
    client: CLIENT,
    google,
    highLevel,
    faults,
    requests,
    simulation,
    stop: async () => {
      simulation.stop();
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      listener.closeAllConnections();
      await closed;
    },
  };
}

function sandboxApp(controlled: Controlled & { highLevel: HighLevel }, url: () => string): Express {
  const { google, highLevel, faults, requests } = controlled;
  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.use((_request, response, next) => {
    response.setHeader("Date", new Date(google.clock.now()).toUTCString());
    next();
  });
  app.use(express.json({ limit: "10mb" }), express.text({ type: "application/x-www-form-urlencoded" }));
  app.use("/control/highlevel", highLevelControl(highLevel));
  app.use("/control", controlRouter(controlled));
  const apis = [...peopleRoutes(google), ...tasksRoutes(google), ...calendarRoutes(google), ...gmailRoutes(google)];
  const routes = [...oauthRoutes(google, requests, url), ...apis, ...highLevelRoutes(highLevel, HIGHLEVEL, requests)];
  app.use(serveRoutes(routes, faults, requests));
  app.use((_request, response) => send(response, unknownMethod()));
  app.use(answerMalformed);
  return app;
}

const answerMalformed: ErrorRequestHandler = (
  error: { status?: number; message?: string },
  _request,
  response,
  next,
) => {
  if (error.status === undefined || error.status >= 500) return next(error);
  return send(response, invalidArgument(`Invalid JSON payload received. ${error.message ?? ""}`));
};
