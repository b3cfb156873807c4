import type { Gone, Known } from "../model/known.ts";
import type { PolledRecord } from "../read/records.ts";

/** What was added to and removed from a watched list, or what a watched value was and is. */
export type WatchedChange = { added: unknown[]; removed: unknown[] } | { from: unknown; to: unknown };

/** One record that is not as it was known. */
export interface Change {
  kind: "created" | "updated" | "deleted";
  key: string;
  /** Hash of the record's version; of a deleted one, as it was known last. */
  version: string;
  /** Absent when the vendor does not describe the deletion. */
  raw?: unknown;
  /** Watched values that differ, by name. */
  changes: Record<string, WatchedChange>;
  /** The watched values before; empty for a new record. */
  previous: Record<string, unknown>;
  /** The keys under which it was known, of a record that has another now. */
  previousKeys?: string[];
  /** The record that a deleted one was merged into. */
  mergedInto?: string;
  /** When the read began that saw it before; absent when none has, or could not read it. */
  seen?: number;
}

export interface Difference {
  changes: Change[];
  /** New and changed records, to be remembered, and those whose deletion is held. */
  remembered: Known[];
  /** Keys of records that are as they were known. */
  unchanged: string[];
  /** Keys of records that no longer exist, or have another key now. */
  forgotten: string[];
  /** How many of the records were not known before. */
  created: number;
  /** Whether deletions are held until the read ends. */
  holds: boolean;
}

/**
 * Compares a page with what is known; `seen` is when the read began. What one page says of a record, a later page may put in
 * another light: before the last page a deletion is held, so that the record can still turn up, under its key or another, and so is
 * a rename, since the old key can still turn up as well.
 */
export function diffPage(
  records: readonly PolledRecord[],
  known: ReadonlyMap<string, Known>,
  seen: number,
  isLast = true,
): Difference {
  const difference: Difference = {
    changes: [],
    remembered: [],
    unchanged: [],
    forgotten: [],
    created: 0,
    holds: false,
  };
  const page = lastOfEachKey(records, known);
  const heirs = heirsOf(page, known, seen);
  const removedKeys = new Set<string>();
  const remove = (before: Known | undefined, gone: Gone): void => {
    if (!before || removedKeys.has(before.key)) return;
    const { key } = before;
    removedKeys.add(key);
    const removed: Known = { ...before, gone: { ...before.gone, ...gone } };
    if (isLast) {
      difference.forgotten.push(key);
      difference.changes.push(deletionOf(removed));
    } else {
      difference.remembered.push(removed);
      difference.holds = true;
    }
  };
  for (const record of page.values()) {
    const { key, raw, version, former } = record;
    const found = known.get(key) ?? known.get(former?.key ?? key);
    const itself = isRenamed(found) ? undefined : found;
    if (record.deleted) {
      if (heirs.has(key)) continue;
      if (isRenamed(found)) difference.forgotten.push(found.key);
      remove(itself, { raw });
      // Renamed and deleted between two reads: it is known by its old key.
      for (const old of record.previousKeys) if (!heirs.has(old) && !page.has(old)) remove(known.get(old), {});
      continue;
    }
    const inherited = record.previousKeys.filter((old) => heirs.get(old) === key);
    // Of a rename that a page before showed, and that went on to this key, nothing was told.
    difference.forgotten.push(...inherited.filter((old) => isRenamed(known.get(old))));
    const taken = inherited.filter((old) => !isRenamed(known.get(old)));
    const renamedFrom = itself ? undefined : taken.shift();
    for (const old of taken) {
      const tombstone = page.get(old);
      remove(known.get(old), { ...(tombstone && { raw: tombstone.raw }), mergedInto: key });
    }
    const before = itself ?? (renamedFrom === undefined ? undefined : known.get(renamedFrom));
    const previous = before?.watched ?? {};
    const { watched, changes } = before ? watchedSince(previous, record) : watchedSince({}, { ...record, stays: [] });
    const now: Known = { key, version, seen, watched, item: record.item };
    if (before?.leftOut) now.leftOut = before.leftOut;
    if (renamedFrom !== undefined && !isLast) {
      difference.remembered.push({ ...now, gone: { raw, renamedFrom } });
      difference.holds = true;
      continue;
    }
    if (!before) {
      difference.created++;
      difference.changes.push({ kind: "created", key, version, raw, changes, previous });
      difference.remembered.push(now);
      continue;
    }
    if (before.key !== key) difference.forgotten.push(before.key);
    const previousKeys = renamedFrom === undefined ? {} : { previousKeys: [renamedFrom] };
    const isSame = before.version === version || before.version === former?.version?.();
    if (renamedFrom !== undefined || !isSame || Object.keys(changes).length > 0) {
      difference.changes.push({
        kind: "updated",
        key,
        version,
        raw,
        changes,
        previous,
        ...previousKeys,
        ...seenOf(before),
      });
      difference.remembered.push(now);
    } else if (before.gone || before.key !== key || before.version !== version || before.item !== record.item) {
      difference.remembered.push(now);
    } else {
      difference.unchanged.push(key);
    }
  }
  return difference;
}

