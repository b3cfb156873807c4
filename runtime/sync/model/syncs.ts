import type { Sql, SqlValue, Tx } from "../../store/database.ts";

export type Side = "left" | "right";
export const SIDES = ["left", "right"] as const;
export const otherSide = (side: Side): Side => (side === "left" ? "right" : "left");

export type SyncDirection = "both" | "left-to-right" | "right-to-left";

/** What of a resource is kept alike, and how it is read and written where the common terms do not do. */
export interface SyncFields {
  /** Only these common fields. */
  include?: string[];
  /** All common fields but these. */
  exclude?: string[];
  /** By side: a template over {resource, record} whose properties are laid over the common terms of what is read there. */
  map?: Partial<Record<Side, Record<string, unknown>>>;
  /** By side: a template over {resource, id, record} whose properties are laid over the input of the action that writes there. */
  input?: Partial<Record<Side, Record<string, unknown>>>;
}

/** Why a sync rests although nobody paused it. */
export interface SyncProblem {
  code: string;
  message: string;
  connection: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Two connections kept alike in one resource. */
export interface SyncRecord {
  id: string;
  user: string;
  resource: string;
  /** Ids of the connections. */
  left: string;
  right: string;
  direction: SyncDirection;
  /** Who wins when both sides changed the same. */
  conflicts: "newest" | Side;
  deletes: "propagate" | "ignore";
  fields: SyncFields;
  everySeconds: number | null;
  writesPerMinute: number | null;
  /** matching: what is there is still being compared for the first time. */
  phase: "matching" | "syncing";
  status: "active" | "paused";
  problem: SyncProblem | null;
  /** Writes to the left, and to the right, since it was made. */
  pulled: number;
  pushed: number;
  conflictCount: number;
  lastSyncAt: number | null;
  /** The minute whose writes are counted: when it began, and how many. */
  windowStart: number;
  windowWrites: number;
  createdAt: number;
  updatedAt: number;
}

interface Row {
  id: string;
  user_id: string;
  resource: string;
  left_connection: string;
  right_connection: string;
  direction: SyncDirection;
  conflicts: SyncRecord["conflicts"];
  deletes: SyncRecord["deletes"];
  fields: string;
  every_seconds: number | null;
  writes_per_minute: number | null;
  phase: SyncRecord["phase"];
  status: SyncRecord["status"];
  problem: string | null;
  pulled: number;
  pushed: number;
  conflict_count: number;
  last_sync_at: number | null;
  window_start: number;
  window_writes: number;
  created_at: number;
  updated_at: number;
}

const toRecord = (row: Row): SyncRecord => ({
  id: row.id,
  user: row.user_id,
  resource: row.resource,
  left: row.left_connection,
  right: row.right_connection,
  direction: row.direction,
  conflicts: row.conflicts,
  deletes: row.deletes,
  fields: JSON.parse(row.fields) as SyncFields,
  everySeconds: row.every_seconds,
  writesPerMinute: row.writes_per_minute,
  phase: row.phase,
  status: row.status,
  problem: row.problem === null ? null : (JSON.parse(row.problem) as SyncProblem),
  pulled: row.pulled,
  pushed: row.pushed,
  conflictCount: row.conflict_count,
  lastSyncAt: row.last_sync_at,
  windowStart: row.window_start,
  windowWrites: row.window_writes,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export async function insertSync(tx: Tx, s: SyncRecord): Promise<void> {
  await tx.run(
    `insert into syncs (id, user_id, resource, left_connection, right_connection, direction, conflicts, deletes, fields,
       every_seconds, writes_per_minute, phase, status, problem, pulled, pushed, conflict_count, last_sync_at, window_start,
       window_writes, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, null, 0, 0, 0, null, 0, 0, ?, ?)`,
    [
      s.id,
      s.user,
      s.resource,
      s.left,
      s.right,
      s.direction,
      s.conflicts,
      s.deletes,
      JSON.stringify(s.fields),
      s.everySeconds,
      s.writesPerMinute,
      s.phase,
      s.status,
      s.createdAt,
      s.updatedAt,
    ],
  );
}

const COLUMNS = {
  direction: "direction",
  conflicts: "conflicts",
  deletes: "deletes",
  writesPerMinute: "writes_per_minute",
  phase: "phase",
  status: "status",
  problem: "problem",
} as const;

export type SyncChanges = Partial<Pick<SyncRecord, keyof typeof COLUMNS>>;

export async function changeSync(tx: Tx, id: string, changes: SyncChanges, now: number): Promise<void> {
  const names = Object.keys(changes) as (keyof SyncChanges)[];
  const values = names.map((name): SqlValue => {
    const value = changes[name] ?? null;
    return typeof value === "object" && value !== null ? JSON.stringify(value) : value;
  });
  const assignments = names.map((name) => `${COLUMNS[name]} = ?, `).join("");
  await tx.run(`update syncs set ${assignments}updated_at = ? where id = ?`, [...values, now, id]);
}

/** What one piece of work adds to a sync's counts. */
export interface SyncTally {
  pulled: number;
  pushed: number;
  conflicts: number;
}

/** Adds to the counts of a sync, and to the writes of the running minute; a new minute begins when the last is over. */
export async function tally(tx: Tx, id: string, { pulled, pushed, conflicts }: SyncTally, now: number): Promise<void> {
  const writes = pulled + pushed;
  await tx.run(
    `update syncs set pulled = pulled + ?, pushed = pushed + ?, conflict_count = conflict_count + ?, last_sync_at = ?,
       window_writes = case when window_start > ? then window_writes + ? else ? end,
       window_start = case when window_start > ? then window_start else ? end where id = ?`,
    [pulled, pushed, conflicts, now, now - 60_000, writes, writes, now - 60_000, now, id],
  );
}

export async function syncById(sql: Sql, id: string): Promise<SyncRecord | undefined> {
  const row = await sql.get<Row>("select * from syncs where id = ?", [id]);
  return row && toRecord(row);
}

export interface SyncFilter {
  user?: string;
  connection?: string;
}

/** One page in the order of their ids. */
export async function listSyncs(sql: Sql, filter: SyncFilter, after: string, limit: number): Promise<SyncRecord[]> {
  const conditions = ["id > ?"];
  const params: SqlValue[] = [after];
  if (filter.user !== undefined) {
    conditions.push("user_id = ?");
    params.push(filter.user);
  }
  if (filter.connection !== undefined) {
    conditions.push("? in (left_connection, right_connection)");
    params.push(filter.connection);
  }
  const rows = await sql.all<Row>(`select * from syncs where ${conditions.join(" and ")} order by id limit ?`, [
    ...params,
    limit,
  ]);
  return rows.map(toRecord);
}

/** Forgets a sync with its links, keys and conflicts. */
export async function deleteSync(tx: Tx, id: string): Promise<void> {
  for (const table of ["sync_keys", "sync_links", "sync_conflicts"])
    await tx.run(`delete from ${table} where sync = ?`, [id]);
  await tx.run("delete from syncs where id = ?", [id]);
}

/** The subscriptions that tell a sync of changes, and the streams they read. */
export async function subscriptionsOfSync(
  sql: Sql,
  sync: string,
): Promise<{ id: string; connection: string; stream: number; backfill: string }[]> {
  return sql.all("select id, connection, stream, backfill from subscriptions where flow = ? order by id", [sync]);
}

/**
 * The data of the last event of a record, of all streams that tell a sync of it, and when the read began that found it.
 * Within a stream the sequence says which is the last: ids come from the clock, which may be set back.
 */
export async function lastEvent(
  sql: Sql,
  sync: string,
  connection: string,
  record: string,
): Promise<{ data: string; readAt: number } | undefined> {
  const rows = await sql.all<{ data: string; created_at: number; seen: number | null }>(
    `select e.data, e.created_at, (select seen from known where stream = e.stream and key = e.record_key) as seen
     from events e
     where e.record_key = ? and e.stream in (select stream from subscriptions where flow = ? and connection = ?)
       and not exists (select 1 from events later
         where later.stream = e.stream and later.record_key = e.record_key and later.sequence > e.sequence)`,
    [record, sync, connection],
  );
  const [last] = rows.sort((a, b) => b.created_at - a.created_at);
  return last && { data: last.data, readAt: last.seen ?? last.created_at };
}
