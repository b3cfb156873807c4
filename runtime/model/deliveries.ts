import type { Sql, SqlValue, Tx } from "../store/database.ts";
import { endpoints, type EndpointRecord } from "./endpoints.ts";
import { events, type EventRecord } from "./events.ts";
import { fixed, name, nullable, oneOf, text, time, value } from "./field.ts";
import { listQuery } from "./page.ts";
import * as schema from "./schema.ts";
import { forgetSlice } from "./slice.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

const STATUSES = ["pending", "delivered", "dead", "cancelled"] as const;

/** pending: due or waiting for its next attempt; dead: all attempts failed; cancelled: its endpoint was turned off. */
export type DeliveryStatus = (typeof STATUSES)[number];

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

const status = oneOf(STATUSES, "dead: every attempt failed; cancelled: its endpoint was disabled or deleted.");

/** One event for one endpoint. */
export const deliveries = new Table("deliveries", {
  id: text("Id.", { example: "dlv_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  event: fixed(text("Id of the event.")),
  endpoint: fixed(text("Id of the endpoint.")),
  status,
  attempts: value<Attempt[]>(schema.listOf(schema.ref("Attempt"), "All attempts, oldest first.")),
  nextAttemptAt: nullable(time("When the next attempt is due; null when no attempt is.")),
  createdAt: fixed(time("When the delivery was created.")),
  finishedAt: nullable(time("When the delivery ended; null while it is pending.")),
});

export type DeliveryRecord = RecordOf<typeof deliveries.fields>;
/** A delivery with every attempt, as it is shown. */
export type DeliveryView = ViewOf<typeof deliveries.fields>;

export const deliveryQuery = listQuery("deliveries", {
  status,
  endpoint: name("Only to this endpoint."),
  event: name("Only of this event."),
  type: name("Only of events of this type.", { example: "contact.created" }),
  connection: name("Only of events of this connection."),
  user: name("Only of this user's events."),
  since: time("Only those created at or after this time."),
  until: time("Only those created before this time."),
});

export const deliverySchemas = {
  Attempt: schema.object("One POST.", {
    at: schema.time("When it began."),
    status: schema.nullable({ type: "integer", description: "HTTP status; null when no answer came." }),
    durationMs: schema.nullable({ type: "number", description: "Milliseconds; null when it was interrupted." }),
    error: schema.nullable(schema.text("Class of the failure; null for a success.")),
    answer: schema.nullable(schema.text("The first kilobyte of the answer.")),
  }),
  Delivery: deliveries.schema("One event for one endpoint."),
};

/** A delivery and the record its event is about: what decides the order it is sent in. */
export interface DeliveryToSend {
  id: string;
  stream: number | null;
  recordKey: string | null;
}

/** Inserts deliveries that are due at `now`. */
export async function insertDeliveries(
  tx: Tx,
  made: readonly Pick<DeliveryRecord, "id" | "event" | "endpoint">[],
  now: number,
): Promise<void> {
  const due = ({ id, event, endpoint }: (typeof made)[number]): DeliveryRecord => ({
    id,
    event,
    endpoint,
    status: "pending",
    attempts: [],
    nextAttemptAt: now,
    createdAt: now,
    finishedAt: null,
  });
  await deliveries.insert(tx, ...made.map(due));
}

/** A delivery with the event and the endpoint it needs; no endpoint when that was deleted. */
export interface Deliverable extends DeliveryRecord {
  message: EventRecord;
  to: EndpointRecord | undefined;
}

const WITH_EVENT = `select ${deliveries.columnsOf("d")}, ${events.columnsOf("e", "e_")}
  from deliveries d join events e on e.id = d.event`;

/** What these deliveries need to be sent, in two statements. */
export async function deliverables(sql: Sql, ids: readonly string[]): Promise<Deliverable[]> {
  const wanted = `${WITH_EVENT} where ${sql.oneOf("d.id")}`;
  const rows = await sql.all<Record<string, SqlValue>>(wanted, [JSON.stringify(ids)]);
  const named = await endpoints.byIds(sql, [...new Set(rows.map((row) => row["endpoint"] as string))]);
  const byId = new Map(named.map((endpoint) => [endpoint.id, endpoint]));
  return rows.map((row) => {
    const delivery = deliveries.read(row);
    return { ...delivery, message: events.read(row, "e_"), to: byId.get(delivery.endpoint) };
  });
}

/** What became of a delivery after an attempt. */
export type DeliveryProgress = Pick<DeliveryRecord, "status" | "attempts" | "nextAttemptAt" | "finishedAt">;

const changeProgress = deliveries.changer(
  ["status", "attempts", "nextAttemptAt", "finishedAt"],
  "id = ? and (status = 'pending' or ? = 'delivered')",
);

/**
 * Records an attempt and what follows from it. False when the delivery is gone, or was ended meanwhile: then the attempt is recorded, and
 * nothing follows any more.
 */
export async function recordProgress(tx: Tx, id: string, progress: DeliveryProgress): Promise<boolean> {
  if ((await changeProgress(tx, progress, [id, progress.status])) > 0) return true;
  await deliveries.change(tx, { attempts: progress.attempts }, "id = ?", [id]);
  return false;
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

/** Makes deliveries due again, whatever their status. */
export async function reviveDeliveries(tx: Tx, ids: readonly string[], now: number): Promise<void> {
  const due = { status: "pending", nextAttemptAt: now, finishedAt: null } as const;
  await deliveries.change(tx, due, tx.oneOf("id"), [JSON.stringify(ids)]);
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

export interface DeliveryPage {
  filter?: Partial<Pick<DeliveryRecord, "status" | "endpoint" | "event">>;
  /** Only of events with these properties. */
  of?: Partial<Pick<EventRecord, "type" | "connection" | "user">>;
  /** Only those created at or after a time, and before another, in milliseconds since the epoch. */
  since?: number;
  until?: number;
  /** Only those to endpoints of this user; default to all. */
  owner?: string;
  limit: number;
  /** Id after which the page starts. */
  after?: string;
}

/** One page, newest first. */
export async function pageOfDeliveries(sql: Sql, page: DeliveryPage): Promise<DeliveryRecord[]> {
  const { filter = {}, of = {}, since, until, owner, limit, after } = page;
  const ofEvent = (column: string) => `exists (select 1 from events e where e.id = event and e.${column} = ?)`;
  const conditions: [string, SqlValue | undefined][] = [
    [ofEvent("type"), of.type],
    [ofEvent("connection"), of.connection],
    [ofEvent("user_id"), of.user],
    ["created_at >= ?", since],
    ["created_at < ?", until],
    ["endpoint in (select id from endpoints where user_id = ?)", owner],
  ];
  const where: (readonly [string, ...SqlValue[]])[] = conditions.filter(
    (one): one is [string, SqlValue] => one[1] !== undefined,
  );
  // In the words of the index of these few.
  if (filter.status === "dead" || filter.status === "cancelled") where.push(["status in ('dead', 'cancelled')"]);
  return deliveries.page(sql, filter, { limit, after, order: "newest", where });
}

/** How many deliveries of an endpoint there are of each status. */
export async function countDeliveries(sql: Sql, endpoint: string): Promise<Map<DeliveryStatus, number>> {
  const rows = await sql.all<{ status: DeliveryStatus; count: number }>(
    `select status, count(*) as count from deliveries where endpoint = ? group by status`,
    [endpoint],
  );
  return new Map(rows.map(({ status, count }) => [status, count]));
}

/**
 * Of the next `limit` deliveries after an id, deletes those that were finished before a time (milliseconds since the epoch); returns the
 * last id, null when no older delivery is left.
 */
export async function forgetDeliveries(tx: Tx, before: number, after: string, limit: number): Promise<string | null> {
  const slice = { table: "deliveries", order: "id", after, limit };
  return forgetSlice(tx, slice, before, "status <> 'pending' and finished_at < ?", [before]);
}

/** The deliveries of these events that wait. */
export async function waitingDeliveries(
  sql: Sql,
  events: readonly string[],
): Promise<(DeliveryToSend & { endpoint: string })[]> {
  if (events.length === 0) return [];
  return sql.all(
    `select d.id, d.endpoint, e.stream, e.record_key as "recordKey" from deliveries d join events e on e.id = d.event
     where ${sql.oneOf("d.event")} and d.status = 'pending' order by d.id`,
    [JSON.stringify(events)],
  );
}

/** Ends the deliveries of these events that wait. */
export async function cancelWaiting(tx: Tx, events: readonly string[], now: number): Promise<void> {
  if (events.length === 0) return;
  const over = { status: "cancelled", nextAttemptAt: null, finishedAt: now } as const;
  await deliveries.change(tx, over, `${tx.oneOf("event")} and status = 'pending'`, [JSON.stringify(events)]);
}