/** The keys under which a record may be known. */
export function keysOf({ key, previousKeys, former }: PolledRecord): string[] {
  return [key, ...previousKeys, ...(former?.key === undefined ? [] : [former.key])];
}

/** The deletion of a record, with what a page said of it. */
export function deletionOf(before: Known): Change {
  const { key, version, watched, gone } = before;
  return { kind: "deleted", key, version, ...gone, changes: {}, previous: watched ?? {}, ...seenOf(before) };
}

/** When a known record was seen; a record that was listed and could not be read has no version. */
const seenOf = ({ version, seen }: Known): Pick<Change, "seen"> => (version === "" ? {} : { seen });

/**
 * The changes of records whose rename was held, now that the read that began at `seen` has shown which old keys still live. A complete
 * one also shows which of them are there no more, of those that a read before it has held and not come to tell.
 */
export function settleRenames(
  held: readonly Known[],
  known: ReadonlyMap<string, Known>,
  seen: number,
  isComplete: boolean,
): Pick<Difference, "changes" | "remembered" | "forgotten"> {
  const settled: Pick<Difference, "changes" | "remembered" | "forgotten"> = {
    changes: [],
    remembered: [],
    forgotten: [],
  };
  const taken = new Set<string>();
  for (const record of held) {
    const { key, version, watched, gone } = record;
    const { raw, renamedFrom: old } = gone!;
    if (isComplete && record.seen < seen) {
      settled.forgotten.push(key);
      continue;
    }
    const before = taken.has(old!) || livesOn(known.get(old!), seen) ? undefined : known.get(old!);
    const previous = before?.watched ?? {};
    const change = { key, version, raw, changes: watchedChanges(previous, watched), previous };
    settled.remembered.push({ ...record, gone: null, ...(!before && { leftOut: null }) });
    if (before) {
      taken.add(before.key);
      settled.forgotten.push(before.key);
      settled.changes.push({ kind: "updated", ...change, previousKeys: [before.key], ...seenOf(before) });
    } else settled.changes.push({ kind: "created", ...change });
  }
  return settled;
}

/** Whether a rename of a record is held until the read ends. */
export function isRenamed(known: Known | undefined): known is Known {
  return known?.gone?.renamedFrom !== undefined;
}

/** Whether the read that began at `seen` has shown a record alive, on a page before. */
const livesOn = (known: Known | undefined, seen: number): boolean => known?.seen === seen && !known.gone;

/** Which record has taken the place of a known one: the first that names its key, unless both are shown alive. */
function heirsOf(
  page: ReadonlyMap<string, PolledRecord>,
  known: ReadonlyMap<string, Known>,
  seen: number,
): Map<string, string> {
  const heirs = new Map<string, string>();
  for (const { key, deleted, previousKeys } of page.values()) {
    if (deleted) continue;
    for (const old of previousKeys) {
      const shown = page.get(old);
      const isAlive = shown ? !shown.deleted : livesOn(known.get(old), seen);
      if (!isAlive && known.has(old) && !heirs.has(old)) heirs.set(old, key);
    }
  }
  return heirs;
}

/**
 * A record may be there twice, when it changed while the list was made: the later one counts, with all keys it had before, those of
 * renames that are held included.
 */
function lastOfEachKey(records: readonly PolledRecord[], known: ReadonlyMap<string, Known>): Map<string, PolledRecord> {
  const last = new Map<string, PolledRecord>();
  for (const record of records) {
    const named = [...(last.get(record.key)?.previousKeys ?? []), ...record.previousKeys];
    const origins = [record.key, ...named].flatMap((key) => known.get(key)?.gone?.renamedFrom ?? []);
    const hadOthers = named.length + origins.length > 0;
    last.set(record.key, hadOthers ? { ...record, previousKeys: [...new Set([...named, ...origins])] } : record);
  }
  return last;
}

/** The watched values of a record that is known with others, where those that stay true do, and which of them differ. */
export function watchedSince(
  before: Record<string, unknown>,
  { watched, stays }: Pick<PolledRecord, "watched" | "stays">,
): { watched: Record<string, unknown> | null; changes: Record<string, WatchedChange> } {
  const standing = stays.filter((name) => before[name] === true || before[name] === undefined);
  const kept = Object.fromEntries(standing.map((name) => [name, true]));
  const after = watched && { ...watched, ...kept };
  return { watched: after, changes: watchedChanges({ ...before, ...kept }, after) };
}

/** Watched values that differ. */
export function watchedChanges(
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
