import { createHash, randomUUID } from "node:crypto";
import type { PoolConfig } from "pg";
import type { ConstructorOptions, Db, PgBoss } from "pg-boss";
import type { Log } from "../core/log.ts";
import { fromPostgres } from "../store/postgres-errors.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import { PostgresTx } from "../store/postgres-tx.ts";
import type { Queue } from "./engine.ts";

/** Where pg-boss keeps its tables: not its default, which may be the host's own. */
export const SCHEMA = "hookline_jobs";
/** Under this name processes tell each other that a queue has a due job. */
export const CHANNEL = "hookline_jobs";

/** A process that has not shown a sign of life for this long has lost its jobs; pg-boss takes no less than 10. */
const LEASE_SECONDS = 15;
/** How often those are looked for. */
const MONITOR_SECONDS = 5;
/** Handlers end their jobs; pg-boss is to give up on none, nor forget one that waits. */
const UNLIMITED_RETRIES = 2 ** 31 - 1;
const LONGEST_RUN_SECONDS = 24 * 60 * 60;
const LONGEST_WAIT_SECONDS = 10 * 365 * 24 * 60 * 60;
/** Only cron runs are kept after their end, so that a process whose clock lags does not run one again. */
const KEEP_SECONDS = 24 * 60 * 60;
/** Besides the transactions: for the queue cache, heartbeats of cron runs, and maintenance. */
const CONNECTIONS = 2;
const MAINTENANCE_MS = 5 * 60_000;

export const QUEUES = Object.keys({
  poll: true,
  deliver: true,
  flow: true,
  sync: true,
  batch: true,
} satisfies Record<Queue, true>);

const QUEUE_OPTIONS = {
  heartbeatSeconds: LEASE_SECONDS,
  retryLimit: UNLIMITED_RETRIES,
  expireInSeconds: LONGEST_RUN_SECONDS,
  retentionSeconds: LONGEST_WAIT_SECONDS,
  deleteAfterSeconds: KEEP_SECONDS,
};

/** What a job carries besides its data. */
export interface Envelope {
  /** JSON text: not everything a JSON string may hold can stand in a `jsonb`. */
  data: string;
  attempt: number;
  key: string | null;
  /** Whether its id stands for a unique name. */
  unique: boolean;
  /** Its place among those of the same process: jobs of one transaction are otherwise of the same age. */
  place: number;
  /** When it was enqueued anew while it ran: for when, milliseconds since the epoch. */
  again?: number;
}

/**
 * A pg-boss of this process, started, with its tables and queues made. It has connections of its own until it is stopped.
 * Throws `store_unusable`.
 */
export async function startBoss(db: PostgresDatabase, log: Log): Promise<PgBoss> {
  const { PgBoss } = await import("pg-boss");
  const options: ConstructorOptions & PoolConfig = {
    ...db.connection,
    application_name: "hookline-jobs",
    max: CONNECTIONS,
    schema: SCHEMA,
    schedule: false,
    supervise: false,
    monitorIntervalSeconds: MONITOR_SECONDS,
    statement_timeout: MAINTENANCE_MS,
    query_timeout: MAINTENANCE_MS,
  };
  const boss = new PgBoss(options);
  boss.on("error", (error) => log.warn({ error }, "pg-boss"));
  boss.on("warning", ({ message, data }) => log.warn({ data }, `pg-boss: ${message}`));
  try {
    await boss.start();
    const there = new Set((await boss.getQueues()).map(({ name }) => name));
    for (const name of QUEUES) {
      if (!there.has(name)) await boss.createQueue(name, { ...QUEUE_OPTIONS, partition: true });
    }
  } catch (cause) {
    await boss.stop({ graceful: false });
    throw fromPostgres(cause, "The job queues");
  }
  return boss;
}

/** A queue of which at most one job waits or runs. */
export async function createSingleQueue(boss: PgBoss, name: string): Promise<void> {
  if ((await boss.getQueue(name)) === null) await boss.createQueue(name, { ...QUEUE_OPTIONS, policy: "exclusive" });
}

/** Has pg-boss work inside a transaction. */
export const inside = (tx: PostgresTx): Db => ({ executeSql: (text, values) => tx.query(text, values) });

/** The transaction as PostgreSQL's. Throws `TypeError` for one of another store. */
export function postgresTx(tx: unknown): PostgresTx {
  if (tx instanceof PostgresTx) return tx;
  throw new TypeError("The distributed engine works inside transactions of its own PostgreSQL store only.");
}

/** The id of a job: for a unique name always the same, so that the table's own key keeps it unique. */
export function idOf(queue: string, unique?: string): string {
  if (unique === undefined) return randomUUID();
  const hash = createHash("sha256").update(`${queue}\0${unique}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80; // A UUID of version 8 (RFC 9562 §5.8): made by a rule of ours.
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
