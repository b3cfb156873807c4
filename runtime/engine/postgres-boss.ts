import { createHash, randomUUID } from "node:crypto";
import type { PoolConfig } from "pg";
import type { ConstructorOptions, Db, JobInsert, PgBoss } from "pg-boss";
import type { Log } from "../core/log.ts";
import { fromPostgres } from "../store/postgres-errors.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import { PostgresTx } from "../store/postgres-tx.ts";
import type { Queue } from "./engine.ts";

/** Where pg-boss keeps its tables: not its default, which may be the host's own. */
export const SCHEMA = "hookline_jobs";
/** Under this name processes tell each other that a queue has a due job. */
export const CHANNEL = "hookline_jobs";
/** Of jobs that run alone: others are fetched without them, and they without others. */
export const ALONE = -1;

/** A process that has not shown a sign of life for this long has lost its jobs; pg-boss takes no less than 10. */
const LEASE_SECONDS = 15;
/** How often those are looked for. */
const MONITOR_SECONDS = 5;
/** Handlers end their jobs; pg-boss is to give up on none, nor forget one that waits. */
const UNLIMITED_RETRIES = 2 ** 31 - 1;
const LONGEST_RUN_SECONDS = 24 * 60 * 60;
const LONGEST_WAIT_SECONDS = 10 * 365 * 24 * 60 * 60;
/** Besides the transactions: for the queue cache, heartbeats and maintenance. */
const CONNECTIONS = 2;
const MAINTENANCE_MS = 5 * 60_000;

export const QUEUES = Object.keys({
  poll: true,
  deliver: true,
  flow: true,
  sync: true,
  batch: true,
  upkeep: true,
} satisfies Record<Queue, true>) as Queue[];

const QUEUE_OPTIONS = {
  heartbeatSeconds: LEASE_SECONDS,
  retryLimit: UNLIMITED_RETRIES,
  expireInSeconds: LONGEST_RUN_SECONDS,
  retentionSeconds: LONGEST_WAIT_SECONDS,
  partition: true,
};

/** What a job carries besides its data. */
export interface Envelope {
  /** JSON text: not everything a JSON string may hold can stand in a `jsonb`. */
  data: string;
  attempt: number;
  key: string | null;
  /** When it wants to run, milliseconds since the epoch on the clock of whoever said so. */
  runAt: number;
  /** Its place among those of the same process: jobs of one transaction are otherwise of the same age. */
  place: number;
  /** When the first version was asked, while it ran this job, to run it again. */
  again?: number;
}

/** A job on its way into a queue. */
export interface Entry {
  id: string;
  group: string;
  envelope: Envelope;
  priority?: number;
}

/** A claimed job as pg-boss and our own table of claims have it. */
export interface Ticket {
  /** pg-boss's own id, and which fetch of it this is. */
  readonly id: string;
  readonly retryCount: number;
  /** Grows with every claim of any job, and so is never that of another claim, whatever became of the job meanwhile. */
  readonly number: number;
  readonly envelope: Envelope;
}

/** One engine's pg-boss: started when it is first needed, and stopped with the engine or the store, whichever ends first. */
export class BossSession {
  readonly #db: PostgresDatabase;
  readonly #log: Log;
  #starting: Promise<PgBoss> | undefined;
  #listener: { close(): Promise<void> } | undefined;

  constructor(db: PostgresDatabase, log: Log) {
    this.#db = db;
    this.#log = log;
    db.beforeClose(() => this.close());
  }

  /** The next call tries again when it fails. @throws HooklineError `store_unusable` when its tables cannot be made */
  open(): Promise<PgBoss> {
    return (this.#starting ??= startBoss(this.#db, this.#log).catch((error: unknown) => {
      this.#starting = undefined;
      throw error;
    }));
  }

  /** Calls back with each queue that a process says it has put a due job into, and without one when some may have been missed. */
  async listen(onQueue: (queue?: string) => void): Promise<void> {
    const boss = await this.open();
    try {
      this.#listener = await boss.getDb().listen?.(CHANNEL, onQueue, () => onQueue());
    } catch (error) {
      this.#log.warn({ error }, "no notifications from PostgreSQL: jobs of other processes are found within a second");
    }
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    const boss = await this.#starting?.catch(() => undefined);
    await boss?.stop({ graceful: false });
  }
}

/** Has its tables and queues made. It has connections of its own until it is stopped. @throws HooklineError `store_unusable` */
async function startBoss(db: PostgresDatabase, log: Log): Promise<PgBoss> {
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
    const there = (await boss.getQueues()).map(({ name }) => name);
    for (const name of QUEUES) if (!there.includes(name)) await boss.createQueue(name, QUEUE_OPTIONS);
    // Of the first version, whose upkeep had a queue for each task.
    for (const name of there) if (name.startsWith("cron.")) await boss.deleteQueue(name);
  } catch (cause) {
    await boss.stop({ graceful: false });
    throw fromPostgres(cause, "The job queues");
  }
  return boss;
}

/** Has pg-boss work inside a transaction. */
export const inside = (tx: PostgresTx): { db: Db } => ({
  db: { executeSql: (text, values) => tx.query(text, values) },
});

/** The transaction as PostgreSQL's. @throws TypeError for one of another store */
export function postgresTx(tx: unknown): PostgresTx {
  if (tx instanceof PostgresTx) return tx;
  throw new TypeError("The jobs of a PostgreSQL store are enqueued in transactions of that store only.");
}

/** A span, not a time: what is due is decided by the database's clock. */
export const startAfter = (runAt: number, now: number): number => Math.max(runAt - now, 0) / 1000;

/** Puts jobs into a queue of pg-boss; returns the ids of those that were not in it. */
export async function insert(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  entries: readonly Entry[],
  now: number,
): Promise<string[]> {
  if (entries.length === 0) return [];
  const rows = entries.map(({ id, group, envelope, priority }): JobInsert => {
    const row: JobInsert = { id, data: envelope };
    if (group !== "") row.group = { id: group };
    if (envelope.runAt > now) row.startAfter = startAfter(envelope.runAt, now);
    if (priority !== undefined) row.priority = priority;
    return row;
  });
  return (await boss.insert(queue, rows, { ...inside(tx), returnId: true })) ?? [];
}

/** The id of a job: for a unique name always the same, so that the queue's own key keeps it unique. */
export function idOf(queue: string, unique?: string): string {
  if (unique === undefined) return randomUUID();
  const hash = createHash("sha256").update(`${queue}\0${unique}`).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80; // A UUID of version 8 (RFC 9562 §5.8): made by a rule of ours.
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString("hex", 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
