import type { Sql, Tx } from "../store/database.ts";
import { count, flag, text, time, value } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** Why a record could not be had, as it is told. */
export interface RecordFailure {
  code: string;
  message: string;
}

/** The list that is read in place of a cursor: that cursor, and the time from which to look (epoch seconds). */
export interface Recovery {
  value: unknown;
  sinceSeconds: number;
  /** No cursor has expired, and the list is read for who asked for what is there; increments go on where they were. */
  isBackfill?: true;
}

/** Of the read that listed a record: what it takes to tell it later as that read would have. */
export interface ListedBy {
  mode: "baseline" | "diff";
  /** When the read began, milliseconds since the epoch. */
  startedAt: number;
  /** Subscriptions whose first read it was. */
  joining: string[];
  /** Of a read that began again: since when it has told these what is there, milliseconds since the epoch. */
  toldSince?: Record<string, number> | undefined;
  /** When the record was listed last as something that could be had; absent when it never was. Milliseconds since the epoch. */
  seen?: number | undefined;
  /** Of a list in place of a cursor: what was there before the stream was first read is no news in it. */
  recovering?: Recovery | null;
  /** When the read before it had succeeded last; null for the first, milliseconds since the epoch. */
  after?: number | null | undefined;
  /** Since when requests for it have got no answer at all, as those for others beside it; milliseconds since the epoch. */
  unansweredSince?: number | undefined;
}

/** Records that were listed and could not be had: they are tried again, or set aside, while the others go on. */
export const quarantine = new Table(
  "quarantine",
  {
    stream: count("Number of the stream."),
    key: text("Primary key of the record; where it is known only later, a hash of what was listed."),
    record: value<unknown>({ description: "The record as it was listed." }),
    listedBy: value<ListedBy>({ description: "The read that listed it." }),
    tries: count("How often it was asked for, in as many polls."),
    setAside: flag("Whether it is left alone until a person asks, or a list has it again."),
    error: value<RecordFailure>({ description: "Why it could not be had." }),
    failedAt: time("When it was last asked for."),
  },
  ["stream", "key"],
);

export type QuarantinedRecord = RecordOf<typeof quarantine.fields>;

/** Records of a stream that are to be tried again, those that waited longest first. */
export async function quarantinedToRetry(sql: Sql, stream: number, limit: number): Promise<QuarantinedRecord[]> {
  return quarantine.all(sql, "where stream = ? and set_aside = 0 order by failed_at, key limit ?", [stream, limit]);
}

/** Up to `limit` quarantined records of a stream after a key, in the order of their keys. */
export async function quarantinedAfter(
  sql: Sql,
  stream: number,
  after: string,
  limit: number,
): Promise<QuarantinedRecord[]> {
  return quarantine.all(sql, "where stream = ? and key > ? order by key limit ?", [stream, after, limit]);
}

/** Those of the keys that are quarantined. */
export async function quarantinedByKeys(
  sql: Sql,
  stream: number,
  keys: readonly string[],
): Promise<Map<string, QuarantinedRecord>> {
  if (keys.length === 0) return new Map();
  const found = await quarantine.all(sql, `where stream = ? and ${sql.oneOf("key")}`, [stream, JSON.stringify(keys)]);
  return new Map(found.map((record) => [record.key, record]));
}

/** Quarantined records of a stream for people to see, newest failure first. */
export async function newestQuarantined(sql: Sql, stream: number, limit: number): Promise<QuarantinedRecord[]> {
  return quarantine.all(sql, "where stream = ? order by failed_at desc, key limit ?", [stream, limit]);
}

/** The reads that listed the quarantined records of a stream, each once. */
export async function readsOfQuarantined(sql: Sql, stream: number): Promise<ListedBy[]> {
  const reads = await sql.all<{ by: string }>(`select distinct listed_by as "by" from quarantine where stream = ?`, [
    stream,
  ]);
  return reads.map(({ by }) => JSON.parse(by) as ListedBy);
}

/** Replaces, adds and removes quarantined records of a stream, and counts those that are left. */
export async function saveQuarantine(
  tx: Tx,
  stream: number,
  { held, released }: { held: readonly QuarantinedRecord[]; released: readonly string[] },
): Promise<void> {
  if (released.length > 0) {
    const keys = JSON.stringify(released);
    await tx.run(`delete from quarantine where stream = ? and ${tx.oneOf("key")}`, [stream, keys]);
  }
  await quarantine.save(tx, ...held);
  await tx.run("update streams set quarantined = (select count(*) from quarantine where stream = ?) where id = ?", [
    stream,
    stream,
  ]);
}

/** Has the records that were set aside tried again, as often as new ones. */
export async function retryQuarantined(tx: Tx, stream: number): Promise<void> {
  await quarantine.change(tx, { setAside: false, tries: 0 }, "stream = ? and set_aside = 1", [stream]);
}

/** Has records that failed, or were listed, at a later time than now have done so now. */
export async function setBackQuarantine(tx: Tx, stream: number, now: number): Promise<void> {
  const ahead = await quarantine.all(tx, "where stream = ? and failed_at > ?", [stream, now]);
  const past = (at: number): number => Math.min(at, now);
  await quarantine.save(
    tx,
    ...ahead.map((record) => {
      const { startedAt, after, unansweredSince, seen, toldSince, ...listedBy } = record.listedBy;
      const times = {
        startedAt: past(startedAt),
        after: after == null ? after : past(after),
        unansweredSince: unansweredSince === undefined ? undefined : past(unansweredSince),
        seen: seen === undefined ? undefined : past(seen),
        toldSince: toldSince && Object.fromEntries(Object.entries(toldSince).map(([id, at]) => [id, past(at)])),
      };
      return { ...record, failedAt: now, listedBy: { ...listedBy, ...times } };
    }),
  );
}

/** Forgets the quarantined records of a stream. */
export async function clearQuarantine(tx: Tx, stream: number): Promise<void> {
  await tx.run("update streams set quarantined = 0 where id = ?", [stream]);
  await tx.run("delete from quarantine where stream = ?", [stream]);
}
