import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite";
import type { SqlValue } from "./database.ts";
import { fromSqlite } from "./sqlite-errors.ts";

/** More than the runtime has statements; a bound for those built from parts. */
const MAX_PREPARED = 256;

/** SQLite parses a statement again at each run when its limit is a parameter alone: it would plan by the number. */
const LIMIT = /\blimit \?/g;

/** One open SQLite file: prepared statements, and errors as the rest of Hookline knows them. Every call is synchronous. */
export class SqliteConnection {
  readonly #name: string;
  readonly #sqlite: DatabaseSync;
  readonly #prepared = new Map<string, StatementSync>();
  /** Undefined until it is known to be so: a connection begins as the library likes. */
  #durable: boolean | undefined;

  /** `name` is used in error messages. @throws HooklineError `store_unusable` for a file that cannot be opened */
  constructor(path: string, name: string = path) {
    this.#name = name;
    try {
      this.#sqlite = new (process.getBuiltinModule("node:sqlite").DatabaseSync)(path);
    } catch (error) {
      throw fromSqlite(error, name);
    }
  }

  /** False outside a transaction, and after an error that made SQLite itself roll back. */
  get inTransaction(): boolean {
    return this.#sqlite.isTransaction;
  }

  all(sql: string, params: readonly SqlValue[] = []): unknown[] {
    try {
      return this.#prepare(sql).all(...(params as SQLInputValue[]));
    } catch (error) {
      throw fromSqlite(error, this.#name);
    }
  }

  get(sql: string, params: readonly SqlValue[] = []): unknown {
    try {
      return this.#prepare(sql).get(...(params as SQLInputValue[]));
    } catch (error) {
      throw fromSqlite(error, this.#name);
    }
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    try {
      return this.#prepare(sql).run(...(params as SQLInputValue[])).changes as number;
    } catch (error) {
      throw fromSqlite(error, this.#name);
    }
  }

  many(sql: string, rows: readonly (readonly SqlValue[])[]): number {
    try {
      const statement = this.#prepare(sql);
      let changes = 0;
      for (const row of rows) changes += statement.run(...(row as SQLInputValue[])).changes as number;
      return changes;
    } catch (error) {
      throw fromSqlite(error, this.#name);
    }
  }

  /** Whether commits wait for the disk. SQLite obeys this while it parses, so the statement cannot be a prepared one. */
  setDurable(durable: boolean): void {
    if (durable === this.#durable) return;
    try {
      this.#sqlite.exec(`pragma synchronous = ${durable ? "full" : "normal"}`);
      this.#durable = durable;
    } catch (error) {
      throw fromSqlite(error, this.#name);
    }
  }

  close(): void {
    this.#prepared.clear();
    this.#sqlite.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql.replaceAll(LIMIT, "limit ? + 0"));
      if (this.#prepared.size === MAX_PREPARED) this.#prepared.delete(this.#prepared.keys().next().value!);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}
