import type { PoolClient, QueryResult } from "pg";
import type { SqlValue, Tx } from "./database.ts";
import { fromPostgres, isCollision } from "./postgres-errors.ts";
import { insertMany, oneOf, parameters, translate } from "./postgres-sql.ts";

/** The longest a timer of Node can wait. */
const LONGEST_MS = 2 ** 31 - 1;

/** One transaction on one connection. */
export class PostgresTx implements Tx {
  readonly #client: PoolClient;
  readonly #server: string;
  readonly committed: (() => void)[] = [];
  #depth = 0;
  /** The error that made PostgreSQL refuse every further statement, or that forbids a commit. */
  #failure: unknown;
  /** How long the driver waits for an answer, where that is not as long as ever. */
  #patience: { query_timeout?: number } = {};
  open = true;
  /** The connection is in a state nobody knows. */
  broken = false;

  constructor(client: PoolClient, server: string) {
    this.#client = client;
    this.#server = server;
  }

  async all<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row[]> {
    return (await this.#execute(sql, params)).rows as Row[];
  }

  async get<Row>(sql: string, params: readonly SqlValue[] = []): Promise<Row | undefined> {
    return (await this.#execute(sql, params)).rows[0] as Row | undefined;
  }

  async run(sql: string, params: readonly SqlValue[] = []): Promise<number> {
    return (await this.#execute(sql, params)).rowCount ?? 0;
  }

  /** An insert of any number of rows is a statement or a few; anything else is a statement for each row. */
  async many(sql: string, rows: readonly (readonly SqlValue[])[]): Promise<number> {
    this.assertOpen();
    let changed = 0;
    const statements = insertMany(sql, rows);
    if (statements === undefined) {
      for (const row of rows) changed += await this.run(sql, row);
      return changed;
    }
    for (const { text, values } of statements) changed += (await this.query(text, values)).rowCount ?? 0;
    return changed;
  }

  oneOf(column: string): string {
    return oneOf(column);
  }

  async savepoint<T>(work: () => Promise<T>): Promise<T> {
    this.assertOpen();
    const name = `savepoint_${++this.#depth}`;
    const callbacks = this.committed.length;
    await this.query(`savepoint ${name}`);
    try {
      const result = await work();
      await this.query(`release savepoint ${name}`);
      return result;
    } catch (error) {
      this.committed.length = callbacks;
      if (this.open && !this.broken && !isCollision(this.#failure)) {
        this.#failure = undefined;
        await this.query(`rollback to savepoint ${name}`);
        await this.query(`release savepoint ${name}`);
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

  /** A statement in PostgreSQL's own spelling, for those who need what is in no other database. */
  async query(text: string, values: unknown[] = []): Promise<QueryResult> {
    try {
      return await this.#client.query({ text, values, ...this.#patience });
    } catch (error) {
      const known = fromPostgres(error, this.#server);
      this.#failure ??= known;
      // An error of the server carries its severity; any other leaves the connection in the middle of something.
      if ((error as { severity?: string }).severity !== "ERROR") this.broken = true;
      // Every statement after the first failure fails for it alone.
      throw this.#failure;
    }
  }

  /** The error that forbids a commit. */
  get failure(): unknown {
    return this.#failure;
  }

  /** Lets the statements of this transaction take as long as they need. */
  async takeTime(): Promise<void> {
    this.#patience = { query_timeout: LONGEST_MS };
    await this.query("set local statement_timeout = 0");
  }

  async commit(): Promise<void> {
    this.end();
    // PostgreSQL answers a commit with a rollback when a statement failed and the failure was passed over.
    if (this.#failure !== undefined) throw this.#failure;
    await this.query("commit");
  }

  end(): void {
    this.open = false;
  }

  assertOpen(): void {
    if (!this.open) throw new TypeError("The transaction was used after it had ended; await everything inside it.");
  }

  #execute(sql: string, params: readonly SqlValue[]): Promise<QueryResult> {
    this.assertOpen();
    const statement = translate(sql);
    return this.query(statement.text, parameters(statement, params));
  }
}
