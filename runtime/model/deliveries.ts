import type { Sql, SqlValue, Tx } from "../store/database.ts";
import { endpoints, type EndpointRecord } from "./endpoints.ts";
import type { EventRecord } from "./events.ts";

/** pending: due or waiting for its next attempt; dead: all attempts failed; cancelled: its endpoint was turned off. */
export type DeliveryStatus = "pending" | "delivered" | "dead" | "cancelled";

/** One POST of a webhook, or one call of a consumer in the process. */
export interface Attempt {
  /** When it began, RFC 3339. */
  at: string;
  /** The HTTP status of the answer; null when there was none. */
  status: number | null;
  /** Milliseconds until the answer was complete; null when it was interrupted. */
  durationMs: number | null;
  /** The class of the failure; null for a success. */
  error: string | null;
  /** The first kilobyte of the answer. */
  answer: string | null;
}

/** One event for one endpoint. */
export interface DeliveryRecord {
  id: string;
  event: string;
  endpoint: string;
  status: DeliveryStatus;
  attempts: Attempt[];
  nextAttemptAt: number | null;
  createdAt: number;
  finishedAt: number | null;
}

interface Row {
  id: string;
  event: string;
  endpoint: string;
  status: DeliveryStatus;
  attempts: string;
  next_attempt_at: number | null;
  created_at: number;
  finished_at: number | null;
}

const columns = ["id", "event", "endpoint", "status", "attempts", "next_attempt_at", "created_at", "finished_at"]
  .map((name) => `d.${name}`)
  .join(", ");

const toRecord = (row: Row): DeliveryRecord => ({
  id: row.id,
  event: row.event,
  endpoint: row.endpoint,
  status: row.status,
  attempts: JSON.parse(row.attempts) as Attempt[],
  nextAttemptAt: row.next_attempt_at,
  createdAt: row.created_at,
  finishedAt: row.finished_at,
});

/** A delivery and the record its event is about: what decides the order it is sent in. */
export interface DeliveryToSend {
  id: string;
  stream: number | null;
  recordKey: string | null;
}

/** Inserts deliveries that are due at `now`. */
export async function insertDeliveries(
  tx: Tx,
  deliveries: readonly { id: string; event: string; endpoint: string }[],
  now: number,
): Promise<void> {
  await tx.many(
    `insert into deliveries (id, event, endpoint, status, attempts, next_attempt_at, created_at, finished_at)
     values (?, ?, ?, 'pending', '[]', ?, ?, null)`,
    deliveries.map(({ id, event, endpoint }) => [id, event, endpoint, now, now]),
  );
}

/** A delivery with the event and the endpoint it needs; no endpoint when that was deleted. */
export interface Deliverable extends DeliveryRecord {
  message: EventRecord;
  to: EndpointRecord | undefined;
}

interface DeliverableRow extends Row {
  type: string;
  connection: string | null;
  user_id: string | null;
  subscription: string | null;
  stream: number | null;
  record_key: string | null;
  sequence: number | null;
  detected_at: number;
  data: string;
}

/** What these deliveries need to be sent, in two statements. */
export async function deliverables(sql: Sql, ids: readonly string[]): Promise<Deliverable[]> {
  const rows = await sql.all<DeliverableRow>(
    `select ${columns}, e.type, e.connection, e.user_id, e.subscription, e.stream, e.record_key, e.sequence,
       e.created_at as detected_at, e.data
     from deliveries d join events e on e.id = d.event where ${sql.oneOf("d.id")}`,
    [JSON.stringify(ids)],
  );
  const named = await endpoints.byIds(sql, [...new Set(rows.map((row) => row.endpoint))]);
  const byId = new Map(named.map((endpoint) => [endpoint.id, endpoint]));
  return rows.map((row) => ({
    ...toRecord(row),
    message: {
      id: row.event,
      type: row.type,
      connection: row.connection,
      user: row.user_id,
      subscription: row.subscription,
      stream: row.stream,
      recordKey: row.record_key,
      sequence: row.sequence,
      createdAt: row.detected_at,
      data: row.data,
    },
    to: byId.get(row.endpoint),
  }));
}

