import { randomBytes } from "node:crypto";
import { actModule } from "./act/module.ts";
import type { ActServices } from "./act/routes/services.ts";
import { createAccounts, type Accounts } from "./accounts/accounts.ts";
import { createVariables, type Variables } from "./accounts/variables.ts";
import type { Clock } from "./core/clock.ts";
import { createVault, type Vault } from "./core/crypto.ts";
import { formatFault, HooklineError } from "./core/errors.ts";
import type { Log } from "./core/log.ts";
import { createMetrics, type Metrics } from "./core/metrics.ts";
import { createNetwork } from "./core/network.ts";
import { DAY } from "./core/time.ts";
import { createConsumers, type Consumers } from "./deliver/consumers.ts";
import { workDeliveries } from "./deliver/deliver.ts";
import { createDeliveries, type Deliveries } from "./deliver/deliveries.ts";
import { createDispatch } from "./deliver/dispatch.ts";
import { createEndpoints, type Endpoints } from "./deliver/endpoints.ts";
import { createEvents, type Events } from "./deliver/events.ts";
import { createStats, type ReadStats } from "./deliver/stats.ts";
import { workRetention } from "./deliver/retention.ts";
import type { Engine } from "./engine/engine.ts";
import { openEngine } from "./engine/open.ts";
import { createFlowRoom, type FlowRoom } from "./flows/room.ts";
import type { Runs } from "./flows/runs.ts";
import { shippedTemplates } from "./flows/template-files.ts";
import { flowTarget } from "./flows/target.ts";
import type { Templates } from "./flows/templates.ts";
import { syncTarget } from "./sync/jobs.ts";
import { syncModule } from "./sync/module.ts";
import type { Syncs } from "./sync/syncs.ts";
import { checkManifest } from "./manifest/check.ts";
import { compileConnector, type Connector } from "./manifest/connector.ts";
import { loadManifest } from "./manifest/load.ts";
import type { ResolvedOptions } from "./options.ts";
import { Poller } from "./poll/poller.ts";
import { Subscriptions } from "./poll/subscriptions.ts";
import type { Database } from "./store/database.ts";
import { getMeta, setMeta } from "./model/meta.ts";
import { migrate } from "./store/migrate.ts";
import { openDatabase } from "./store/open.ts";

/** What the rooms are made with; the rest of the options is HTTP's. */
export type ComposeOptions = Omit<ResolvedOptions, "authenticate" | "apiKey">;

/** The rooms, opened and wired, with no work begun. */
export interface Composed extends ActServices {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  accounts: Accounts;
  variables: Variables;
  subscriptions: Subscriptions;
  syncs: Syncs;
  flows: FlowRoom["flows"];
  runs: Runs;
  templates: Templates;
  endpoints: Endpoints;
  deliveries: Deliveries;
  events: Events;
  stats: ReadStats;
  consumers: Consumers;
  metrics: Metrics;
  clock: Clock;
  log: Log;
  close(): Promise<void>;
}

/** Between the hours, so as not to fall together with everybody's. */
const UPKEEP = "17 * * * *";

/**
 * Opens the store, loads the connectors and wires the rooms.
 * @throws HooklineError `store_locked`, `store_unusable`, `encryption_key`, `invalid_manifest` with all faults, `invalid_config`
 */
