import { HooklineError, notFound, unknownName } from "../core/errors.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { findConnection } from "../model/connections.ts";
import { events } from "../model/events.ts";
import { name } from "../model/field.ts";
import { input, type InputOf } from "../model/input.ts";
import { knownByKeys } from "../model/known.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import { anyObject, listOf, nullable, object, ref, text, time } from "../model/schema.ts";
import { streamsOfConnection, type StreamRecord } from "../model/streams.ts";
import type { Sql } from "../store/database.ts";
import { eventDetails, type EventDetails } from "./event-details.ts";

/** Events shown of one record. */
const MOST_EVENTS = 20;

/** Which record is to be explained. */
export const recordQuestion = input(
  "record",
  "Which record.",
  {
    connection: name("Id of the connection."),
    stream: name("Key of the stream.", { example: "contacts" }),
    key: name("Primary key of the record.", { example: "people/c1" }),
  },
  {},
);
export type RecordQuestion = InputOf<typeof recordQuestion>;

/** What one stream with one input knows of a record. */
export interface RecordReading {
  input: Record<string, unknown>;
  /** Whether the record is remembered. */
  known: boolean;
  /** When the read began that last saw it, RFC 3339; null when none did. */
  seenAt: string | null;
  lastPollAt: string | null;
  nextPollAt: string | null;
  /** The latest 20, newest first. */
  events: EventDetails[];
}

/** What is known of one record, and why. */
export interface Explanation extends RecordQuestion {
  /** One for each input with which the stream is read. */
  reads: RecordReading[];
  /** Explains why the record has or does not have events. */
  reason: string;
}

export const explanationSchemas = {
  Explanation: object("What is known of one record.", {
    connection: text("Id of the connection."),
    stream: text("Key of the stream."),
    key: text("Primary key of the record."),
    reads: listOf(
      object("One stream with one input.", {
        input: anyObject("The input of the stream."),
        known: { type: "boolean", description: "Whether the record is remembered." },
        seenAt: nullable(time("When the read began that last saw the record.")),
        lastPollAt: nullable(time("When the stream was last read.")),
        nextPollAt: nullable(time("When the stream is read next.")),
        events: listOf(ref("EventDetails"), "The latest 20 events of the record, newest first."),
      }),
      "One for each input with which the stream is read.",
    ),
    reason: text("Explains why the record has or does not have events."),
  }),
};

/**
 * What the reads of a stream know of one record.
 * @throws HooklineError `invalid_input` with every fault; `not_found` for a connection or stream that does not exist
 */
export async function explainRecord(
  { db: sql, connectors }: Pick<Context, "db" | "connectors">,
  question: RecordQuestion,
  scope: Scope,
): Promise<Explanation> {
  const { connection, stream: wanted, key } = recordQuestion.check(question);
  const found = await findConnection(sql, connection);
  if (found === undefined || !isVisible(found.user, scope)) throw notFound("connection", connection);
  const streams = (await streamsOfConnection(sql, connection)).filter(({ stream }) => stream === wanted);
  const declared = connectors.get(found.connector)?.streams;
  // What was read once is explained even when the manifest has given it up.
  if (streams.length === 0 && declared && !declared.has(wanted)) {
    throw new HooklineError("not_found", unknownName("stream", wanted, declared.keys()));
  }
  const reads = await Promise.all(streams.map((stream) => readingOf(sql, stream, key, scope)));
  return { connection, stream: wanted, key, reads, reason: reasonOf(streams, reads) };
}

async function readingOf(sql: Sql, stream: StreamRecord, key: string, scope: Scope): Promise<RecordReading> {
  const known = (await knownByKeys(sql, stream.id, [key])).get(key);
  const latest = await events.page(sql, { stream: stream.id, recordKey: key }, { limit: MOST_EVENTS, order: "newest" });
  return {
    input: stream.input,
    known: known !== undefined,
    seenAt: isoTime(known?.seen ?? null),
    lastPollAt: isoTime(stream.lastPollAt),
    nextPollAt: isoTime(stream.nextPollAt),
    events: await Promise.all(latest.map((event) => eventDetails(sql, event, scope))),
  };
}

function reasonOf(streams: readonly StreamRecord[], reads: readonly RecordReading[]): string {
  if (streams.length === 0) return "No subscription of this connection reads this stream; create one.";
  if (reads.some((read) => read.events.length > 0))
    return "The record changed while a subscription was active; its events say more.";
  if (reads.some(({ known }) => known))
    return "The record is known, and no change since the first poll concerned a subscription.";
  if (streams.every(({ baselinedAt }) => baselinedAt === null)) return "The first poll has not finished.";
  return "No poll has seen the record: it does not exist, was deleted, or is not in what the stream lists.";
}
