import type { Sql, Tx } from "../store/database.ts";

/** What the runtime remembers of one record: enough to tell created from updated from deleted, and no more. */
export interface Known {
  key: string;
  /** Hash of the record's version, fingerprint or content. */
  version: string;
  /** When the read that last saw it began, milliseconds since the epoch. */
  seen: number;
  /** The watched values, by name; null when the stream watches none. */
  watched: Record<string, unknown> | null;
}

interface Row {
  key: string;
  version: string;
  seen: number;
  watched: string | null;
}

const toKnown = (row: Row): Known => ({
  ...row,
  watched: row.watched === null ? null : (JSON.parse(row.watched) as Record<string, unknown>),
});

/** What is known of these keys; keys never seen are absent. */
export async function knownByKeys(sql: Sql, stream: number, keys: readonly string[]): Promise<Map<string, Known>> {
  if (keys.length === 0) return new Map();
  const rows = await sql.all<Row>(
    `select key, version, seen, watched from known where stream = ? and ${sql.oneOf("key")}`,
    [stream, JSON.stringify(keys)],
  );
  return new Map(rows.map((row) => [row.key, toKnown(row)]));
}

export async function remember(tx: Tx, stream: number, records: readonly Known[]): Promise<void> {
  await tx.many(
    `insert into known (stream, key, version, seen, watched) values (?, ?, ?, ?, ?)
     on conflict (stream, key) do update set version = excluded.version, seen = excluded.seen, watched = excluded.watched`,
    records.map((r) => [stream, r.key, r.version, r.seen, r.watched === null ? null : JSON.stringify(r.watched)]),
  );
}

/** Marks records as seen by the read that began at `seen`, where nothing else about them changed. */
export async function markSeen(tx: Tx, stream: number, keys: readonly string[], seen: number): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(`update known set seen = ? where stream = ? and ${tx.oneOf("key")}`, [
    seen,
    stream,
    JSON.stringify(keys),
  ]);
}

export async function forget(tx: Tx, stream: number, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(`delete from known where stream = ? and ${tx.oneOf("key")}`, [stream, JSON.stringify(keys)]);
}

/** Up to `limit` records in the order of their keys. */
export async function knownAfter(sql: Sql, stream: number, afterKey: string, limit: number): Promise<Known[]> {
  const rows = await sql.all<Row>(
    `select key, version, seen, watched from known where stream = ? and key > ? order by key limit ?`,
    [stream, afterKey, limit],
  );
  return rows.map(toKnown);
}

/** Forgets what no read since `before` has seen, without a word. */
export async function forgetUnseenSince(tx: Tx, stream: number, before: number): Promise<void> {
  await tx.run(`delete from known where stream = ? and seen < ?`, [stream, before]);
}

export async function forgetAll(tx: Tx, stream: number): Promise<void> {
  await tx.run(`delete from known where stream = ?`, [stream]);
}
