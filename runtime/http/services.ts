import type { ActServices } from "../act/routes/services.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { Variables } from "../accounts/variables.ts";
import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import type { Log } from "../core/log.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Deliveries } from "../deliver/deliveries.ts";
import type { Endpoints } from "../deliver/endpoints.ts";
import type { Events } from "../deliver/events.ts";
import type { ReadStats } from "../deliver/stats.ts";
import type { Engine } from "../engine/engine.ts";
import type { FlowRoom } from "../flows/room.ts";
import type { Syncs } from "../sync/syncs.ts";
import type { Runs } from "../flows/runs.ts";
import type { Templates } from "../flows/templates.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Subscriptions } from "../poll/subscriptions.ts";
import type { Database } from "../store/database.ts";

/** The open rooms that HTTP speaks for. */
export interface Services extends ActServices {
  db: Database;
  engine: Pick<Engine, "healthy">;
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
  metrics: Metrics;
  clock: Clock;
  log: Log;
}
