import type { IncomingHttpHeaders } from "node:http";
import type { Batches } from "../act/batches.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { Actions } from "../act/act.ts";
import type { Functions } from "../act/functions.ts";
import type { Variables } from "../accounts/variables.ts";
import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import type { Log } from "../core/log.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Deliveries } from "../deliver/deliveries.ts";
import type { Endpoints } from "../deliver/endpoints.ts";
import type { Engine } from "../engine/engine.ts";
import type { FlowRoom } from "../flows/room.ts";
import type { Syncs } from "../sync/syncs.ts";
import type { Runs } from "../flows/runs.ts";
import type { Templates } from "../flows/templates.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Subscriptions } from "../poll/subscriptions.ts";
import type { Samples } from "../read/samples.ts";
import type { Database } from "../store/database.ts";

/** The open rooms that HTTP speaks for. */
export interface Services {
  db: Database;
  engine: Pick<Engine, "healthy">;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  accounts: Accounts;
  actions: Actions;
  variables: Variables;
  functions: Functions;
  batches: Batches;
  /** Answers one message of the Model Context Protocol. */
  mcp: (message: {
    user: string;
    headers: IncomingHttpHeaders;
    body: unknown;
  }) => Promise<{ status: number; body?: unknown }>;
  subscriptions: Subscriptions;
  samples: Samples;
  syncs: Syncs;
  flows: FlowRoom["flows"];
  runs: Runs;
  templates: Templates;
  endpoints: Endpoints;
  deliveries: Deliveries;
  metrics: Metrics;
  clock: Clock;
  log: Log;
}
