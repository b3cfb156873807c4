import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import type { Log } from "../core/log.ts";
import type { Network } from "../core/network.ts";
import type { Connector } from "../manifest/connector.ts";
import type { Emit } from "../model/events.ts";
import type { Database } from "../store/database.ts";
import type { Engine } from "./engine.ts";

/** What every service of one runtime shares. A service takes it as a whole, or the part it needs by `Pick`. */
export interface Context {
  readonly db: Database;
  readonly engine: Engine;
  /** The loaded connectors, by name. */
  readonly connectors: ReadonlyMap<string, Connector>;
  /** Seals and opens what is secret. */
  readonly vault: Vault;
  readonly clock: Clock;
  /** From 0 up to 1; spreads retries. */
  readonly random: () => number;
  readonly log: Log;
  /** Stores events, and the jobs that follow from them, in the transaction of their cause. */
  readonly emit: Emit;
  /** The way to webhooks and other addresses that users name: none of them may be private unless the host allows it. */
  readonly network: Network;
}
