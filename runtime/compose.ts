import { randomBytes } from "node:crypto";
import { createAccounts, type Accounts } from "./accounts/accounts.ts";
import { createApiKeys, type ApiKeys } from "./accounts/api-keys.ts";
import { accountsEraser } from "./accounts/erase.ts";
import { createTokenSecret } from "./accounts/token-secret.ts";
import { createUserTokens, type UserTokens } from "./accounts/user-tokens.ts";
import { createVariables, type Variables } from "./accounts/variables.ts";
import type { ActServices } from "./act/routes/services.ts";
import { loadConnectors } from "./connectors.ts";
import { createVault } from "./core/crypto.ts";
import { MINUTE } from "./core/time.ts";
import { createMetrics, type Metrics } from "./core/metrics.ts";
import { createNetwork } from "./core/network.ts";
import { createConsumers, type Consumers } from "./deliver/consumers.ts";
import { workDeliveries } from "./deliver/deliver.ts";
import { createDeliveries, type Deliveries } from "./deliver/deliveries.ts";
import { createDispatch } from "./deliver/dispatch.ts";
import { createEndpoints, type Endpoints } from "./deliver/endpoints.ts";
import { createDeliverEraser, endDeliveries } from "./deliver/erase.ts";
import { createEvents, type Events } from "./deliver/events.ts";
import { dispatchParked } from "./deliver/parked.ts";
import { workRetention } from "./deliver/retention.ts";
import { createStats, type ReadStats } from "./deliver/stats.ts";
import type { Context } from "./engine/context.ts";
import type { Engine } from "./engine/engine.ts";
import { ERASURES, type Eraser } from "./engine/eraser.ts";
import type { Module, OpenModule, Target } from "./engine/module.ts";
import { openEngine } from "./engine/open.ts";
import { upkeepJob } from "./engine/upkeep.ts";
import type { FlowsServices } from "./flows/services.ts";
import type { Connector } from "./manifest/connector.ts";
import { getMeta, setMeta } from "./model/meta.ts";
import { loadModules, type LoadedModules } from "./modules.ts";
import type { ResolvedOptions } from "./options.ts";
import { createAudits, type Audits } from "./poll/audit/audits.ts";
import { createConnectionFollower } from "./poll/follow.ts";
import { createRecognition } from "./poll/recognise.ts";
import { workPolls } from "./poll/poller.ts";
import { watchPolls } from "./poll/watch.ts";
import { createSubscriptions, type Subscriptions } from "./poll/subscriptions.ts";
import { createWiring, type Wiring } from "./poll/wiring.ts";
import { createSamples, type Samples } from "./read/samples.ts";
import { readWhole } from "./read/whole.ts";
import { migrate, migrateModule } from "./store/migrate.ts";
import { firstEnd } from "./model/oauth-states.ts";
import { streamsOfConnection } from "./model/streams.ts";
import { openDatabase } from "./store/open.ts";
import type { SyncServices } from "./sync/syncs.ts";

/** What the rooms are made with; the rest of the options is HTTP's. */
export type ComposeOptions = Omit<ResolvedOptions, "authenticate" | "apiKey" | "productName">;

/** The core, opened and wired, with no work begun. */
export interface Core extends Context {
  accounts: Accounts;
  variables: Variables;
  apiKeys: ApiKeys;
  userTokens: UserTokens;
  subscriptions: Subscriptions;
  audits: Audits;
  /** Subscriptions, as modules make and change them inside their own transactions. */
  wiring: Wiring;
  samples: Samples;
  endpoints: Endpoints;
  deliveries: Deliveries;
  events: Events;
  stats: ReadStats;
  consumers: Consumers;
  metrics: Metrics;
  retention: ComposeOptions["retention"];
  close(): Promise<void>;
}

/** The core and the services of its modules. Those of a module that was left out are missing. */
export type Composed = Core & ActServices & SyncServices & FlowsServices;

/** Between the hours, so as not to fall together with everybody's. */
const UPKEEP = "17 * * * *";
const AUTHORIZATIONS = "authorizations";
const FIRST_TESTS = "first tests";
const DERIVED_CONNECTIONS = "derived connections";

/**
 * Opens the store, loads the connectors, wires the rooms and opens the modules.
 * @throws HooklineError `store_locked`, `store_unusable`, `encryption_key`, `invalid_manifest` with all faults, `invalid_config`
 */
export async function compose(options: ComposeOptions): Promise<Composed> {
  const [connectors, modules] = await Promise.all([loadConnectors(options.connectors), loadModules(options.modules)]);
  const opened: OpenModule<object>[] = [];
  const erasers: Eraser[] = [];
  const targets: Target[] = [];
  const core = await openCore(options, { connectors, modules, opened, targets, erasers });
  const services: Partial<ActServices & SyncServices & FlowsServices> = {};
  const open = <Needed, Services extends object>(
    module: Module<Needed, Services> | undefined,
    needed: Needed,
  ): void => {
    if (module === undefined) return;
    const one = module.open(needed);
    opened.push(one);
    targets.push(...(one.targets ?? []));
    // What was opened later may start what was opened before.
    if (one.erase) erasers.unshift(one.erase);
    Object.assign(services, one.services);
    for (const { name, cron, work } of one.upkeep ?? []) core.engine.cron(name, cron, work);
  };
  try {
    open(modules.act, core);
    const withActions = (): Core & ActServices => ({ ...core, ...(services as ActServices) });
    open(modules.sync, withActions());
    open(modules.flows, { ...withActions(), ...(services.syncs && { syncs: services.syncs }) });
    await dispatchParked(core, targets);
  } catch (error) {
    await core.engine.stop(0);
    await core.close();
    throw error;
  }
  // What is missing is missing on purpose; the library says so to whoever asks for it.
  return { ...core, ...services } as Composed;
}

