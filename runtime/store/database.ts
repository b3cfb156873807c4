/** What a column can hold: JSON is text, times are milliseconds since the epoch, truth is 0 or 1. */
export type SqlValue = string | number | null | Uint8Array;

/**
 * Statements, written once for every database: `?` placeholders, standard SQL with `on conflict` and `returning`.
 * An implementation returns rows as plain objects and 64-bit integers as numbers.
 */
export interface Sql {
  all<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row[]>;
  get<Row>(sql: string, params?: readonly SqlValue[]): Promise<Row | undefined>;
  /** Returns how many rows changed. */
  run(sql: string, params?: readonly SqlValue[]): Promise<number>;
  /** The same statement for each row of parameters; returns how many rows changed in all. */
  many(sql: string, rows: readonly (readonly SqlValue[])[]): Promise<number>;
  /** A condition that is true when `column` is one of the strings in a JSON array given as one parameter. */
  oneOf(column: string): string;
}

/** Statements inside a transaction. */
export interface Tx extends Sql {
  /** Work that is undone alone when it throws; the transaction continues. */
  savepoint<T>(work: () => Promise<T>): Promise<T>;
  /** Called once the transaction is durable; never when it is rolled back. */
  afterCommit(callback: () => void): void;
}

/**
 * A database with durable, serializable transactions.
 * Outside a transaction each statement stands alone and sees only what is committed.
 * Work inside `transaction` awaits nothing but the database: other work waits for it. It changes nothing else either: where
 * several processes share the database, work that met another's runs again from its beginning.
 */
export interface Database extends Sql {
  readonly dialect: "sqlite" | "postgres";
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * A transaction that does not wait for the disk: a killed process loses nothing, but after a power cut it may be as if it
   * had never happened, unless a durable one came after it. PostgreSQL makes each transaction durable.
   */
  relaxed<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /**
   * Leaves nothing of what was deleted so far in the files that this process writes. False when another program reads them just
   * now: then it is to be tried again. PostgreSQL sees to its own files.
   */
  shred(): Promise<boolean>;
  /** Finishes what is running and closes; later calls throw `stopped`. */
  close(): Promise<void>;
}
