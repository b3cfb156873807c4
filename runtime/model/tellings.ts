import type { Sql, Tx } from "../store/database.ts";
import { count, text, time } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/**
 * How often each record was told of: what makes each event of a record another one, also of a record that is again as it once
 * was. It outlives what is known of the record (its deletion, a new baseline), and ends with the stream, or when
 * {@link forgetTellings} finds that nothing is left it could be mistaken for.
 */
const tellings = new Table(
  "tellings",
  {
    stream: count("Number of the stream."),
    key: text("Primary key of the record."),
    count: count("How many of its changes had events."),
    toldAt: time("When the last of them was detected."),
  },
  ["stream", "key"],
);

export type Telling = Omit<RecordOf<typeof tellings.fields>, "stream">;

/** How many changes of these records had events so far; those that had none are absent. */
export async function tellingsByKeys(sql: Sql, stream: number, keys: readonly string[]): Promise<Map<string, number>> {
  if (keys.length === 0) return new Map();
  const found = await tellings.all(sql, `where stream = ? and ${sql.oneOf("key")}`, [stream, JSON.stringify(keys)]);
  return new Map(found.map((telling) => [telling.key, telling.count]));
}

/** Saves how many changes of records had events, one of each record. */
export async function saveTellings(tx: Tx, stream: number, told: Iterable<Telling>): Promise<void> {
  await tellings.save(tx, ...[...told].map((telling) => ({ ...telling, stream })));
}

/** Where a walk through the counts has come to. */
export type TellingPlace = readonly [stream: number, key: string];

/**
 * Of the next `limit` counts after a place, deletes those of records last told of before a time (milliseconds since the epoch)
 * that are not known any more and have no event in the store; returns the last place, null when none is left.
 */
export async function forgetTellings(
  tx: Tx,
  before: number,
  after: TellingPlace,
  limit: number,
): Promise<TellingPlace | null> {
  const next = await tx.all<{ stream: number; key: string }>(
    "select stream, key from tellings where (stream, key) > (?, ?) order by stream, key limit ?",
    [...after, limit],
  );
  const last = next.at(-1);
  if (last === undefined) return null;
  await tx.run(
    `delete from tellings where (stream, key) > (?, ?) and (stream, key) <= (?, ?) and told_at < ?
       and not exists (select 1 from known where known.stream = tellings.stream and known.key = tellings.key)
       and not exists (select 1 from events where events.stream = tellings.stream and record_key = tellings.key)`,
    [...after, last.stream, last.key, before],
  );
  return next.length < limit ? null : [last.stream, last.key];
}
