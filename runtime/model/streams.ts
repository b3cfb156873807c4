import { HooklineError } from "../core/errors.ts";
import type { Sql, Tx } from "../store/database.ts";
import { count, fixed, nullable, text, time, value } from "./field.ts";
import { leave } from "./leftovers.ts";
import type { Recovery } from "./quarantine.ts";
import { Table, type RecordOf } from "./table.ts";

/**
 * The progress of an unfinished read, so that it continues there after a crash. Without one, the next read starts from the beginning.
 *
 * A read is in one of these states; each is stored with the page that led to it:
 *
 * | state | `page` | `each` | `sweepAfter` |
 * |---|---|---|---|
 * | listing: that page comes next, or what is left of it | null for the first page of a list | of a stream that is read once for each of several items | absent |
 * | sweeping: all pages are read; known records that were on no page are looked for | null | as it was in the end | the last key looked at, "" before the first |
 *
 * Only a read whose absences mean something sweeps (see `ReadPlan.absence`). What is decided when a read begins stays the same in
 * all its states: `complete`, `startedAt`, `mode`, `joining` and `recovering`. Of these, `mode: "baseline"` is always `complete`,
 * and so is a read with `recovering`; a subscription in `joining` that asked for what is there makes a read `complete`.
 */
export interface Checkpoint extends Place {
  /** Whether every record is read, or only what changed since the cursor. */
  complete: boolean;
  /** When the read began, milliseconds since the epoch: the records it sees are marked with this time. */
  startedAt: number;
  /** When a page last brought something that this read had not seen yet, milliseconds since the epoch. */
  progressAt?: number;
  /** `baseline`: all records are remembered, and no change becomes an event. */
  mode: "baseline" | "diff";
  /** The cursor strategy's own notes on the pages so far. */
  notes: unknown;
  sweepAfter?: string;
  /** Sweeping: the absences were judged, and are believed. */
  isBelieved?: true;
  /** How many of the records listed so far were not known before. */
  created?: number;
  /** Of the page: hashes of the records, as listed, that are committed. The next poll goes on with the others. */
  done?: string[];
  /** Records without a key were on a page: what is absent may be one of them, so nothing is taken for gone. */
  hasUnkeyed?: true;
  /** More records had one time than a page holds, so absence means nothing. */
  isPastTies?: true;
  /** Some of them may have been passed over: others followed. */
  hasPassedOver?: true;
  /** Only a complete read tells what became of a record that a page reports as deleted. */
  isToVerify?: true;
  /** A record was listed, and gone before the request that would have told what it was. */
  lostUnread?: true;
  /** Lists that this read could not have, by the key of their item: its other lists go on. */
  missed?: MissedNow[];
  /** Pages so far reported deletions; they count once the last page has not taken them back. */
  holds?: true;
  /** Subscriptions whose first read this is. */
  joining: string[];
  /** Of a read that began again: since when it has told subscriptions what is there. A record seen since then was told. */
  toldSince?: Record<string, number>;
  /** When another list shows what an expired cursor has missed. */
  recovering: Recovery | null;
}

/** A page of a list: plain data. Null is the first. */
export type PageState = { token: string } | { url: string } | { number: number } | KeysetState | null;

/** A page after the values of a record. */
export interface KeysetState {
  values: unknown[];
  /** How many records are asked for, where it is more than the manifest says: a page held nothing but one value. */
  size?: number;
  /** No page has shown that it held all records of the values: if others follow, some may have been passed over. */
  isPastTies?: true;
}

/** Where a read stands: at a page, of one of several lists where a stream has them. */
export interface Place {
  page: PageState;
  /** Digest of what the page before listed: a vendor that lists it again ignores where a page is to begin. */
  last?: string | undefined;
  each?: ItemPlace;
}

/** Lists that are read one after the other, as they were found when the read began, and the one whose turn it is. */
export interface ItemPlace {
  items: unknown[];
  /** Index of the item. */
  at: number;
}

/** A list that one read could not have. */
export interface MissedNow {
  /** Key of the item whose list it is. */
  list: string;
  error: StreamError;
  /** Whether the error may mean the cursor. */
  isRefusal: boolean;
  /** Whether some of its records were read before. */
  isPartly: boolean;
}

