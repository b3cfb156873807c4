import type { Known } from "../model/known.ts";
import type { PolledRecord } from "../read/records.ts";

/** Deletions that wait for the rest of a read; further ones are told at once. They are stored with every page until then. */
export const MOST_WAITING = 500;

/**
 * What a page says where a stream has several lists. A record that moves from one list to another is deleted in the one and there
 * in the other, in any order: its deletion counts only in the list where it was last, and only when no later list has it.
 */
export function settleMoves(
  records: readonly PolledRecord[],
  known: ReadonlyMap<string, Known>,
  isLastPage: boolean,
): { settled: PolledRecord[]; waiting: PolledRecord[] } {
  const homes = new Map(records.flatMap(({ key, deleted, item }) => (deleted ? [] : [[key, item] as const])));
  const [settled, waiting]: PolledRecord[][] = [[], []];
  for (const record of records) {
    const { key, deleted, item } = record;
    const home = homes.get(key) ?? known.get(key)?.item ?? item;
    if (!deleted || (isLastPage && home === item)) settled!.push(record);
    else if (home !== item || !(known.has(key) || homes.has(key))) continue;
    else if (homes.has(key) || waiting!.length >= MOST_WAITING) settled!.push(record);
    else waiting!.push(record);
  }
  return { settled: settled!, waiting: waiting! };
}
