import type { Sql, SqlValue, Tx } from "../store/database.ts";

/** A change about to become an event. */
export interface NewEvent {
  /** What webhook consumers see: `contact.created`, `connection.reauth_required`, … */
  type: string;
  connection: string | null;
  user: string | null;
  subscription: string | null;
  /** The stream and record it concerns; null for operational events. */
  stream: number | null;
  recordKey: string | null;
  /** Grows per connection and stream; null for operational events. */
  sequence: number | null;
  /** When the change was detected, milliseconds since the epoch. */
  at: number;
  /** The `data` of the webhook body. */
  data: Record<string, unknown>;
  /** Where its subscription sends it; with neither, to every endpoint that wants events of this type. */
  target: { endpoint?: string; flow?: string };
}

/**
 * Stores events and the jobs that follow from them, in the transaction of what caused them.
 * Given to the rooms that find changes by the composition root, so that they need not know who delivers.
 */
export type Emit = (tx: Tx, events: readonly NewEvent[]) => Promise<void>;

/** An event as it is kept. */
export interface EventRecord {
  id: string;
  type: string;
  connection: string | null;
  user: string | null;
  subscription: string | null;
  stream: number | null;
  recordKey: string | null;
  sequence: number | null;
  createdAt: number;
  /** JSON text, exactly as it is sent. */
  data: string;
}

interface Row {
  id: string;
  type: string;
  connection: string | null;
  user_id: string | null;
  subscription: string | null;
  stream: number | null;
  record_key: string | null;
  sequence: number | null;
  created_at: number;
  data: string;
}

const columns = "id, type, connection, user_id, subscription, stream, record_key, sequence, created_at, data";

const toRecord = (row: Row): EventRecord => ({
  id: row.id,
  type: row.type,
  connection: row.connection,
  user: row.user_id,
  subscription: row.subscription,
  stream: row.stream,
  recordKey: row.record_key,
  sequence: row.sequence,
  createdAt: row.created_at,
  data: row.data,
});

export async function insertEvents(tx: Tx, events: readonly EventRecord[]): Promise<void> {
  await tx.many(
    `insert into events (${columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    events.map((e) => [
      e.id,
      e.type,
      e.connection,
      e.user,
      e.subscription,
      e.stream,
      e.recordKey,
      e.sequence,
      e.createdAt,
      e.data,
    ]),
  );
}

export async function eventById(sql: Sql, id: string): Promise<EventRecord | undefined> {
  const row = await sql.get<Row>(`select ${columns} from events where id = ?`, [id]);
  return row && toRecord(row);
}

export interface EventFilter {
  type?: string;
  connection?: string;
  user?: string;
  /** One record of a stream, as `stream` and `recordKey`. */
  stream?: number;
  recordKey?: string;
  /** Only events detected at or after this time, milliseconds since the epoch. */
  since?: number;
}

/** One page, newest first. `before` is the last id of the page before it; undefined for the first page. */
export async function listEvents(
  sql: Sql,
  filter: EventFilter,
  before: string | undefined,
  limit: number,
): Promise<EventRecord[]> {
  const conditions: [string, SqlValue | undefined][] = [
    ["id < ?", before],
    ["type = ?", filter.type],
    ["connection = ?", filter.connection],
    ["user_id = ?", filter.user],
    ["stream = ?", filter.stream],
    ["record_key = ?", filter.recordKey],
    ["created_at >= ?", filter.since],
  ];
  const given = conditions.filter((condition): condition is [string, SqlValue] => condition[1] !== undefined);
  const where = given.length === 0 ? "" : `where ${given.map(([text]) => text).join(" and ")}`;
  const params = [...given.map(([, value]) => value), limit];
  const rows = await sql.all<Row>(`select ${columns} from events ${where} order by id desc limit ?`, params);
  return rows.map(toRecord);
}

/** Deletes up to `limit` events detected before a time, except those a delivery is still kept of; returns how many. */
export async function forgetEvents(tx: Tx, before: number, limit: number): Promise<number> {
  return tx.run(
    `delete from events where id in (
       select id from events where created_at < ? and not exists (select 1 from deliveries where event = events.id)
       order by id limit ?)`,
    [before, limit],
  );
}