export async function compose(options: ComposeOptions): Promise<Composed> {
  const { clock, log } = options;
  const connectors = await loadConnectors(options.connectors);
  const shipped = await shippedTemplates(connectors);
  const vault = createVault(encryptionKeys(options));
  const db = await openDatabase(options.store, { log });
  let engine: Engine;
  try {
    await migrate(db, log);
    await vault.verify({ get: (name) => getMeta(db, name), set: (name, value) => setMeta(db, name, value) });
    engine = await openEngine({ db, clock, log });
  } catch (error) {
    await db.close();
    throw error;
  }

  const metrics = createMetrics();
  const emit = createDispatch({ engine, clock, log, targets: [flowTarget, syncTarget] });
  const subscriptions = new Subscriptions({ db, engine, connectors, emit, clock });
  const network = createNetwork({ ...options.network, trusted: [] });
  const variables = createVariables({ db, vault, clock });
  const accounts = createAccounts({
    ...options,
    db,
    connectors,
    vault,
    emit,
    onStatus: async (tx, change) => {
      const { id, status } = change;
      if (status === "active") await subscriptions.connectionActive(tx, id);
      if (status === "removed") await subscriptions.connectionRemoved(tx, id);
      await flowRoom.followConnection(tx, change);
      await sync.connectionChanged?.(tx, change);
    },
  });
  const context = { db, engine, connectors, vault, clock, random: options.random, log, emit, network };
  const act = actModule.open({ ...context, accounts, variables, retention: options.retention });
  const { actions } = act.services;
  const sync = syncModule.open({ ...context, subscriptions, accounts, actions, variables });
  const flowRoom = createFlowRoom({
    db,
    engine,
    connectors,
    vault,
    clock,
    emit,
    actions,
    shipped,
    createSync: sync.services.syncs.create,
    variablesOf: variables.valuesOf,
    network,
    retentionDays: options.retention.eventsDays,
    random: options.random,
  });
  const consumers = createConsumers({ db, connectors, clock, log });
  const { polls, deliveries, perEndpoint } = options.concurrency;
  new Poller({
    db,
    engine,
    connectors,
    clientOf: accounts.client,
    variablesOf: variables.valuesOf,
    emit,
    clock,
    log,
    concurrency: polls,
    onPoll: (poll) => metrics.polled(poll),
  });
  workDeliveries({
    engine,
    network,
    vault,
    clock,
    emit,
    consumers,
    concurrency: deliveries,
    perEndpoint,
    random: options.random,
    onAttempt: (attempt) => metrics.attempted(attempt),
  });
  workRetention({ db, engine, clock }, options.retention);
  engine.cron("upkeep", UPKEEP, async () => {
    await accounts.purgeAuthorizations();
  });
  for (const { name, cron, work } of act.upkeep ?? []) engine.cron(name, cron, work);
  return {
    db,
    engine,
    connectors,
    vault,
    accounts,
    ...act.services,
    variables,
    subscriptions,
    syncs: sync.services.syncs,
    flows: flowRoom.flows,
    runs: flowRoom.runs,
    templates: flowRoom.templates,
    endpoints: createEndpoints({ db, engine, connectors, network, vault, clock, log }),
    deliveries: createDeliveries({ db, engine, clock }),
    events: createEvents({ db }),
    stats: createStats({ db, clock }),
    consumers,
    metrics,
    clock,
    log,
    close: async () => {
      await Promise.all([accounts.close(), network.close()]);
      await db.close();
    },
  };
}

async function loadConnectors(sources: readonly (string | object)[]): Promise<ReadonlyMap<string, Connector>> {
  const connectors = new Map<string, Connector>();
  for (const source of sources) {
    const loaded = await loadManifest(source);
    // Built-in manifests are checked by their tests: a start does not pay for it again.
    const builtIn = typeof source === "string" && /^[a-z0-9-]+$/.test(source);
    const faults = builtIn ? [] : checkManifest(loaded);
    if (faults.length > 0) {
      const list = faults.map((fault) => `\n  ${formatFault(fault)}`).join("");
      throw new HooklineError("invalid_manifest", `The manifest has ${faults.length} faults:${list}`, { faults });
    }
    const connector = compileConnector(loaded);
    if (connectors.has(connector.name)) {
      throw new HooklineError(
        "invalid_config",
        `connectors: "${connector.name}" is given twice; give each connector once`,
      );
    }
    connectors.set(connector.name, connector);
  }
  return connectors;
}

/** Nothing outlives a store in memory, so its key need not either. */
function encryptionKeys({ encryptionKeys, store }: ComposeOptions): readonly string[] {
  if (encryptionKeys.length > 0 || store !== "sqlite::memory:") return encryptionKeys;
  return [randomBytes(32).toString("base64")];
}
