import { randomBytes } from "node:crypto";
import { createBatches, type Batches } from "./act/batches.ts";
import { workBatches } from "./act/batch-work.ts";
import { createActions, type Actions } from "./act/act.ts";
import { createAccounts, type Accounts, type AccountsOptions } from "./accounts/accounts.ts";
import { createFunctions, type Functions } from "./act/functions.ts";
import { createVariables, type Variables } from "./accounts/variables.ts";
import type { NetworkPolicy } from "./core/addresses.ts";
import type { Clock } from "./core/clock.ts";
import { createVault, type Vault } from "./core/crypto.ts";
import { formatFault, HooklineError } from "./core/errors.ts";
import type { Log } from "./core/log.ts";
import { createMetrics, type Metrics } from "./core/metrics.ts";
import { createNetwork } from "./core/network.ts";
import { createConsumers, type Consumers } from "./deliver/consumers.ts";
import { workDeliveries } from "./deliver/deliver.ts";
import { createDeliveries, type Deliveries } from "./deliver/deliveries.ts";
import { createDispatch } from "./deliver/dispatch.ts";
import { createEndpoints, type Endpoints } from "./deliver/endpoints.ts";
import { DAY } from "./deliver/schedule.ts";
import { workRetention } from "./deliver/retention.ts";
import type { Engine } from "./engine/engine.ts";
import { openEngine } from "./engine/open.ts";
import { createFlowRoom, type FlowRoom } from "./flows/room.ts";
import type { Runs } from "./flows/runs.ts";
import { shippedTemplates } from "./flows/template-files.ts";
import type { Templates } from "./flows/templates.ts";
import { createSyncs, type Syncs } from "./sync/syncs.ts";
import { checkManifest } from "./manifest/check.ts";
import { compileConnector, type Connector } from "./manifest/connector.ts";
import { loadManifest } from "./manifest/load.ts";
import { createMcp, type Mcp } from "./act/mcp.ts";
import { createConnectionFollower } from "./poll/follow.ts";
import { workPolls } from "./poll/poller.ts";
import { createSubscriptions, type Subscriptions } from "./poll/subscriptions.ts";
import { createWiring } from "./poll/wiring.ts";
import { createSamples, type Samples } from "./read/samples.ts";
import type { Database } from "./store/database.ts";
import { purgeIdempotency } from "./act/model/idempotency.ts";
import { getMeta, setMeta } from "./model/meta.ts";
import { migrate } from "./store/migrate.ts";
import { openDatabase } from "./store/open.ts";

/** Everything a runtime is made of, complete: defaults are filled in by `runtime.ts`. */
export interface ComposeOptions {
  store: string;
  connectors: readonly (string | object)[];
  encryptionKeys: readonly string[];
  clients: AccountsOptions["clients"];
  servers: AccountsOptions["servers"];
  network: NetworkPolicy;
  baseUrl: string;
  returnOrigins: readonly string[];
  retention: { eventsDays: number; deliveriesDays: number };
  concurrency: { polls: number; deliveries: number; perEndpoint: number };
  clock: Clock;
  log: Log;
  /** From 0 up to 1; spreads retries. */
  random: () => number;
}

/** The rooms, opened and wired, with no work begun. */
export interface Composed {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  accounts: Accounts;
  actions: Actions;
  variables: Variables;
  functions: Functions;
  batches: Batches;
  mcp: Mcp;
  subscriptions: Subscriptions;
  samples: Samples;
  syncs: Syncs;
  flows: FlowRoom["flows"];
  runs: Runs;
  templates: Templates;
  endpoints: Endpoints;
  deliveries: Deliveries;
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
    await migrate(db);
    await vault.verify({ get: (name) => getMeta(db, name), set: (name, value) => setMeta(db, name, value) });
    engine = await openEngine({ db, clock, log });
  } catch (error) {
    await db.close();
    throw error;
  }

  const metrics = createMetrics();
  const emit = createDispatch({ engine, clock, log });
  const wiring = createWiring({ engine, connectors, emit, clock });
  const subscriptions = createSubscriptions({ db, clock }, { wiring });
  const followConnection = createConnectionFollower({ engine, clock });
  const network = createNetwork({ ...options.network, trusted: [] });
  const variables = createVariables({ db, vault, clock });
  const accounts = createAccounts({
    ...options,
    db,
    connectors,
    vault,
    emit,
    onStatus: async (tx, change) => {
      await followConnection(tx, change);
      await flowRoom.followConnection(tx, change);
      await syncs.connectionChanged(tx, change);
    },
  });
  const actions = createActions({ accounts, variablesOf: variables.valuesOf, clock, log });
  const syncs = createSyncs({
    db,
    engine,
    connectors,
    subscriptions,
    wiring,
    openClient: accounts.client,
    runAction: actions.run,
    variablesOf: variables.valuesOf,
    emit,
    clock,
    now: () => clock.now(),
    log,
  });
  const flowRoom = createFlowRoom({
    db,
    engine,
    connectors,
    vault,
    clock,
    emit,
    actions,
    shipped,
    createSync: syncs.create,
    variablesOf: variables.valuesOf,
    network,
    retentionDays: options.retention.eventsDays,
    random: options.random,
  });
  const functions = createFunctions({ connections: accounts, connectors });
  const batches = createBatches({ db, engine, clock, openClient: accounts.client });
  workBatches({ db, engine, clock, log, openClient: accounts.client, runAction: actions.run });
  const consumers = createConsumers({ database: db, clock, log });
  const clientOf = ({ id }: { id: string }) => accounts.client(id);
  const { polls, deliveries, perEndpoint } = options.concurrency;
  workPolls(
    { db, engine, connectors, emit, clock, log, random: options.random },
    {
      clientOf,
      variablesOf: variables.valuesOf,
      concurrency: polls,
      onPoll: (poll) => metrics.polled(poll),
    },
  );
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
  workRetention({ engine, database: db, clock, ...options.retention });
  engine.cron("upkeep", UPKEEP, async () => {
    await accounts.purgeAuthorizations();
    await purgeIdempotency(db, clock.now());
    await batches.purge(clock.now() - options.retention.deliveriesDays * DAY);
  });
  return {
    db,
    engine,
    connectors,
    vault,
    accounts,
    actions,
    variables,
    functions,
    batches,
    mcp: createMcp({ functions, runAction: actions.run, log }),
    subscriptions,
    samples: createSamples({ db, connectors, clock }, { clientOf, variablesOf: variables.valuesOf }),
    syncs,
    flows: flowRoom.flows,
    runs: flowRoom.runs,
    templates: flowRoom.templates,
    endpoints: createEndpoints({ database: db, engine, network, vault, clock }),
    deliveries: createDeliveries({ database: db, engine, clock }),
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
