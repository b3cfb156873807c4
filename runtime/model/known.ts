import type { Sql, SqlValue, Tx } from "../store/database.ts";
import { count, nullable, text, time, value } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** A deletion or a rename that a page of an unfinished read reports. A later page may take it back. */
export interface Gone {
  /** What the vendor says of the deletion, where it says something; of a rename, the record under its new key. */
  raw?: unknown;
  /** Key of the record it was merged into. */
  mergedInto?: string;
  /** It is not gone, but has taken the place of the record with this key, unless that one still lives. */
  renamedFrom?: string;
  /** It is not gone, but in another list, unless the list where it was still has it: how it is there, for the read that began then. */
  movedTo?: { item: string; version: string; watched: Record<string, unknown> | null; seen: number };
}

/** What is remembered of the records of a stream: enough to tell created from updated from deleted, and no more. */
const knownRecords = new Table(
  "known",
  {
    stream: count("Number of the stream."),
    key: text("Primary key of the record."),
    version: text("Hash of the record's version, fingerprint or content."),
    seen: time("When the read began that last saw it."),
    watched: nullable(value<Record<string, unknown>>({ description: "The watched values, by name." })),
    item: nullable(text("Key of the item in whose list it was last, where there are several lists.")),
    gone: nullable(
      value<Gone>({ description: "What a page said of its deletion or its former key, until the read ends." }),
    ),
    leftOut: nullable(
      value<string[]>({
        description: "Subscriptions that began with what is there, and whose first read did not list it.",
      }),
    ),
  },
  ["stream", "key"],
);

/** In place of the time a record was last seen: of one that no read has to list any more. */
export const SEEN_ALWAYS = Number.MAX_SAFE_INTEGER;

/** What is known of one record of a stream. */
export type Known = Omit<KnownRow, "stream" | "gone" | "leftOut"> & Partial<Pick<KnownRow, "gone" | "leftOut">>;

type KnownRow = RecordOf<typeof knownRecords.fields>;

/** What is known of these keys; keys never seen are absent. */
export async function knownByKeys(sql: Sql, stream: number, keys: readonly string[]): Promise<Map<string, Known>> {
  if (keys.length === 0) return new Map();
  const found = await knownRecords.all(sql, `where stream = ? and ${sql.oneOf("key")}`, [stream, JSON.stringify(keys)]);
  return new Map(found.map((known) => [known.key, known]));
}

/** Saves what is known of records. */
export async function remember(tx: Tx, stream: number, records: readonly Known[]): Promise<void> {
  const rows = records.map(({ gone = null, leftOut = null, ...record }) => ({ ...record, gone, leftOut, stream }));
  await knownRecords.save(tx, ...rows);
}

/** Notes that a first read that tells a subscription what is there has left out all records not seen since `since`. */
export async function noteLeftOut(tx: Tx, stream: number, subscription: string, since: number): Promise<void> {
  const unseen = "stream = ? and seen < ?";
  for (const { text, ids } of await leftOutOf(tx, `${unseen} and left_out is not null`, [stream, since])) {
    const leftOut = [...new Set([...ids, subscription])];
    await knownRecords.change(tx, { leftOut }, `${unseen} and left_out = ?`, [stream, since, text]);
  }
  await knownRecords.change(tx, { leftOut: [subscription] }, `${unseen} and left_out is null`, [stream, since]);
}

/** Notes that a subscription is not to be told of any record any more that its first read has left out. */
export async function dropLeftOut(tx: Tx, stream: number, subscription: string): Promise<void> {
  for (const { text, ids } of await leftOutOf(tx, "stream = ? and left_out is not null", [stream])) {
    if (!ids.includes(subscription)) continue;
    const others = ids.filter((id) => id !== subscription);
    const leftOut = others.length === 0 ? null : others;
    await knownRecords.change(tx, { leftOut }, "stream = ? and left_out = ?", [stream, text]);
  }
}

/** Who is still to be told of records for which a condition holds: as it is stored, each once. */
async function leftOutOf(
  tx: Tx,
  condition: string,
  params: readonly SqlValue[],
): Promise<{ text: string; ids: string[] }[]> {
  const rows = await tx.all<{ text: string }>(`select distinct left_out as text from known where ${condition}`, params);
  return rows.map(({ text }) => ({ text, ids: JSON.parse(text) as string[] }));
}

