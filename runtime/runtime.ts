import type { Request, Router } from "express";
import type { Logger } from "pino";
import { compose, type Composed, type ComposeOptions } from "./compose.ts";
import type { ActionResult } from "./connect/actions.ts";
import type { Connect } from "./connect/connect.ts";
import type { Variables } from "./connect/variables.ts";
import type { ConnectionView } from "./connect/view.ts";
import type { NetworkPolicy } from "./core/addresses.ts";
import { systemClock, type Clock } from "./core/clock.ts";
import { HooklineError } from "./core/errors.ts";
import { createLog } from "./core/log.ts";
import { inOrder, type Consumer, type ConsumerOptions } from "./deliver/consumers.ts";
import type { Deliveries } from "./deliver/deliveries.ts";
import type { Endpoints } from "./deliver/endpoints.ts";
import type { Flows } from "./flows/flows.ts";
import type { FlowRoom } from "./flows/room.ts";
import type { Runs } from "./flows/runs.ts";
import type { Syncs } from "./flows/sync/syncs.ts";
import type { Templates } from "./flows/templates.ts";
import type { Principal } from "./http/principal.ts";
import { createRouter } from "./http/router.ts";
import { builtInConnectors } from "./manifest/load.ts";
import type { Subscriptions } from "./poll/subscriptions.ts";

export interface RuntimeOptions {
  /** `sqlite:./file.db` or `sqlite::memory:` (the default: nothing survives). */
  store?: string;
  /** Built-in names, paths of manifests, or manifests; default all built-in connectors. */
  connectors?: readonly (string | object)[];
  /** 32 bytes each, base64 or hex: the first encrypts, all decrypt. Needed for every store but one in memory. */
  encryptionKeys?: readonly (string | undefined)[];
  /** The embedding product's OAuth registrations, by connector. */
  clients?: ComposeOptions["clients"];
  /** Other addresses than the manifests', by connector: a sandbox, a proxy. */
  servers?: ComposeOptions["servers"];
  /** Which private addresses webhooks and vendors may have; default none. */
  network?: Partial<NetworkPolicy>;
  /** Where the router is reached from outside; the OAuth callback is `<baseUrl>/v1/oauth/callback`. Default `http://localhost:8080`. */
  baseUrl?: string;
  /** Further origins to which a person may be sent back after OAuth; that of `baseUrl` always may. */
  returnOrigins?: readonly string[];
  /** The host's own login: who sends this request, or null. Asked when there is no API key and no user token. */
  authenticate?: (request: Request) => Principal | null | Promise<Principal | null>;
  /** An admin key for the HTTP API. */
  apiKey?: string;
  /** Days that events, and finished deliveries, are kept; default 30 each. */
  retention?: { eventsDays?: number; deliveriesDays?: number };
  /** At once in this process: polls (default 64), deliveries (128), deliveries to one endpoint (32). */
  concurrency?: Partial<ComposeOptions["concurrency"]>;
  /** The host's pino logger; default one on standard output at level "info". */
  logger?: Logger;
  clock?: Clock;
}

/** A connection one can act through. */
export interface ConnectionHandle extends ConnectionView {
  warnings: string[];
  /**
   * Runs an action and gives its output.
   * @throws HooklineError `not_found`, `invalid_input` with every fault, `scope_missing`, `vendor_error`, `reauth_required`, …
   */
  run(action: string, input: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<unknown>;
}

export interface RuntimeConnections extends Pick<
  Connect,
  "create" | "list" | "update" | "remove" | "test" | "reconnect"
> {
  /** @throws HooklineError `not_found` */
  get(id: string): Promise<ConnectionHandle>;
  runAction(id: string, action: string, input: Record<string, unknown>): Promise<ActionResult>;
}

type PublicSubscriptions = Pick<
  Subscriptions,
  "create" | "get" | "list" | "update" | "remove" | "pause" | "resume" | "poll" | "health"
>;

/** An integration connector inside a process. Made at once; the store is opened by the first use, work begins with `start`. */
export interface Runtime extends AsyncDisposable {
  /** The HTTP API, to be mounted anywhere. */
  readonly router: Router;
  readonly connections: RuntimeConnections;
  readonly subscriptions: PublicSubscriptions;
  readonly flows: Flows & Pick<FlowRoom["flows"], "test">;
  readonly runs: Omit<Runs, "forget">;
  readonly templates: Templates;
  /** Two connections kept alike in one resource. */
  readonly syncs: Omit<Syncs, "connectionChanged">;
  readonly variables: Pick<Variables, "list" | "get" | "set" | "remove">;
  readonly endpoints: Endpoints;
  readonly deliveries: Deliveries;
  /**
   * Handles events in this process with the guarantees of a webhook: at least once, retried, kept over restarts. The options may
   * come before the handler: `on("contact.*", { timeoutSeconds: 60 }, async (event, { signal }) => …)`.
   */
  on(pattern: string, handler: Consumer, options?: ConsumerOptions): void;
  on(pattern: string, options: ConsumerOptions, handler: Consumer): void;
  /** Opens the store and begins to poll and deliver. */
  start(): Promise<void>;
  /** Takes nothing new, finishes what runs (up to `graceMs`, default 30 s), closes the store. */
  stop(graceMs?: number): Promise<void>;
}

/** Makes a runtime. Nothing is opened, read or sent before it is used or started. */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const log = createLog({ logger: options.logger });
  const pending: [string, Consumer, ConsumerOptions?][] = [];
  let opened: Promise<Composed> | undefined;
  let started = false;
  let stopped: Promise<void> | undefined;

