import { AsyncLocalStorage } from "node:async_hooks";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, SqlValue, Tx } from "./database.ts";
import { FifoLock } from "./fifo-lock.ts";
import type { SqliteConnection } from "./sqlite-connection.ts";

/** True for the strings of a JSON array given as one parameter, so that the statement text stays the same for any number. */
const oneOf = (column: string): string => `${column} in (select value from json_each(?))`;

/**
 * A {@link Database} on one SQLite connection. SQLite is synchronous: what waits is only the turn.
 * Statements and transactions take turns in the order of asking, so nothing slips into an open transaction.
 */
export class SqliteDatabase implements Database {
  readonly dialect = "sqlite";
  readonly #connection: SqliteConnection;
  readonly #log: Log;
  readonly #onClose: () => void;
  readonly #turns = new FifoLock();
  /** The transaction in which the running code stands: using the database itself in there would wait for itself forever. */
  readonly #current = new AsyncLocalStorage<SqliteTx>();
  #closing: Promise<void> | undefined;

  constructor(connection: SqliteConnection, log: Log, onClose: () => void) {
    this.#connection = connection;
    this.#log = log;
    this.#onClose = onClose;
  }

  all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    return this.#alone(sql, () => this.#connection.all(sql, params) as Row[]);
  }

  get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#alone(sql, () => this.#connection.get(sql, params) as Row | undefined);
  }

  run(sql: string, params?: readonly SqlValue[]): Promise<number> {
    return this.#alone(sql, () => this.#connection.run(sql, params));
  }

  many(sql: string, rows: readonly (readonly SqlValue[])[]): Promise<number> {
    return this.transaction((tx) => tx.many(sql, rows));
  }

  oneOf(column: string): string {
    return oneOf(column);
  }

  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(work, true);
  }

  relaxed<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#transaction(work, false);
  }

  async #transaction<T>(work: (tx: Tx) => Promise<T>, durable: boolean): Promise<T> {
    this.#assertUsable();
    await this.#turns.acquire();
    const tx = new SqliteTx(this.#connection);
    let result: T;
    try {
      this.#connection.setDurable(durable);
      this.#connection.run("begin immediate");
      result = await this.#current.run(tx, work, tx);
      tx.assertOpen();
      tx.end();
      this.#connection.run("commit");
    } catch (error) {
      tx.end();
      if (this.#connection.inTransaction) this.#connection.run("rollback");
      throw error;
    } finally {
      this.#turns.release();
    }
    for (const callback of tx.committed) this.#call(callback);
    return result;
  }

  /** Deleted content is overwritten in the file itself; the log still has the pages as they were. */
  shred(): Promise<boolean> {
    const checkpoint = "pragma wal_checkpoint(truncate)";
    return this.#alone(checkpoint, () => (this.#connection.get(checkpoint) as { busy: number }).busy === 0);
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await this.#turns.acquire();
    this.#connection.close();
    this.#onClose();
    this.#turns.release();
  }

  async #alone<T>(sql: string, work: () => T): Promise<T> {
    this.#assertUsable();
    const isHeld = this.#turns.held;
    if (isHeld) await this.#turns.acquire();
    try {
      if (!sql.startsWith("select ")) this.#connection.setDurable(true);
      return work();
    } finally {
      if (isHeld) this.#turns.release();
    }
  }

  #assertUsable(): void {
    if (this.#closing) throw new HooklineError("stopped", "The store is closed; open it again to use it.");
    if (this.#current.getStore()?.open) {
      throw new TypeError("The database was used inside its own transaction; use the transaction instead.");
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

class SqliteTx implements Tx {
  readonly #connection: SqliteConnection;
  readonly committed: (() => void)[] = [];
  #depth = 0;
  open = true;

  constructor(connection: SqliteConnection) {
    this.#connection = connection;
  }

  async all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]> {
    this.assertOpen();
    return this.#connection.all(sql, params) as Row[];
  }

  async get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined> {
    this.assertOpen();
    return this.#connection.get(sql, params) as Row | undefined;
  }

  async run(sql: string, params?: readonly SqlValue[]): Promise<number> {
    this.assertOpen();
    return this.#connection.run(sql, params);
  }

  async many(sql: string, rows: readonly (readonly SqlValue[])[]): Promise<number> {
    this.assertOpen();
    return this.#connection.many(sql, rows);
  }

  oneOf(column: string): string {
    return oneOf(column);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const name = `savepoint_${++this.#depth}`;
    const callbacks = this.committed.length;
    this.#connection.run(`savepoint ${name}`);
    try {
      const result = await work();
      this.#connection.run(`release ${name}`);
      return result;
    } catch (error) {
      this.committed.length = callbacks;
      if (this.#connection.inTransaction) {
        this.#connection.run(`rollback to ${name}`);
        this.#connection.run(`release ${name}`);
      }
      throw error;
    } finally {
      this.#depth--;
    }
  }

  afterCommit(callback: () => void): void {
    this.assertOpen();
    this.committed.push(callback);
  }

  end(): void {
    this.open = false;
  }

  /** A full disk makes SQLite roll back by itself: a statement after that would stand alone, and stay. */
  assertOpen(): void {
    if (!this.open) throw new TypeError("The transaction was used after it had ended; await everything inside it.");
    if (!this.#connection.inTransaction) {
      throw new HooklineError(
        "store_unusable",
        "The database gave up the transaction after an earlier error; try again.",
        {
          retry: {},
        },
      );
    }
  }
}
