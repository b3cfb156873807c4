import type { JsonSchema } from "../core/json.ts";
import type { ConnectionRow, StatusChange } from "../model/connections.ts";
import type { NewEvent } from "../model/events.ts";
import type { Table } from "../model/table.ts";
import type { Route } from "../model/route.ts";
import type { Tx } from "../store/database.ts";
import type { Dialect } from "../store/schema.ts";
import type { NewJob, Queue } from "./engine.ts";
import type { Eraser } from "./eraser.ts";

/**
 * A capability beside the core, that a host may leave out: its tables, routes and jobs are then left out too (jobs that wait
 * in the store stay as they are). It lives in a folder of its own and is loaded by a dynamic import.
 * `Core` is what it needs of the core and of other modules; `Services` is what it gives to hosts and other modules.
 */
export interface Module<Core, Services> {
  readonly name: string;
  /** Its tables, as a list of migrations that only ever grows. The first must succeed where the tables exist already. */
  readonly tables: readonly ((dialect: Dialect) => string[])[];
  /** Those of its tables that have sealed fields. */
  readonly sealed?: readonly Table<never>[];
  /** JSON Schemas of its nouns, by the name they have in the OpenAPI document. */
  readonly nouns: Readonly<Record<string, JsonSchema>>;
  /** What the tags of its routes mean, for the OpenAPI document. */
  readonly tags: Readonly<Record<string, string>>;
  /** Their handlers get {@link Core} and {@link Services}. */
  readonly routes: readonly Route[];
  /** The queues it works. */
  readonly queues: readonly Queue[];
  /** Makes its services and has the engine work its queues; the engine starts later. */
  open(core: Core): OpenModule<Services>;
}

export interface OpenModule<Services> {
  readonly services: Services;
  /** Who takes events of subscriptions that name something of this module as their target. */
  readonly targets?: readonly Target[];
  /** Follows a connection that was made, lost, found again or removed, in the same transaction. */
  readonly connectionChanged?: (tx: Tx, change: StatusChange) => Promise<void>;
  /** The OAuth scopes that what was made of a connection needs, besides those of its streams; of a list inside, one is enough. */
  readonly scopesInUse?: (connection: ConnectionRow) => Promise<(string | readonly string[])[]>;
  /** Erases what the module keeps of users and connections. */
  readonly erase?: Eraser;
  /** Work at the times of a cron expression in UTC, once over all processes. */
  readonly upkeep?: readonly { name: string; cron: string; work: () => Promise<void> }[];
}

/** A kind of target of a subscription, told by the beginning of its id. */
export interface Target {
  /** "flow_" */
  readonly prefix: string;
  /** The job by which the target learns of an event. */
  job(target: string, event: Pick<NewEvent, "connection" | "recordKey">, eventId: string): NewJob;
}
