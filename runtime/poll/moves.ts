import { MINUTE } from "../core/time.ts";
import type { CompiledEach, CompiledStream } from "../manifest/connector.ts";
import type { Known } from "../model/known.ts";
import type { Checkpoint } from "../model/streams.ts";
import { timeMs } from "../core/vendor-time.ts";
import type { PolledRecord } from "../read/records.ts";
import { watchedChanges, type Change } from "./diff.ts";

/** By so much a vendor's clock may be behind ours, milliseconds. */
const CLOCKS_APART_MS = MINUTE;

/**
 * What a page says where a stream has several lists. A record that moves from one list to another is deleted in the one and there
 * in the other, in any order: its deletion counts only in the list where it was last.
 */
export function withoutMoves(records: readonly PolledRecord[], known: ReadonlyMap<string, Known>): PolledRecord[] {
  const homes = new Map(records.flatMap(({ key, deleted, item }) => (deleted ? [] : [[key, item] as const])));
  return records.filter(({ key, deleted, item }) => {
    const before = known.get(key);
    return !deleted || (homes.get(key) ?? before?.gone?.movedTo?.item ?? before?.item ?? item) === item;
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

/** What a page shows of records that are known of another list. */
interface Sorted {
  /** Of the others, and of those that have moved. */
  records: PolledRecord[];
  /** They have moved, unless the list where they were still has them: it is read later. */
  held: Known[];
  /** Whether one is in two lists at once, and has changed: it may have moved between the two, and only a complete read tells. */
  isToVerify: boolean;
}

/**
 * Sorts the living records of a page by whether they have moved: one that its own list has shown alive in this read is not in another.
 * So a record that is in several lists is told as it is in one of them, whatever their order. `alive`: the lists in which an
 * incremental read has shown records.
 */
export function withoutCopies(
  records: readonly PolledRecord[],
  known: ReadonlyMap<string, Known>,
  each: CompiledEach,
  { each: place, startedAt, complete }: Pick<Checkpoint, "each" | "startedAt" | "complete">,
  alive: ReadonlyMap<string, string | null>,
): Sorted {
  const sorted: Sorted = { records: [], held: [], isToVerify: false };
  const order = new Map(place?.items.map((item, i) => [each.key(item), i]));
  for (const record of records) {
    const { key, item, deleted, version, watched, raw } = record;
    const before = known.get(key);
    const home = before?.item ?? null;
    const at = home === null ? undefined : order.get(home);
    const isRenamed = before?.gone?.renamedFrom !== undefined;
    if (isRenamed || !before || deleted || item === null || home === item || at === undefined) {
      sorted.records.push(record);
    } else if (at > place!.at) {
      sorted.held.push({ ...before, gone: { raw, movedTo: { item, version, watched, seen: startedAt } } });
    } else if (before.gone || (before.seen !== startedAt && alive.get(key) !== home)) {
      sorted.records.push(record);
    } else if (!complete && before.seen === startedAt) sorted.isToVerify = true;
  }
  return sorted;
}

/** The changes of records that were held, since the list where they were might have had them still. */
export function settleMoves(
  held: readonly Known[],
  { startedAt }: Pick<Checkpoint, "startedAt">,
): { changes: Change[]; remembered: Known[] } {
  const changes: Change[] = [];
  const remembered = held.map((before): Known => {
    const { raw, movedTo } = before.gone!;
    const { item, version, watched, seen } = movedTo!;
    // Of a read that was given up: this one has shown what became of it.
    if (seen !== startedAt) return { ...before, gone: null };
    const { key, watched: was } = before;
    const previous = was ?? {};
    const change = { key, version, raw, changes: watchedChanges(previous, watched), previous };
    if (version !== before.version || Object.keys(change.changes).length > 0) {
      changes.push({ kind: "updated", ...change, ...(before.version !== "" && { seen: before.seen }) });
    }
    return { key, version, watched, item, seen: startedAt, gone: null };
  });
  return { changes, remembered };
}

/** Whether a record is held since it may have moved to another list. */
export const isMoved = ({ gone }: Known): boolean => gone?.movedTo !== undefined;
