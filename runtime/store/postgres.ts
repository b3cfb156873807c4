import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Pool, PoolClient, PoolConfig, QueryResult } from "pg";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, SqlValue, Tx } from "./database.ts";
import { FifoLock } from "./fifo-lock.ts";
import { fromPostgres, isCollision } from "./postgres-errors.ts";
import { oneOf, parameters, translate } from "./postgres-sql.ts";
import { PostgresTx } from "./postgres-tx.ts";

/** What a transaction may notice of others; PostgreSQL 18, section 13.2. */
export type Isolation = "read committed" | "repeatable read" | "serializable";

/** How often a transaction that lost to another is done again, and how long it waits at most before the last time. */
const TRIES = 12;
const LONGEST_WAIT_MS = 500;
/** Who has lost so often waits for the others of this process who have: many that only ever disturb each other would all give up. */
const LOST_OFTEN = 2;

/**
 * A {@link Database} on a pool of PostgreSQL connections.
 *
 * Transactions are serializable: two that cannot both have run alone do not both commit, and the loser's `work` runs again
 * from its beginning. So `work` must change nothing but the database. That costs the code above it no thought about which
 * rows to lock. The engine's own loops, which many processes run against few pages, ask for less and lock by hand.
 */
export class PostgresDatabase implements Database {
  readonly dialect = "postgres";
  /** How this database is reached, for those who need a connection of their own. */
  readonly connection: Readonly<PoolConfig>;
  readonly #pool: Pool;
  /** Host and database, as error messages name them. */
  readonly #server: string;
  readonly #log: Log;
  readonly #current = new AsyncLocalStorage<PostgresTx>();
  readonly #losers = new FifoLock();
  readonly #closers = new Set<() => Promise<void>>();
  #running = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(pool: Pool, connection: PoolConfig, server: string, log: Log) {
    this.connection = connection;
    this.#pool = pool;
    this.#server = server;
    this.#log = log;
    pool.on("error", (error) =>
      log.warn({ error }, "an idle connection to PostgreSQL was lost; another takes its place"),
    );
  }

  async all<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    return (await this.#alone(sql, params)).rows as Row[];
  }

  async get<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.#alone(sql, params)).rows[0] as Row | undefined;
  }

  async run(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    return (await this.#alone(sql, params)).rowCount ?? 0;
  }

  many(sql: string, rows: readonly (readonly SqlValue[])[]): Promise<number> {
    return this.transaction((tx) => tx.many(sql, rows));
  }

  oneOf(column: string): string {
    return oneOf(column);
  }

  relaxed<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.transaction(work);
  }

  transaction<T>(work: (tx: Tx) => Promise<T>, isolation: Isolation = "serializable"): Promise<T> {
    return this.#counted(async () => {
      let isAlone = false;
      try {
        for (let attempt = 1; ; attempt++) {
          try {
            return await this.#transaction(work, isolation);
          } catch (error) {
            if (attempt === TRIES || !isCollision(error)) throw error;
          }
          await sleep(Math.random() * Math.min(2 ** attempt, LONGEST_WAIT_MS));
          if (attempt < LOST_OFTEN || isAlone) continue;
          await this.#losers.acquire();
          isAlone = true;
        }
      } finally {
        if (isAlone) this.#losers.release();
      }
    });
  }

  async shred(): Promise<boolean> {
    return true;
  }

  /** Has something closed just before the connections are. */
  beforeClose(closer: () => Promise<void>): void {
    this.#closers.add(closer);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    await Promise.all([...this.#closers].map((closer) => closer()));
    await this.#pool.end();
  }

  #alone(sql: string, params: readonly SqlValue[]): Promise<QueryResult> {
    return this.#counted(async () => {
      const statement = translate(sql);
      try {
        return await this.#pool.query(statement.text, parameters(statement, params));
      } catch (error) {
        throw fromPostgres(error, this.#server);
      }
    });
  }

  async #transaction<T>(work: (tx: Tx) => Promise<T>, isolation: Isolation): Promise<T> {
    const client = await this.#connect();
    // Out of the pool, nobody else listens, and an unheard "error" ends the process.
    let lost: Error | undefined;
    const onLost = (error: Error): void => void (lost = error);
    client.on("error", onLost);
    const tx = new PostgresTx(client, this.#server);
    try {
      await tx.query(`begin isolation level ${isolation}`);
      const result = await this.#current.run(tx, work, tx);
      tx.assertOpen();
      await tx.commit();
      for (const callback of tx.committed) this.#call(callback);
      return result;
    } catch (error) {
      tx.end();
      if (!tx.broken) await client.query("rollback").catch((failure: Error) => (lost ??= failure));
      // Whatever its work made of a collision, doing it again is the remedy.
      throw isCollision(tx.failure) ? tx.failure : error;
    } finally {
      client.off("error", onLost);
      client.release(tx.broken || lost);
    }
  }

  async #connect(): Promise<PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw fromPostgres(error, this.#server);
    }
  }

  async #counted<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closing) throw new HooklineError("stopped", "The store is closed; open it again to use it.");
    if (this.#current.getStore()?.open) {
      throw new TypeError("The database was used inside its own transaction; use the transaction instead.");
    }
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#onIdle?.();
    }
  }

  /** What was committed stays committed, whatever a callback does. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#log.error({ error }, "a callback after a commit failed");
    }
  }
}
