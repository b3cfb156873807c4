import type { Database, SqlValue, Tx } from "../../../runtime/store/database.ts";

/** Rows per transaction. */
const CHUNK = 2_000;

export type Row = Record<string, SqlValue>;

/** Inserts rows that are like one there is, but for some of their columns: the same in all of them. */
export async function copies(tx: Tx, table: string, row: Row, changes: readonly Row[]): Promise<void> {
  const columns = Object.keys({ ...row, ...changes[0] });
  await tx.many(
    `insert into ${table} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
    changes.map((change) => Object.values({ ...row, ...change })),
  );
}

/** Does `work` for the numbers from 0 up to `count`, many to a transaction. */
export async function inChunks(
  db: Database,
  count: number,
  work: (tx: Tx, numbers: readonly number[]) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < count; from += CHUNK) {
    const numbers = Array.from({ length: Math.min(CHUNK, count - from) }, (_, i) => from + i);
    await db.transaction((tx) => work(tx, numbers));
  }
}
