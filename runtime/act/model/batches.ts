import type { Sql, SqlValue, Tx } from "../../store/database.ts";

/** An action of a connection over many inputs. */
export interface BatchRow {
  id: string;
  connection: string;
  user: string;
  action: string;
  status: "running" | "done" | "cancelled";
  /** How many items it has. */
  total: number;
  /** Milliseconds since the epoch. */
  createdAt: number;
  finishedAt: number | null;
}

export type ItemStatus = "waiting" | "running" | "succeeded" | "failed" | "cancelled";

/** One input, and what became of it. */
export interface BatchItem {
  /** In the list of inputs, from 0. */
  position: number;
  status: ItemStatus;
  input: Record<string, unknown>;
  /** `{output}` or `{error}` once there is one. */
  result: Record<string, unknown> | null;
}

interface RawBatch {
  id: string;
  connection: string;
  user_id: string;
  action: string;
  status: BatchRow["status"];
  total: number;
  created_at: number;
  finished_at: number | null;
}

interface RawItem {
  position: number;
  status: ItemStatus;
  input: string;
  result: string | null;
}

const itemFromRaw = ({ position, status, input, result }: RawItem): BatchItem => ({
  position,
  status,
  input: JSON.parse(input) as Record<string, unknown>,
  result: result === null ? null : (JSON.parse(result) as Record<string, unknown>),
});

export async function insertBatch(tx: Tx, row: BatchRow, items: readonly BatchItem[]): Promise<void> {
  await tx.run(
    `insert into batches (id, connection, user_id, action, status, total, created_at, finished_at)
     values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [row.id, row.connection, row.user, row.action, row.status, row.total, row.createdAt, row.finishedAt],
  );
  await tx.many(
    "insert into batch_items (batch, position, status, input, result) values (?, ?, ?, ?, ?)",
    items.map(({ position, status, input, result }) => [
      row.id,
      position,
      status,
      JSON.stringify(input),
      result === null ? null : JSON.stringify(result),
    ]),
  );
}

export async function findBatch(sql: Sql, id: string): Promise<BatchRow | undefined> {
  const raw = await sql.get<RawBatch>("select * from batches where id = ?", [id]);
  if (!raw) return undefined;
  const { connection, user_id, action, status, total, created_at, finished_at } = raw;
  return { id, connection, user: user_id, action, status, total, createdAt: created_at, finishedAt: finished_at };
}

/** How many items of a batch are in each state. */
export async function countItems(sql: Sql, batch: string): Promise<Record<ItemStatus, number>> {
  const rows = await sql.all<{ status: ItemStatus; n: number }>(
    "select status, count(*) as n from batch_items where batch = ? group by status",
    [batch],
  );
  const counts = { waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  for (const { status, n } of rows) counts[status] = n;
  return counts;
}

/** In the order of positions, after one of them. */
export async function listItems(
  sql: Sql,
  batch: string,
  { after, limit, status }: { after?: number; limit: number; status?: ItemStatus },
): Promise<BatchItem[]> {
  const condition = status === undefined ? "" : "and status = ?";
  const params: SqlValue[] = [batch, after ?? -1, ...(status === undefined ? [] : [status]), limit];
  const rows = await sql.all<RawItem>(
    `select position, status, input, result from batch_items
     where batch = ? and position > ? ${condition} order by position limit ?`,
    params,
  );
  return rows.map(itemFromRaw);
}

/** Puts items into another state, with what became of them. */
export async function settleItems(
  sql: Sql,
  batch: string,
  items: readonly Pick<BatchItem, "position" | "status" | "result">[],
): Promise<void> {
  await sql.many(
    "update batch_items set status = ?, result = ? where batch = ? and position = ?",
    items.map(({ position, status, result }) => [
      status,
      result === null ? null : JSON.stringify(result),
      batch,
      position,
    ]),
  );
}

/** Puts all items in one state into another; a result given is that of each. */
export async function moveItems(
  sql: Sql,
  batch: string,
  from: ItemStatus,
  to: ItemStatus,
  result: object | null = null,
): Promise<void> {
  await sql.run("update batch_items set status = ?, result = ? where batch = ? and status = ?", [
    to,
    result === null ? null : JSON.stringify(result),
    batch,
    from,
  ]);
}

/** Ends a batch that runs; does nothing to one that has ended. */
export async function endBatch(sql: Sql, id: string, status: "done" | "cancelled", now: number): Promise<void> {
  await sql.run("update batches set status = ?, finished_at = ? where id = ? and status = 'running'", [
    status,
    now,
    id,
  ]);
}

/** Forgets batches that ended before a time, at most `limit`; returns how many. */
export async function forgetBatches(tx: Tx, before: number, limit: number): Promise<number> {
  const rows = await tx.all<{ id: string }>("select id from batches where finished_at < ? limit ?", [before, limit]);
  const ids = JSON.stringify(rows.map(({ id }) => id));
  await tx.run(`delete from batch_items where ${tx.oneOf("batch")}`, [ids]);
  return tx.run(`delete from batches where ${tx.oneOf("id")}`, [ids]);
}
