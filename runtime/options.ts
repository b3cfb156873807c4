import type { Request } from "express";
import type { Logger } from "pino";
import configSchema from "../schemas/config.schema.json" with { type: "json" };
import type { OAuthClient } from "./accounts/oauth.ts";
import type { NetworkPolicy } from "./core/addresses.ts";
import { systemClock, type Clock } from "./core/clock.ts";
import { createVault } from "./core/crypto.ts";
import { formatFault, HooklineError, unknownName, type Fault } from "./core/errors.ts";
import { isObject, joinPointer, plainJson } from "./core/json.ts";
import { createLog, type Log } from "./core/log.ts";
import { builtInConnectors } from "./manifest/load.ts";
import { compileSchema } from "./manifest/validate.ts";
import type { Principal } from "./model/principal.ts";
import { MODULES, type ModuleName } from "./modules.ts";
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
  /** Other addresses than the manifests', by connector: a sandbox, a proxy. */
  servers?: Readonly<Record<string, ServerOverride>> | undefined;
  /** Which private addresses webhooks and vendors may have; default none. */
  network?: Partial<NetworkPolicy> | undefined;
  /** Where the router is reached from outside; the OAuth callback is `<baseUrl>/v1/oauth/callback`. Default `http://localhost:8080`. */
  baseUrl?: string | undefined;
  /** Further origins to which a person may be sent back after OAuth; that of `baseUrl` always may. */
  returnOrigins?: readonly string[] | undefined;
  /** The host's own login: who sends this request, or null. Asked when there is no API key and no user token. */
  authenticate?: HostLogin | undefined;
  /** An admin key for the HTTP API. */
  apiKey?: string | undefined;
  /** Days that events, and finished deliveries, are kept; default 30 each. */
  retention?: { eventsDays?: number | undefined; deliveriesDays?: number | undefined } | undefined;
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
  servers: Readonly<Record<string, ServerOverride>>;
  network: NetworkPolicy;
  baseUrl: string;
  returnOrigins: readonly string[];
  authenticate: HostLogin | undefined;
  apiKey: string | undefined;
  retention: { eventsDays: number; deliveriesDays: number };
  concurrency: { polls: number; deliveries: number; perEndpoint: number };
  modules: readonly ModuleName[];
  clock: Clock;
  log: Log;
  /** From 0 up to 1; spreads retries. */
  random: () => number;
}

const text = { type: "string", minLength: 1 };
const { store, clients, servers, network, retention, concurrency, baseUrl, apiKey } = configSchema.properties;

/** The configuration file's schema, without what only a service has, and with what only a program can give. */
const schema = {
  type: "object",
  additionalProperties: false,
  properties: {
    store,
    clients,
    servers,
    network,
    retention,
    concurrency,
    baseUrl,
    apiKey,
    connectors: { type: "array", items: { type: ["string", "object"], minLength: 1 } },
    encryptionKeys: { type: "array", items: text },
    returnOrigins: { type: "array", items: text },
    modules: { type: "array", uniqueItems: true, items: { enum: MODULES } },
    authenticate: {},
    logger: {},
    clock: {},
  },
  $defs: { ...configSchema.$defs, text },
};

/**
 * The options of a runtime, complete.
 * @throws HooklineError `invalid_config` with every fault
 */
export function resolveOptions(options: RuntimeOptions): ResolvedOptions {
  const faults = optionFaults(options);
  if (faults.length > 0) throw invalidConfig("createRuntime: the options have", faults);
  const encryptionKeys = keysOf(options);
  return {
    store: options.store ?? MEMORY,
    connectors: options.connectors ?? builtInConnectors(),
    encryptionKeys,
    clients: options.clients ?? {},
    servers: options.servers ?? {},
    network: { allowPrivate: options.network?.allowPrivate ?? false, allow: options.network?.allow ?? [] },
    baseUrl: (options.baseUrl ?? "http://localhost:8080").replace(/\/+$/, ""),
    returnOrigins: options.returnOrigins ?? [],
    authenticate: options.authenticate,
    apiKey: options.apiKey,
    retention: {
      eventsDays: options.retention?.eventsDays ?? 30,
      deliveriesDays: options.retention?.deliveriesDays ?? 30,
    },
    concurrency: {
      polls: options.concurrency?.polls ?? 64,
      deliveries: options.concurrency?.deliveries ?? 128,
      perEndpoint: options.concurrency?.perEndpoint ?? 32,
    },
    modules: options.modules ?? MODULES,
    clock: options.clock ?? systemClock,
    log: createLog({ logger: options.logger }),
    random: Math.random,
  };
}

/** Everything that is wrong with options, each with its place. */
export function optionFaults(options: RuntimeOptions): Fault[] {
  if (!isObject(options)) return [{ pointer: "", message: "must be an object of options" }];
  const data = withoutFunctions(options);
  const strange = Object.entries(data).filter(([, value]) => value === undefined);
  const form = [
    ...strange.map(([name]) => ({ pointer: `/${name}`, message: "must be plain data, as JSON has it" })),
    ...compileSchema(schema)(data),
  ];
  const isFaulty = (pointer: string): boolean =>
    form.some((fault) => fault.pointer === pointer || fault.pointer.startsWith(`${pointer}/`));
  const sound: RuntimeOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => !form.some(({ pointer }) => pointer === `/${name}`)),
  );
  const further = [
    ...storeFaults(sound),
    ...keyFaults(sound),
    ...urlFaults(sound),
    ...connectorFaults(sound),
    ...functionFaults(sound),
  ];
  return [...form, ...further.filter(({ pointer }) => !isFaulty(pointer))];
}

