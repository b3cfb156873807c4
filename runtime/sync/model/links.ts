import type { Sql, Tx } from "../../store/database.ts";
import type { Side } from "./syncs.ts";

/** Common fields of a thing, as one side has them or both agreed on. */
export type Fields = Record<string, unknown>;

/**
 * new: still to be brought over · synced · creating: the other side is being asked to create it, outcome not known yet ·
 * alone: one side's only, and stays so until it changes · detached: its other half was deleted, which is ignored.
 */
export type LinkState = "new" | "synced" | "creating" | "alone" | "detached";

/** One thing on both sides, or on one that waits for its other half. */
export interface LinkRecord {
  id: string;
  sync: string;
  /** The vendors' ids. */
  leftId: string | null;
  rightId: string | null;
  state: LinkState;
  /** All that is known of the thing from both sides; null before they were first compared. */
  agreed: Fields | null;
  /** What each side had when its changes were last carried over. */
  left: Fields | null;
  right: Fields | null;
  /** When we last wrote to each side, milliseconds since the epoch. */
  leftWrittenAt: number | null;
  rightWrittenAt: number | null;
  /** Why it could not be brought over. */
  error: { code: string; message: string; at: number } | null;
  /** Changed while the sync was paused. */
  dirty: boolean;
  createdAt: number;
  updatedAt: number;
}

interface Row {
  id: string;
  sync: string;
  left_id: string | null;
  right_id: string | null;
  state: LinkState;
  agreed: string | null;
  left_fields: string | null;
  right_fields: string | null;
  left_written_at: number | null;
  right_written_at: number | null;
  error: string | null;
  dirty: number;
  created_at: number;
  updated_at: number;
}

const parse = (text: string | null): never => (text === null ? null : JSON.parse(text)) as never;
const print = (value: unknown): string | null => (value === null ? null : JSON.stringify(value));

const toRecord = (row: Row): LinkRecord => ({
  id: row.id,
  sync: row.sync,
  leftId: row.left_id,
  rightId: row.right_id,
  state: row.state,
  agreed: parse(row.agreed),
  left: parse(row.left_fields),
  right: parse(row.right_fields),
  leftWrittenAt: row.left_written_at,
  rightWrittenAt: row.right_written_at,
  error: parse(row.error),
  dirty: row.dirty === 1,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Inserts it, or replaces all of it but its id and sync. */
export async function saveLink(tx: Tx, l: LinkRecord): Promise<void> {
  await tx.run(
    `insert into sync_links (id, sync, left_id, right_id, state, agreed, left_fields, right_fields, left_written_at,
       right_written_at, error, dirty, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (id) do update set left_id = excluded.left_id, right_id = excluded.right_id, state = excluded.state,
       agreed = excluded.agreed, left_fields = excluded.left_fields, right_fields = excluded.right_fields,
       left_written_at = excluded.left_written_at, right_written_at = excluded.right_written_at, error = excluded.error, dirty = excluded.dirty, updated_at = excluded.updated_at`,
    [
      l.id,
      l.sync,
      l.leftId,
      l.rightId,
      l.state,
      print(l.agreed),
      print(l.left),
      print(l.right),
      l.leftWrittenAt,
      l.rightWrittenAt,
      print(l.error),
      l.dirty ? 1 : 0,
      l.createdAt,
      l.updatedAt,
    ],
  );
}

export async function deleteLink(tx: Tx, id: string): Promise<void> {
  await tx.run("delete from sync_keys where link = ?", [id]);
  await tx.run("delete from sync_links where id = ?", [id]);
}

export async function linkById(sql: Sql, id: string): Promise<LinkRecord | undefined> {
  const row = await sql.get<Row>("select * from sync_links where id = ?", [id]);
  return row && toRecord(row);
}

/** The link of a vendor's id. */
export async function linkOf(sql: Sql, sync: string, side: Side, vendorId: string): Promise<LinkRecord | undefined> {
  const row = await sql.get<Row>(`select * from sync_links where sync = ? and ${side}_id = ?`, [sync, vendorId]);
  return row && toRecord(row);
}

/** The vendor's ids of a side that are in a link. */
export async function linkedIds(sql: Sql, sync: string, side: Side): Promise<Set<string>> {
  const rows = await sql.all<{ id: string }>(
    `select ${side}_id as id from sync_links where sync = ? and ${side}_id is not null`,
    [sync],
  );
  return new Set(rows.map(({ id }) => id));
}

export interface LinkFilter {
  state?: LinkState;
  /** Only those that could not be brought over. */
  failed?: boolean;
  /** Only those that changed while the sync was paused. */
  dirty?: boolean;
}

/** One page in the order of their ids. */
export async function listLinks(
  sql: Sql,
  sync: string,
  filter: LinkFilter,
  after: string,
  limit: number,
): Promise<LinkRecord[]> {
  const conditions = [
    ...(filter.state === undefined ? [] : ["state = ?"]),
    ...(filter.failed ? ["error is not null"] : []),
    ...(filter.dirty ? ["dirty = 1"] : []),
  ];
  const rows = await sql.all<Row>(
    `select * from sync_links where ${["sync = ?", "id > ?", ...conditions].join(" and ")} order by id limit ?`,
    [sync, after, ...(filter.state === undefined ? [] : [filter.state]), limit],
  );
  return rows.map(toRecord);
}

/** How many links are in each state, and how many of all have an error. */
export async function countLinks(
  sql: Sql,
  sync: string,
): Promise<{ states: Partial<Record<LinkState, number>>; failed: number }> {
  const rows = await sql.all<{ state: LinkState; n: number; failed: number }>(
    "select state, count(*) as n, count(error) as failed from sync_links where sync = ? group by state",
    [sync],
  );
  return {
    states: Object.fromEntries(rows.map(({ state, n }) => [state, n])),
    failed: rows.reduce((sum, { failed }) => sum + failed, 0),
  };
}

/** Whether the outcome of creating another thing on a side is not known yet. */
export async function isCreatingElsewhere(sql: Sql, sync: string, side: Side, except: string): Promise<boolean> {
  const row = await sql.get<{ id: string }>(
    `select id from sync_links where sync = ? and state = 'creating' and ${side}_id is null and id <> ? limit 1`,
    [sync, except],
  );
  return row !== undefined;
}

/** By what a thing without its other half can be recognised; takes the place of what was noted before. */
export async function noteKeys(
  tx: Tx,
  link: Pick<LinkRecord, "id" | "sync">,
  side: Side,
  keys: readonly string[],
): Promise<void> {
  await tx.run("delete from sync_keys where link = ?", [link.id]);
  await tx.many(
    "insert into sync_keys (sync, side, key, link) values (?, ?, ?, ?)",
    keys.map((key) => [link.sync, side, key, link.id]),
  );
}

export async function forgetKeys(tx: Tx, link: string): Promise<void> {
  await tx.run("delete from sync_keys where link = ?", [link]);
}

/** Links without their other half on a side that have one of these keys, each with all of its keys, oldest first. */
export async function linksByKeys(
  sql: Sql,
  sync: string,
  side: Side,
  keys: readonly string[],
): Promise<{ id: string; keys: string[] }[]> {
  if (keys.length === 0) return [];
  const rows = await sql.all<{ link: string; key: string }>(
    `select link, key from sync_keys where link in
       (select link from sync_keys where sync = ? and side = ? and ${sql.oneOf("key")}) order by link, key`,
    [sync, side, JSON.stringify(keys)],
  );
  return [...Map.groupBy(rows, ({ link }) => link)].map(([id, some]) => ({ id, keys: some.map(({ key }) => key) }));
}