/** One of several lists that reads could not have, while the others went on. Nothing that is known of it changes meanwhile. */
export interface MissedList {
  /** Key of the item whose list it is. */
  list: string;
  /** When the last read began that had it; else the first that did not. Milliseconds since the epoch. */
  since: number;
  /** Why it cannot be had; null once it can, and only what has gone from it is still to be looked for in a complete read. */
  error: StreamError | null;
  /** When the first of the reads in a row failed that could not have it; absent of one that was stored before this was noted. */
  failingSince?: number;
  /** Reads in a row that were refused with its cursor, or have tried without. */
  refusals: number;
  /** Where it goes on, in a stream whose lists have one cursor together; else the stream's own has it. */
  cursor: unknown;
  /** When the read began that gave its cursor, milliseconds since the epoch; null when none has had it. */
  cursorAt: number | null;
  /** `baseline`: the first read of the stream did not have it, so what it has is no news. */
  mode: "baseline" | "diff";
  /** Subscriptions whose first read did not have it. */
  joining: string[];
  /** When those first reads began: of other lists, they have told what was seen since. Milliseconds since the epoch. */
  toldSince?: Record<string, number>;
  /** Whether the first read has had some of its records, and not all. */
  isPartly?: boolean;
  /** When a complete read began that found it no longer listed; another one is to agree. Milliseconds since the epoch. */
  vanishedAt?: number;
  /** How many complete reads in a row did not have it, and when the last began; absent when none. */
  whole?: { count: number; at: number };
}

/** Deletions that one complete read suggests, and that are not believed yet. */
export interface Doubt {
  /** When the read began that suggested them, milliseconds since the epoch. */
  since: number;
  /** How many records it did not list. */
  missing: number;
  /** How many records were known. */
  known: number;
  /** Whether a second read agreed, and so many are missing that a person decides. */
  isHeld: boolean;
}

/** Why the last poll failed. */
export interface StreamError {
  code: string;
  message: string;
  /** Milliseconds since the epoch. */
  at: number;
}

const json = { description: "Any JSON." };

/** One stream of one connection with one input: what is read, how far, and with what success. */
export const streams = new Table("streams", {
  id: count("Number."),
  connection: fixed(text("Id of the connection.")),
  stream: fixed(text("Key of the stream in the manifest.")),
  inputHash: fixed(text("Hash of the input.")),
  input: fixed(value<Record<string, unknown>>(json)),
  requestHash: nullable(text("Hash of the request that the cursor belongs to; null before the first read.")),
  cursorVersion: count("Version of the stream that the cursor belongs to."),
  cursor: nullable(value<unknown>(json)),
  cursorAt: nullable(time("When the read began that gave the cursor.")),
  checkpoint: nullable(value<Checkpoint>(json)),
  baselinedAt: nullable(time("When the first complete read began, once it has ended.")),
  sequence: count("Number of the newest change that became an event."),
  lastPollAt: nullable(time("When a poll last ended.")),
  lastSuccessAt: nullable(time("When a poll last succeeded; one whose list is in doubt has not.")),
  nextPollAt: nullable(time("When the next poll is due; null when no poll is scheduled.")),
  consecutiveErrors: count("Failures since the last success."),
  lastError: nullable(value<StreamError>(json)),
  doubt: nullable(value<Doubt>(json)),
  missed: nullable(value<MissedList[]>(json)),
  quarantined: count("How many of its records could not be had, and are tried again or set aside."),
  deletionsAcceptedAt: nullable(time("When a person last accepted held deletions.")),
  refusals: count("How often in a row the vendor has refused the list with this cursor, in words that are no expiry."),
  verifiedAt: nullable(
    time("When the last complete read began that was compared with what was known; 0 when the next read is to be one."),
  ),
  expectedSince: time(
    "Since when it is to be read: it has a subscription, which is not paused, and its connection works.",
  ),
  watchAt: time("When the watch looks at it next; see `poll/watch.ts`."),
  lastEventAt: nullable(time("When a read last made an event.")),
  longestQuietMs: count("The longest time between two reads that made events, milliseconds."),
});

export type StreamRecord = RecordOf<typeof streams.fields>;

/** What makes a stream the one it is, and the version that it begins with. */
type NewStream = Pick<StreamRecord, "connection" | "stream" | "input" | "inputHash" | "cursorVersion">;

/** The stream of this connection with this input, which is made when it is new. */
export async function ensureStream(tx: Tx, key: NewStream): Promise<StreamRecord> {
  const identity = [key.connection, key.stream, key.inputHash];
  await tx.run(
    `insert into streams (connection, stream, input_hash, input, cursor_version, sequence, consecutive_errors, quarantined)
     values (?, ?, ?, ?, ?, 0, 0, 0) on conflict (connection, stream, input_hash) do nothing`,
    [...identity, JSON.stringify(key.input), key.cursorVersion],
  );
  return (await streams.one(tx, "where connection = ? and stream = ? and input_hash = ?", identity))!;
}

