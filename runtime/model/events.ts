import { isoTime } from "../core/time.ts";
import type { Sql, Tx } from "../store/database.ts";
import { count, hidden, jsonText, name, nullable, text, time } from "./field.ts";
import { listQuery } from "./page.ts";
import { forgetSlice } from "./slice.ts";
import { anyObject, time as timeSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

/** A change about to become an event. */
export interface NewEvent {
  /** Follows from what the event tells, where that tells it apart from every other: of two with the same id, one is stored. */
  id: string;
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
 * Stores events and the jobs that follow from them, in the transaction of what caused them. An event whose id is stored already
 * has been told: it is passed over, and nothing follows from it.
 * Given to the rooms that find changes by the composition root, so that they need not know who delivers.
 */
export type Emit = (tx: Tx, events: readonly NewEvent[]) => Promise<void>;

const fields = {
  id: text("Id: the `webhook-id` of every attempt. It follows from what the event tells, and has no order.", {
    example: "evt_5d41402abc4b2a76b9719d911017c592",
  }),
  position: text("Place among all events, by which they are listed: a key that grows with time.", {
    example: "pos_019a1f2e4c7b7d1a8b1c2d3e4f506172",
  }),
  type: text("Type.", { example: "contact.created" }),
  connection: nullable(text("Id of the connection; null for an event without one.")),
  user: nullable(text("The user it belongs to; null for the workspace.", { column: "user_id" })),
  subscription: nullable(text("Id of the subscription; null for an event without one.")),
  stream: hidden(nullable(count("Number of the stream; null for an operational event."))),
  recordKey: hidden(nullable(text("Primary key of the record; null for an operational event."))),
  sequence: hidden(nullable(count("Grows per connection and stream; null for an operational event."))),
  createdAt: hidden(time("When the change was detected.")),
  data: jsonText<Record<string, unknown>>(anyObject("`data` of the webhook's body.")),
};

/**
 * One change, stored once, never changed. Lists are in the order of `position`: that of one process is the order in which it
 * emitted the events. Of several processes it is as right as their clocks, and an event may be committed after one with a later
 * position. The changes of one record are ordered by `sequence` whatever the clocks say.
 */
export const events = new Table("events", fields, ["id"], "position");

export type EventRecord = RecordOf<typeof events.fields>;

/** An event as it is shown. */
export interface EventView extends ViewOf<typeof events.fields> {
  /** When the change was detected, RFC 3339. */
  timestamp: string;
}

/** An event as it is shown. */
export function eventView(event: EventRecord): EventView {
  return { ...events.view(event), timestamp: isoTime(event.createdAt) };
}

const filters = {
  type: name("Only of this type.", { example: "contact.created" }),
  connection: name("Only of this connection."),
  user: name("Only this user's."),
  since: time("Only those detected at or after this time."),
};
export const eventQuery = listQuery("events", filters, "pos");

const timestamp = timeSchema("When the change was detected.");

export const eventSchemas = {
  Event: events.schema("One change, stored once, never changed.", { timestamp }),
};

/** JSON Schemas of what is shown of an event, by property. */
export const shownOfEvent = { ...events.shown, timestamp };

/** An event by id. */
export async function eventById(sql: Sql, id: string): Promise<EventRecord | undefined> {
  return events.find(sql, id);
}

/** Stores those of the events whose ids are not stored yet, and returns them. Of several with one id, the first counts. */
export async function storeNewEvents(tx: Tx, made: readonly EventRecord[]): Promise<readonly EventRecord[]> {
  if ((await events.insertNew(tx, ...made)) === made.length) return made;
  const given = JSON.stringify(made.map(({ position }) => position));
  const stored = await tx.all<{ position: string }>(`select position from events where ${tx.oneOf("position")}`, [
    given,
  ]);
  const positions = new Set(stored.map(({ position }) => position));
  return made.filter(({ position }) => positions.has(position));
}

/**
 * Of the next `limit` events after a position, deletes those detected before a time (milliseconds since the epoch), except those a
 * delivery is still kept of; returns the last position, null when no older event is left.
 */
export async function forgetEvents(tx: Tx, before: number, after: string, limit: number): Promise<string | null> {
  const slice = { table: "events", order: "position", after, limit };
  const isOver = "created_at < ? and not exists (select 1 from deliveries where event = events.id)";
  return forgetSlice(tx, slice, before, isOver, [before]);
}
