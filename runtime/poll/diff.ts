import type { Known } from "../model/known.ts";
import type { PolledRecord } from "../read/records.ts";

/** What was added to and removed from a watched list, or what a watched value was and is. */
export type WatchedChange = { added: unknown[]; removed: unknown[] } | { from: unknown; to: unknown };

/** One record that is not as it was known. */
export interface Change {
  kind: "created" | "updated" | "deleted";
  key: string;
  /** Absent when the vendor does not describe the deletion. */
  raw?: unknown;
  /** Watched values that differ, by name. */
  changes: Record<string, WatchedChange>;
  /** The watched values before; empty for a new record. */
  previous: Record<string, unknown>;
}

export interface Difference {
  changes: Change[];
  /** New and changed records, to be remembered. */
  remembered: Known[];
  /** Keys of records that are as they were known. */
  unchanged: string[];
  /** Keys of records that no longer exist. */
  forgotten: string[];
  /** How many of the records were known before, and still exist. */
  kept: number;
}

/** Compares a page with what is known; `seen` is when the read began. */
export function diffPage(
  records: readonly PolledRecord[],
  known: ReadonlyMap<string, Known>,
  seen: number,
): Difference {
  const difference: Difference = { changes: [], remembered: [], unchanged: [], forgotten: [], kept: 0 };
  const renamed = new Set(records.flatMap((record) => (record.deleted ? [] : record.previousKeys)));
  for (const record of lastOfEachKey(records)) {
    if (record.deleted && renamed.has(record.key)) continue;
    const renamedFrom = record.previousKeys.find((key) => key !== record.key && known.has(key));
    const before = known.get(record.key) ?? (renamedFrom === undefined ? undefined : known.get(renamedFrom));
    if (renamedFrom !== undefined) difference.forgotten.push(renamedFrom);
    const previous = before?.watched ?? {};

    if (record.deleted) {
      if (!before) continue;
      if (known.has(record.key)) difference.forgotten.push(record.key);
      difference.changes.push({ kind: "deleted", key: record.key, raw: record.raw, changes: {}, previous });
      continue;
    }
    const now: Known = { key: record.key, version: record.version, seen, watched: record.watched, item: record.item };
    if (!before) {
      const changes = watchedChanges({}, record.watched);
      difference.changes.push({ kind: "created", key: record.key, raw: record.raw, changes, previous });
      difference.remembered.push(now);
      continue;
    }
    difference.kept++;
    const changes = watchedChanges(previous, record.watched);
    if (before.version !== record.version || Object.keys(changes).length > 0) {
      difference.changes.push({ kind: "updated", key: record.key, raw: record.raw, changes, previous });
      difference.remembered.push(now);
    } else if (renamedFrom !== undefined || before.item !== record.item) {
      difference.remembered.push(now);
    } else {
      difference.unchanged.push(record.key);
    }
  }
  return difference;
}

/** A page may hold a record twice, when it changed while the list was made: the later one counts. */
function lastOfEachKey(records: readonly PolledRecord[]): Iterable<PolledRecord> {
  return new Map(records.map((record) => [record.key, record])).values();
}

function watchedChanges(
  before: Record<string, unknown>,
  after: Record<string, unknown> | null,
): Record<string, WatchedChange> {
  const changes: Record<string, WatchedChange> = {};
  for (const name of Object.keys(after ?? {})) {
    const change = compare(before[name], after![name]);
    if (change) changes[name] = change;
  }
  return changes;
}

function compare(from: unknown, to: unknown): WatchedChange | undefined {
  if (Array.isArray(from) || Array.isArray(to)) {
    const [old, now] = [asMap(from), asMap(to)];
    const added = [...now].filter(([key]) => !old.has(key)).map(([, value]) => value);
    const removed = [...old].filter(([key]) => !now.has(key)).map(([, value]) => value);
    return added.length + removed.length > 0 ? { added, removed } : undefined;
  }
  return JSON.stringify(from ?? null) === JSON.stringify(to ?? null)
    ? undefined
    : { from: from ?? null, to: to ?? null };
}

const asMap = (list: unknown): Map<string, unknown> =>
  new Map((Array.isArray(list) ? (list as unknown[]) : []).map((value) => [JSON.stringify(value), value]));
