import { isoTime } from "../core/time.ts";
import type { Sql, Tx } from "../store/database.ts";
import { count, hidden, jsonText, name, nullable, text, time } from "./field.ts";
import { listQuery } from "./page.ts";
import { anyObject, time as timeSchema } from "./schema.ts";
import { Table, type RecordOf, type ViewOf } from "./table.ts";

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

/** One change, stored once, never changed. */
export const events = new Table("events", {
  id: text("Id: the `webhook-id` of every attempt.", { example: "evt_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  type: text("Type.", { example: "contact.created" }),
  connection: nullable(text("Id of the connection; null for an event without one.")),
  user: nullable(text("The user it belongs to; null for the workspace.", { column: "user_id" })),
  subscription: nullable(text("Id of the subscription; null for an event without one.")),
  stream: hidden(nullable(count("Number of the stream; null for an operational event."))),
  recordKey: hidden(nullable(text("Primary key of the record; null for an operational event."))),
  sequence: hidden(nullable(count("Grows per connection and stream; null for an operational event."))),
  createdAt: hidden(time("When the change was detected.")),
  data: jsonText<Record<string, unknown>>(anyObject("`data` of the webhook's body.")),
});

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

export const eventQuery = listQuery("events", {
  type: name("Only of this type.", { example: "contact.created" }),
  connection: name("Only of this connection."),
  user: name("Only this user's."),
  since: time("Only those detected at or after this time."),
});

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

/** Deletes up to `limit` events detected before a time, except those a delivery is still kept of; returns how many. */
export async function forgetEvents(tx: Tx, before: number, limit: number): Promise<number> {
  return tx.run(
    `delete from events where id in (
       select id from events where created_at < ? and not exists (select 1 from deliveries where event = events.id)
       order by id limit ?)`,
    [before, limit],
  );
}