/** Marks records as seen by the read that began at `seen`, where nothing else about them changed. */
export async function markSeen(tx: Tx, stream: number, keys: readonly string[], seen: number): Promise<void> {
  if (keys.length === 0) return;
  await knownRecords.change(tx, { seen }, `stream = ? and ${tx.oneOf("key")}`, [stream, JSON.stringify(keys)]);
}

/** Forgets records by their keys. */
export async function forget(tx: Tx, stream: number, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  await tx.run(`delete from known where stream = ? and ${tx.oneOf("key")}`, [stream, JSON.stringify(keys)]);
}

/** Up to `limit` records in the order of their keys. */
export async function knownAfter(sql: Sql, stream: number, afterKey: string, limit: number): Promise<Known[]> {
  return knownRecords.all(sql, "where stream = ? and key > ? order by key limit ?", [stream, afterKey, limit]);
}

/**
 * Up to `limit` records after a key, in the order of their keys, that a page of an unfinished read reports as deleted or renamed, and
 * no later page as living.
 */
export async function knownGone(sql: Sql, stream: number, afterKey: string, limit: number): Promise<Known[]> {
  // As a range of rows, not as one stream: else SQLite prefers the primary key to the index of these few, and reads all.
  const range = "where gone is not null and (stream, key) > (?, ?) and stream <= ? order by stream, key limit ?";
  return knownRecords.all(sql, range, [stream, afterKey, stream, limit]);
}

/** Records that a count or a sweep leaves out. */
export interface Except {
  /** Keys of records. */
  keys?: readonly string[];
  /** Keys of items whose lists were not read; records of which the list is not known are left out with them. */
  lists?: readonly string[];
}

/** The condition that leaves them out. */
function without(sql: Sql, { keys = [], lists = [] }: Except): { text: string; params: SqlValue[] } {
  const conditions = [
    ...(keys.length === 0 ? [] : [` and not (${sql.oneOf("key")})`]),
    ...(lists.length === 0 ? [] : [` and item is not null and not (${sql.oneOf("item")})`]),
  ];
  return {
    text: conditions.join(""),
    params: [keys, lists].flatMap((some) => (some.length === 0 ? [] : [JSON.stringify(some)])),
  };
}

/** How many known records no read since `before` (milliseconds since the epoch) has seen, apart from some. */
export async function countUnseen(sql: Sql, stream: number, before: number, except: Except = {}): Promise<number> {
  const { text, params } = without(sql, except);
  const counted = await sql.get<{ n: number }>(`select count(*) as n from known where stream = ? and seen < ?${text}`, [
    stream,
    before,
    ...params,
  ]);
  return counted!.n;
}

/** How many known records a complete read has to list: those that are over are not among them. */
export function countKnown(sql: Sql, stream: number, except: Except = {}): Promise<number> {
  return countUnseen(sql, stream, SEEN_ALWAYS, except);
}

/** Of how many lists records are known that a read since `since` (milliseconds since the epoch) has seen, or that have these keys. */
export async function countLists(
  sql: Sql,
  stream: number,
  since: number,
  listed: readonly string[] = [],
  except: Pick<Except, "lists"> = {},
): Promise<number> {
  const keys = listed.length === 0 ? "" : ` or ${sql.oneOf("key")}`;
  const { text, params } = without(sql, except);
  const counted = await sql.get<{ n: number }>(
    `select count(distinct item) as n from known where stream = ? and (seen >= ?${keys})${text}`,
    [stream, since, ...(listed.length === 0 ? [] : [JSON.stringify(listed)]), ...params],
  );
  return counted!.n;
}

/** Has records that were marked with a later time than now be marked with now: that read was none of the future. */
export async function setBackSeen(tx: Tx, stream: number, now: number): Promise<void> {
  await tx.run("update known set seen = ? where stream = ? and seen > ? and seen < ?", [now, stream, now, SEEN_ALWAYS]);
}

/** Forgets silently what no read since `before` (milliseconds since the epoch) has seen, apart from some. */
export async function forgetUnseenSince(
  tx: Tx,
  stream: number,
  before: number,
  except: Pick<Except, "lists"> = {},
): Promise<void> {
  const { text, params } = without(tx, except);
  await tx.run(`delete from known where stream = ? and seen < ?${text}`, [stream, before, ...params]);
}

/** Forgets every record of a stream. */
export async function forgetAll(tx: Tx, stream: number): Promise<void> {
  await tx.run("delete from known where stream = ?", [stream]);
}