/** What became of a delivery after an attempt. */
export interface DeliveryProgress {
  status: DeliveryStatus;
  attempts: readonly Attempt[];
  nextAttemptAt: number | null;
  finishedAt: number | null;
}

/** Notes an attempt and what follows from it. */
export async function recordProgress(tx: Tx, id: string, p: DeliveryProgress): Promise<void> {
  await tx.run(`update deliveries set status = ?, attempts = ?, next_attempt_at = ?, finished_at = ? where id = ?`, [
    p.status,
    JSON.stringify(p.attempts),
    p.nextAttemptAt,
    p.finishedAt,
    id,
  ]);
}

/** Ends every waiting delivery of an endpoint, and returns them. */
export async function cancelDeliveries(tx: Tx, endpoint: string, now: number): Promise<DeliveryToSend[]> {
  return tx.all<DeliveryToSend>(
    `update deliveries set status = 'cancelled', next_attempt_at = null, finished_at = ?
     where endpoint = ? and status = 'pending'
     returning id, (select stream from events where events.id = event) as stream,
       (select record_key from events where events.id = event) as "recordKey"`,
    [now, endpoint],
  );
}

/** Makes deliveries due again, whatever became of them. */
export async function reviveDeliveries(tx: Tx, ids: readonly string[], now: number): Promise<void> {
  await tx.run(
    `update deliveries set status = 'pending', next_attempt_at = ?, finished_at = null where ${tx.oneOf("id")}`,
    [now, JSON.stringify(ids)],
  );
}

/** The dead and cancelled deliveries of an endpoint created at or after a time, oldest first. */
export async function lostDeliveries(
  sql: Sql,
  endpoint: string,
  since: number,
  limit: number,
): Promise<DeliveryToSend[]> {
  return sql.all<DeliveryToSend>(
    `select d.id, e.stream, e.record_key as "recordKey" from deliveries d join events e on e.id = d.event
     where d.endpoint = ? and d.status in ('dead', 'cancelled') and d.created_at >= ? order by d.id limit ?`,
    [endpoint, since, limit],
  );
}

export async function deliveryById(sql: Sql, id: string): Promise<Deliverable | undefined> {
  return (await deliverables(sql, [id]))[0];
}

export interface DeliveryFilter {
  status?: DeliveryStatus;
  endpoint?: string;
  event?: string;
  /** Only those of this user's own endpoints. */
  user?: string;
}

/** One page, newest first. `before` is the last id of the page before it; undefined for the first page. */
export async function listDeliveries(
  sql: Sql,
  filter: DeliveryFilter,
  before: string | undefined,
  limit: number,
): Promise<DeliveryRecord[]> {
  const conditions: [string, SqlValue | undefined][] = [
    ["d.id < ?", before],
    ["d.status = ?", filter.status],
    ["d.endpoint = ?", filter.endpoint],
    ["d.event = ?", filter.event],
    ["d.endpoint in (select id from endpoints where user_id = ?)", filter.user],
  ];
  const given = conditions.filter((condition): condition is [string, SqlValue] => condition[1] !== undefined);
  const where = given.length === 0 ? "" : `where ${given.map(([text]) => text).join(" and ")}`;
  const params = [...given.map(([, value]) => value), limit];
  const rows = await sql.all<Row>(`select ${columns} from deliveries d ${where} order by d.id desc limit ?`, params);
  return rows.map(toRecord);
}

/** How many deliveries of an endpoint there are of each status. */
export async function countDeliveries(sql: Sql, endpoint: string): Promise<Map<DeliveryStatus, number>> {
  const rows = await sql.all<{ status: DeliveryStatus; count: number }>(
    `select status, count(*) as count from deliveries where endpoint = ? group by status`,
    [endpoint],
  );
  return new Map(rows.map(({ status, count }) => [status, count]));
}

/** Deletes up to `limit` deliveries that were finished before a time; returns how many. */
export async function forgetDeliveries(tx: Tx, before: number, limit: number): Promise<number> {
  return tx.run(
    `delete from deliveries where id in (
       select id from deliveries where status <> 'pending' and finished_at < ? order by id limit ?)`,
    [before, limit],
  );
}
