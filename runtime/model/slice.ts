import { DAY } from "../core/time.ts";
import type { SqlValue, Tx } from "../store/database.ts";

/** Processes that write one table agree on the time so far, milliseconds. */
export const CLOCKS_APART_MS = DAY;

/** Some rows of a table, in the order of a unique column that grows with the time at which they were created. */
export interface Slice {
  table: string;
  order: string;
  /** The last row before them; "" before the first. */
  after: string;
  /** How many rows there are of it at most. */
  limit: number;
}

/**
 * Deletes those rows of a slice for which a condition holds, as it does for none created since `before` (milliseconds since the
 * epoch). Returns the last row of the slice, null when no older one is left: a table takes as many slices as it has old rows, and
 * each is looked at in an index.
 */
export async function forgetSlice(
  tx: Tx,
  { table, order, after, limit }: Slice,
  before: number,
  condition: string,
  params: readonly SqlValue[],
): Promise<string | null> {
  const last = await tx.get<{ place: string; createdAt: number }>(
    `select ${order} as place, created_at as "createdAt" from ${table} where ${order} > ? order by ${order} limit 1 offset ?`,
    [after, limit - 1],
  );
  const upTo = last === undefined ? "" : ` and ${order} <= ?`;
  const places = last === undefined ? [after] : [after, last.place];
  await tx.run(`delete from ${table} where ${order} > ?${upTo} and ${condition}`, [...places, ...params]);
  return last === undefined || last.createdAt >= before + CLOCKS_APART_MS ? null : last.place;
}