/** "… 2 faults:" and a line for each. */
export function invalidConfig(beginning: string, faults: Fault[]): HooklineError {
  const list = faults.map((fault) => `\n  ${formatFault(fault)}`).join("");
  const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
  return new HooklineError("invalid_config", `${beginning} ${count}:${list}`, { faults });
}

const MEMORY = "sqlite::memory:";
const MAKE_KEY = `node -e "console.log(require('node:crypto').randomBytes(32).toString('base64'))"`;

/** What JSON Schema can look at; of a function or an instance only that it is there. */
function withoutFunctions(options: RuntimeOptions): Record<string, unknown> {
  const entries = Object.entries(options).flatMap(([name, given]: [string, unknown]) => {
    if (given === undefined) return [];
    if (name === "connectors" || name === "encryptionKeys") {
      const known = Array.isArray(given) ? given.filter((one) => one !== undefined && one !== "") : given;
      return [[name, known]];
    }
    return [[name, name === "logger" || name === "clock" || name === "authenticate" ? null : plainJson(given)]];
  });
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function keysOf({ encryptionKeys }: RuntimeOptions): string[] {
  const given: readonly unknown[] = Array.isArray(encryptionKeys) ? encryptionKeys : [];
  return given.filter((key): key is string => typeof key === "string" && key !== "");
}

function* storeFaults({ store }: RuntimeOptions): Generator<Fault> {
  if (typeof store !== "string" || /^(sqlite:.|postgres(ql)?:)/.test(store)) return;
  const message = "is not a known store; write sqlite:./hookline.db, sqlite::memory: or postgres://user@host/database";
  yield { pointer: "/store", message };
}

function* keyFaults(options: RuntimeOptions): Generator<Fault> {
  const keys = keysOf(options);
  if (keys.length === 0 && (options.store ?? MEMORY) !== MEMORY) {
    const message = `is missing: credentials are stored encrypted; make a key with: ${MAKE_KEY}`;
    yield { pointer: "/encryptionKeys", message };
  }
  for (const [index, key] of keys.entries()) {
    try {
      createVault([key]);
    } catch {
      const message = `must be 32 bytes in base64 or hex; make a key with: ${MAKE_KEY}`;
      yield { pointer: `/encryptionKeys/${index}`, message };
    }
  }
}

function* urlFaults({ baseUrl, returnOrigins, servers }: RuntimeOptions): Generator<Fault> {
  yield* urlFault("/baseUrl", baseUrl);
  for (const [index, origin] of [returnOrigins ?? []].flat().entries())
    yield* urlFault(`/returnOrigins/${index}`, origin);
  for (const [name, server] of Object.entries(servers ?? {})) {
    for (const [part, url] of Object.entries(server ?? {})) {
      yield* urlFault(joinPointer(joinPointer("/servers", name), part), url);
    }
  }
}

/** A URL that is not one, or leads elsewhere than to a web server. */
export function* urlFault(pointer: string, url: unknown): Generator<Fault> {
  if (typeof url !== "string" || /^https?:$/.test(URL.parse(url)?.protocol ?? "")) return;
  const message = `${JSON.stringify(url)} is not an http(s) URL; write it like https://app.example/integrations`;
  yield { pointer, message };
}

/** Clients and servers of connectors that do not exist; those of one that is not loaded wait for it. What a manifest in a file is called is known when it is read. */
function* connectorFaults({ connectors = builtInConnectors(), clients, servers }: RuntimeOptions): Generator<Fault> {
  if (!Array.isArray(connectors)) return;
  const named = connectors.map((source: string | object) => (typeof source === "string" ? source : nameOf(source)));
  for (const [index, name] of named.entries()) {
    if (typeof connectors[index] !== "string" || isPath(name) || builtInConnectors().includes(name)) continue;
    const message = `${unknownName("connector", name, builtInConnectors())}; a manifest of your own is given by its path`;
    yield { pointer: `/connectors/${index}`, message };
  }
  if (named.some(isPath)) return;
  const known = [...named, ...builtInConnectors()];
  for (const [option, given] of Object.entries({ clients, servers })) {
    for (const name of Object.keys(given ?? {})) {
      if (known.includes(name)) continue;
      yield { pointer: joinPointer(`/${option}`, name), message: unknownName("connector", name, known) };
    }
  }
}

function nameOf(manifest: unknown): string {
  return isObject(manifest) ? String(manifest["name"]) : "";
}

function isPath(source: string): boolean {
  return /[/\\]|\.json$/.test(source);
}

function* functionFaults({ authenticate, logger, clock }: RuntimeOptions): Generator<Fault> {
  if (authenticate !== undefined && typeof authenticate !== "function") {
    yield { pointer: "/authenticate", message: "must be a function (request) => principal or null" };
  }
  if (clock !== undefined && typeof clock?.now !== "function") {
    yield { pointer: "/clock", message: "must have now(), milliseconds since the epoch" };
  }
  const methods = ["debug", "info", "warn", "error", "child", "isLevelEnabled"] as const;
  const missing = methods.filter((name) => logger !== undefined && typeof logger?.[name] !== "function");
  if (missing.length > 0) {
    yield { pointer: "/logger", message: `must be a pino logger; it has no ${missing.join(", ")}` };
  }
}