/** The same stream with nothing known of it yet, under another number; the old one can only be deleted. */
export async function beginAgain(tx: Tx, old: StreamRecord): Promise<StreamRecord> {
  await tx.run("update streams set input_hash = ? where id = ?", [`${old.inputHash} ${old.id}`, old.id]);
  return ensureStream(tx, old);
}

/** Those of the streams that exist. */
export async function streamsByIds(sql: Sql, ids: readonly number[]): Promise<StreamRecord[]> {
  return ids.length === 0 ? [] : streams.all(sql, `where ${sql.oneOf("id")}`, [JSON.stringify(ids)]);
}

/**
 * Refuses to write about a stream that is gone: nobody would ever forget it.
 * @throws HooklineError `conflict`
 */
export async function assertStream(tx: Tx, id: number): Promise<void> {
  if ((await tx.get("select id from streams where id = ?", [id])) !== undefined) return;
  throw new HooklineError("conflict", `Stream ${id} was removed while it was read; nothing is kept of it`);
}

/** All streams of a connection, oldest first. */
export async function streamsOfConnection(sql: Sql, connection: string): Promise<StreamRecord[]> {
  return streams.all(sql, "where connection = ? order by id", [connection]);
}

/** What a poll leaves as it is: what has statements of its own, such as counts, and what others change meanwhile. */
const NOT_POLLED: ReadonlySet<string> = new Set<keyof StreamRecord>([
  "id",
  "connection",
  "stream",
  "input",
  "inputHash",
  "sequence",
  "deletionsAcceptedAt",
  "quarantined",
  "expectedSince",
  "watchAt",
]);
const POLLED = Object.keys(streams.fields).filter((name) => !NOT_POLLED.has(name)) as (keyof StreamRecord)[];
const savePolled = streams.changer(POLLED, "id = ?");

/** Writes back what a poll changes. False for a stream that is gone, and stays gone. */
export async function saveStream(tx: Tx, stream: StreamRecord): Promise<boolean> {
  return (await savePolled(tx, stream, [stream.id])) > 0;
}

/** Streams are read from now on; until `watchAt`, that is taken for granted. */
export async function expectReads(tx: Tx, ids: readonly number[], now: number, watchAt: number): Promise<void> {
  if (ids.length === 0) return;
  await streams.change(tx, { expectedSince: now, watchAt }, tx.oneOf("id"), [JSON.stringify(ids)]);
}

/** Notes that the deletions a stream holds back are real. */
export async function acceptDeletions(tx: Tx, id: number, now: number): Promise<void> {
  await streams.change(tx, { deletionsAcceptedAt: now }, "id = ?", [id]);
}

/** Has a stream count on from the last event of a subscription that comes from another one. */
export async function continueSequence(tx: Tx, stream: number, subscription: string): Promise<void> {
  const last = await tx.get<{ sequence: number | null }>(
    "select max(sequence) as sequence from events where subscription = ?",
    [subscription],
  );
  await raiseSequence(tx, stream, last?.sequence ?? 0);
}

/** A stream as it is once a read has made events. */
export function withEvents(stream: StreamRecord, now: number): StreamRecord {
  const quietMs = now - (stream.lastEventAt ?? now);
  return { ...stream, lastEventAt: now, longestQuietMs: Math.max(stream.longestQuietMs, quietMs) };
}

/** Raises the sequence of a stream. It only grows, whatever a poll that began before has in hand. */
export async function raiseSequence(tx: Tx, id: number, sequence: number): Promise<void> {
  await tx.run("update streams set sequence = ? where id = ? and sequence < ?", [sequence, id, sequence]);
}

/** Rows of a stream that are deleted with it; what is more is left for later. */
const WITH_STREAM = 1000;

/**
 * Forgets a stream, everything known of its records, and how often they were told of. Returns whether some of it is left: then the
 * work that erases has to be called.
 */
export async function deleteStream(tx: Tx, id: number): Promise<boolean> {
  await streams.delete(tx, id);
  const isLeft = await forgetSomeOfStream(tx, id, WITH_STREAM);
  if (isLeft) await leave(tx, "stream", String(id));
  return isLeft;
}

/** Deletes about `limit` rows of what is left of a stream that is gone; whether there may be more. */
export async function forgetSomeOfStream(tx: Tx, id: number, limit: number): Promise<boolean> {
  for (const table of ["known", "quarantine", "tellings"]) {
    const some = `select key from ${table} where stream = ? order by key limit ?`;
    const deleted = await tx.run(`delete from ${table} where stream = ? and key in (${some})`, [id, id, limit]);
    if (deleted === limit) return true;
  }
  return false;
}