  const open = (): Promise<Composed> => {
    if (stopped) throw new HooklineError("stopped", "This runtime was stopped; make a new one");
    opened ??= (async () => {
      const composed = await compose(await resolve(options, log));
      for (const consumer of pending) composed.consumers.on(...consumer);
      return composed;
    })();
    return opened;
  };

  return {
    router: createRouter({
      services: open,
      started: () => started,
      authenticate: options.authenticate,
      apiKey: options.apiKey,
      baseUrl: options.baseUrl,
      log,
    }),
    connections: deferred<RuntimeConnections>(open, (c) => c.connect, {
      get: async (id) => {
        const { connect } = await open();
        const view = await connect.get(id);
        return {
          ...view,
          run: async (action, input, given) => (await connect.runAction(id, action, input, given)).output,
        };
      },
    }),
    subscriptions: deferred(open, (c) => c.subscriptions),
    flows: deferred(open, (c) => c.flows),
    runs: deferred(open, (c) => c.runs),
    templates: deferred(open, (c) => c.templates),
    syncs: deferred(open, (c) => c.syncs),
    variables: deferred(open, (c) => c.variables),
    endpoints: deferred(open, (c) => c.endpoints),
    deliveries: deferred(open, (c) => c.deliveries),
    on: (pattern: string, ...given: [Consumer, ConsumerOptions?] | [ConsumerOptions, Consumer]) => {
      const [handler, consumerOptions] = inOrder(given);
      pending.push([pattern, handler, consumerOptions]);
      if (opened) void opened.then((composed) => composed.consumers.on(pattern, handler, consumerOptions));
    },
    start: async () => {
      const composed = await open();
      if (started) return;
      started = true;
      await composed.consumers.start();
      await composed.engine.start();
    },
    stop: (graceMs) => (stopped ??= close(opened, graceMs)),
    async [Symbol.asyncDispose]() {
      await this.stop();
    },
  };
}

async function close(opened: Promise<Composed> | undefined, graceMs?: number): Promise<void> {
  const composed = await opened?.catch(() => undefined);
  await composed?.engine.stop(graceMs);
  await composed?.close();
}

/** A service that is not open yet: each of its methods waits until it is. `own` take the place of the service's. */
function deferred<Service extends object>(
  open: () => Promise<Composed>,
  pick: (composed: Composed) => object,
  own: Partial<Service> = {},
): Service {
  const method =
    (name: string) =>
    async (...given: unknown[]) => {
      const service = pick(await open()) as Record<string, (...given: unknown[]) => unknown>;
      return await service[name]!(...given);
    };
  return new Proxy(own, {
    get: (target, name) => {
      // Awaiting the service itself must not look like calling a method of it.
      if (typeof name !== "string" || name === "then") return undefined;
      return Reflect.get(target, name) ?? method(name);
    },
  }) as Service;
}

async function resolve(options: RuntimeOptions, log: ComposeOptions["log"]): Promise<ComposeOptions> {
  return {
    store: options.store ?? "sqlite::memory:",
    connectors: options.connectors ?? (await builtInConnectors()),
    encryptionKeys: (options.encryptionKeys ?? []).filter((key) => key !== undefined && key !== ""),
    clients: options.clients ?? {},
    servers: options.servers ?? {},
    network: { allowPrivate: false, allow: [], ...options.network },
    baseUrl: options.baseUrl ?? "http://localhost:8080",
    returnOrigins: options.returnOrigins ?? [],
    retention: { eventsDays: 30, deliveriesDays: 30, ...options.retention },
    concurrency: { polls: 64, deliveries: 128, perEndpoint: 32, ...options.concurrency },
    clock: options.clock ?? systemClock,
    log,
    random: Math.random,
  } as ComposeOptions;
}
