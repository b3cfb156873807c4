import type { Known } from "../model/known.ts";
import type { PolledRecord } from "../read/records.ts";

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
