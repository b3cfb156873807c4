import type { PgBoss } from "pg-boss";
import type { Log } from "../core/log.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import { CHANNEL, startBoss } from "./distributed-boss.ts";

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

  /** Throws `store_unusable` when its tables cannot be made; the next call tries again. */
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