interface Surroundings {
  connectors: ReadonlyMap<string, Connector>;
  modules: LoadedModules;
  /** Fills up with the modules that are opened on the core. */
  opened: readonly OpenModule<object>[];
  /** Fills up with what events of subscriptions can be for. */
  targets: readonly Target[];
  /** Fills up with what is erased of modules. */
  erasers: Eraser[];
}

async function openCore(options: ComposeOptions, surroundings: Surroundings): Promise<Core> {
  const { connectors, modules, opened, targets, erasers } = surroundings;
  const { clock, log, random, retention } = options;
  const vault = createVault(encryptionKeys(options));
  const db = await openDatabase(options.store, { log });
  let engine: Engine;
  try {
    await migrate(db, log);
    for (const module of Object.values(modules)) await migrateModule(db, log, module);
    await vault.verify({ get: (name) => getMeta(db, name), set: (name, value) => setMeta(db, name, value) });
    engine = await openEngine({ db, clock, log });
  } catch (error) {
    await db.close();
    throw error;
  }
  const network = createNetwork({ ...options.network, trusted: [] });
  const emit = createDispatch({ engine, clock, log, targets });
  const context: Context = { db, engine, connectors, vault, clock, random, log, emit, network };
  const metrics = createMetrics();
  const wiring = createWiring(context);
  const followConnection = createConnectionFollower(context);
  const variables = createVariables(context);
  const tokenSecret = createTokenSecret(context);
  const userTokens = createUserTokens(context, { secret: tokenSecret, audience: options.baseUrl });
  erasers.push(createDeliverEraser(context), accountsEraser);
  const accounts = createAccounts(context, {
    ...options,
    scopesInUse: async (row) => {
      const { streams } = connectors.get(row.connector)!;
      const read = (await streamsOfConnection(db, row.id)).flatMap(({ stream }) => streams.get(stream)?.scopes ?? []);
      const used = await Promise.all(opened.map(async (module) => (await module.scopesInUse?.(row)) ?? []));
      return [...read, ...used.flat()];
    },
    knowsRecords: createRecognition(context, variables.valuesOf),
    onWaiting: (tx, at) => engine.enqueue(tx, [upkeepJob(FIRST_TESTS, at)]),
    onParent: (tx, at) => engine.enqueue(tx, [upkeepJob(DERIVED_CONNECTIONS, at)]),
    readAll: readWhole,
    onAuthorizing: (tx, until) => engine.enqueue(tx, [upkeepJob(AUTHORIZATIONS, until + 1)]),
    erasing: {
      erasers,
      endDeliveries: (tx, connection, slice) => endDeliveries(tx, context, connection, slice),
      tokenSecret,
      engine,
    },
    onStatus: async (tx, change) => {
      await followConnection(tx, change);
      for (const module of opened) await module.connectionChanged?.(tx, change);
    },
  });
  const consumers = createConsumers(context);
  const { polls, deliveries, perEndpoint } = options.concurrency;
  const reading = { clientOf: accounts.client, variablesOf: variables.valuesOf };
  const releasesDeletions = options.unusualDeletions === "release";
  workPolls(context, {
    ...reading,
    releasesDeletions,
    concurrency: polls,
    onPoll: (poll) => metrics.polled(poll),
  });
  watchPolls(context);
  workDeliveries({
    ...context,
    consumers,
    concurrency: deliveries,
    perEndpoint,
    onAttempt: (attempt) => metrics.attempted(attempt),
  });
  workRetention(context, retention);
  engine.cron("upkeep", UPKEEP, async () => {
    await accounts.testWaiting();
    await accounts.followParents();
    await userTokens.purge();
    await accounts.eraseDue();
    // Those that were begun before this version plan no purge.
    await accounts.purgeAuthorizations();
    // Of processes that run without a module while this one has it.
    await dispatchParked(context, targets);
  });
  engine.onDemand(FIRST_TESTS, accounts.testWaiting);
  engine.onDemand(DERIVED_CONNECTIONS, accounts.followParents);
  engine.onDemand(AUTHORIZATIONS, async () => {
    await accounts.purgeAuthorizations();
    const next = await firstEnd(db);
    return next && Math.max(next, clock.now() + MINUTE);
  });
  engine.onDemand(ERASURES, accounts.eraseDue);
  const audits = createAudits(context, { ...reading, releasesDeletions });
  return {
    ...context,
    accounts,
    variables,
    apiKeys: createApiKeys(context),
    userTokens,
    subscriptions: createSubscriptions(context, { wiring }),
    audits,
    wiring,
    samples: createSamples(context, reading),
    endpoints: createEndpoints(context),
    deliveries: createDeliveries(context),
    events: createEvents(context),
    stats: createStats(context),
    consumers,
    metrics,
    retention,
    close: async () => {
      audits.close();
      await Promise.all([accounts.close(), network.close()]);
      await db.close();
    },
  };
}

/** Nothing outlives a store in memory, so its key need not either. */
function encryptionKeys({ encryptionKeys, store }: ComposeOptions): readonly string[] {
  if (encryptionKeys.length > 0 || store !== "sqlite::memory:") return encryptionKeys;
  return [randomBytes(32).toString("base64")];
}
