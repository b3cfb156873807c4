import type { Request } from "express";
import type { Logger } from "pino";
import type { OAuthClient } from "./accounts/oauth.ts";
import type { NetworkPolicy } from "./core/addresses.ts";
import { systemClock, type Clock } from "./core/clock.ts";
import { withFaults } from "./core/errors.ts";
import { createLog, type Log } from "./core/log.ts";
import { builtInConnectors } from "./manifest/load.ts";
import type { Principal } from "./model/principal.ts";
import { MODULES, type ModuleName } from "./modules.ts";
import { MEMORY, optionFaults } from "./option-faults.ts";
import type { ServerOverride } from "./vendor/hosts.ts";

export interface RuntimeOptions {
  /** `sqlite:./file.db`, `postgres://user@host/db`, or `sqlite::memory:` (the default: nothing survives). */
  store?: string | undefined;
  /** Built-in names, paths of manifests, or manifests; default all built-in connectors. */
  connectors?: readonly (string | object)[] | undefined;
  /** 32 bytes each, base64 or hex: the first encrypts, all decrypt. Needed for every store but one in memory. */
  encryptionKeys?: readonly (string | undefined)[] | undefined;
  /** The embedding product's OAuth registrations, by connector. */
  clients?: Readonly<Record<string, OAuthClient>> | undefined;
  /**
   * What a person is asked for when a connection names no scopes, triggers or actions: `least` (the default), what connecting needs
   * and what the connection is used for already; `all`, every scope of the manifest.
   */
  consent?: "least" | "all" | undefined;
  /** Other addresses than the manifests', by connector: a sandbox, a proxy. */
  servers?: Readonly<Record<string, ServerOverride>> | undefined;
  /** Which private addresses webhooks and vendors may have; default none. */
  network?: Partial<NetworkPolicy> | undefined;
  /** Where the router is reached from outside; the OAuth callback is `<baseUrl>/v1/oauth/callback`. Default `http://localhost:8080`. */
  baseUrl?: string | undefined;
  /** Further origins to which a person may be sent back after OAuth; that of `baseUrl` always may. */
  returnOrigins?: readonly string[] | undefined;
  /** How pages for people call the embedding product; default "this product". */
  productName?: string | undefined;
  /**
   * Whether every account connected by OAuth has to be confirmed by who began, as with `confirm: true`. Without it, a user
   * decides that for each connection of their own. Default false.
   */
  requireConfirmation?: boolean | undefined;
  /** The host's own login: who sends this request, or null. Asked when there is no API key and no user token. */
  authenticate?: HostLogin | undefined;
  /** An admin key for the HTTP API. */
  apiKey?: string | undefined;
  /** Days that events, and finished deliveries, are kept; default 30 each. */
  retention?: { eventsDays?: number | undefined; deliveriesDays?: number | undefined } | undefined;
  /**
   * When most records of a stream are missing in two complete reads, they are not reported as deleted until a person accepts it.
   * `release` (the default) reports them after a day in which all reads agreed, `hold` waits for the person.
   */
  unusualDeletions?: "release" | "hold" | undefined;
  /** At once in this process: polls (default 64), deliveries (128), deliveries to one endpoint (32). */
  concurrency?: { polls?: number; deliveries?: number; perEndpoint?: number } | undefined;
  /** What there is besides connecting, polling and delivering; default everything. Saves tables, routes and imports. */
  modules?: readonly ModuleName[] | undefined;
  /** The host's pino logger; default one on standard output at level "info". */
  logger?: Logger | undefined;
  clock?: Clock | undefined;
}

/** The host's own login: who sends this request, or null. */
export type HostLogin = (request: Request) => Principal | null | Promise<Principal | null>;

/** Every option, checked and complete. */
export interface ResolvedOptions {
  store: string;
  connectors: readonly (string | object)[];
  encryptionKeys: readonly string[];
  clients: Readonly<Record<string, OAuthClient>>;
  consent: "least" | "all";
  servers: Readonly<Record<string, ServerOverride>>;
  network: NetworkPolicy;
  baseUrl: string;
  returnOrigins: readonly string[];
  productName: string;
  requireConfirmation: boolean;
  authenticate: HostLogin | undefined;
  apiKey: string | undefined;
  retention: { eventsDays: number; deliveriesDays: number };
  unusualDeletions: "release" | "hold";
  concurrency: { polls: number; deliveries: number; perEndpoint: number };
  modules: readonly ModuleName[];
  clock: Clock;
  log: Log;
  /** From 0 up to 1; spreads retries. */
  random: () => number;
}

/**
 * The options of a runtime, complete.
 * @throws HooklineError `invalid_config` with every fault
 */
export function resolveOptions(options: RuntimeOptions): ResolvedOptions {
  const faults = optionFaults(options);
  if (faults.length > 0) throw withFaults("invalid_config", "createRuntime: the options have", faults);
  const { authenticate, logger, clock = systemClock, ...data } = options;
  // What was checked stays as it is, whatever the host does with its object.
  const given = structuredClone(data);
  return {
    store: given.store ?? MEMORY,
    connectors: given.connectors ?? builtInConnectors(),
    encryptionKeys: (given.encryptionKeys ?? []).flatMap((key) => key || []),
    clients: given.clients ?? {},
    consent: given.consent ?? "least",
    servers: given.servers ?? {},
    network: { allowPrivate: given.network?.allowPrivate ?? false, allow: given.network?.allow ?? [] },
    baseUrl: (given.baseUrl ?? "http://localhost:8080").replace(/\/+$/, ""),
    returnOrigins: (given.returnOrigins ?? []).map((url) => new URL(url).origin),
    productName: given.productName ?? "this product",
    requireConfirmation: given.requireConfirmation ?? false,
    authenticate,
    apiKey: given.apiKey,
    retention: {
      eventsDays: given.retention?.eventsDays ?? 30,
      deliveriesDays: given.retention?.deliveriesDays ?? 30,
    },
    unusualDeletions: given.unusualDeletions ?? "release",
    concurrency: {
      polls: given.concurrency?.polls ?? 64,
      deliveries: given.concurrency?.deliveries ?? 128,
      perEndpoint: given.concurrency?.perEndpoint ?? 32,
    },
    modules: given.modules ?? MODULES,
    clock,
    log: createLog({ logger }),
    random: Math.random,
  };
}
