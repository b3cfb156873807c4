import { MINUTE } from "../core/time.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { Known } from "../model/known.ts";
import { timeMs } from "../core/vendor-time.ts";
import type { PolledRecord } from "../read/records.ts";

/** By so much a vendor's clock may be behind ours, milliseconds. */
const CLOCKS_APART_MS = MINUTE;

/**
 * What a page says where a stream has several lists. A record that moves from one list to another is deleted in the one and there
 * in the other, in any order: its deletion counts only in the list where it was last.
 */
export function withoutMoves(records: readonly PolledRecord[], known: ReadonlyMap<string, Known>): PolledRecord[] {
  const homes = new Map(records.flatMap(({ key, deleted, item }) => (deleted ? [] : [[key, item] as const])));
  return records.filter(({ key, deleted, item }) => {
    return !deleted || (homes.get(key) ?? known.get(key)?.item ?? item) === item;
  });
}

/**
 * Whether a record may have moved to another list, and have been deleted there, since it was seen last: that list reports its
 * deletion, and what was left of it in the list where it was may show no more. Only a complete read tells.
 */
export function mayBeGone(
  records: readonly PolledRecord[],
  known: ReadonlyMap<string, Known>,
  { timestamp, cursor }: CompiledStream,
): boolean {
  return records.some(({ key, deleted, item, raw }) => {
    const before = known.get(key);
    if (!deleted || !before || (before.item ?? item) === item) return false;
    const time = timeMs((timestamp ?? cursor.ofRecord[0])?.(raw));
    return time !== null && time > before.seen - CLOCKS_APART_MS;
  });
}
