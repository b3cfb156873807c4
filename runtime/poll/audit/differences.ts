import { durationMs } from "../../core/duration.ts";
import { HooklineError } from "../../core/errors.ts";
import { HOUR } from "../../core/time.ts";
import { countKnown, knownAfter, knownByKeys, type Known } from "../../model/known.ts";
import { quarantinedByKeys } from "../../model/quarantine.ts";
import type { Checkpoint } from "../../model/streams.ts";
import { timeMs } from "../../core/vendor-time.ts";
import { cursorStrategy, type CursorStrategy, type ReadPlan } from "../../read/cursors.ts";
import { toPolledRecord, type PolledRecord } from "../../read/records.ts";
import { keysOf, type Change } from "../diff.ts";
import type { ReadOnlyReading } from "../reading.ts";
import { SWEEP_BATCH } from "../sweep.ts";
import { KeySet } from "./key-set.ts";
import { isPlaceLost, listed, type Listed } from "./listing.ts";
import type { Patience } from "./patience.ts";
import { Tally } from "./tally.ts";

/** How a record at the vendor and what is known of it differ. */
export interface Difference {
  /** missing: listed, not known; extra: known, not listed; stale: known in another version. */
  kind: "missing" | "extra" | "stale";
  /** Version at the vendor; undefined for a record that is gone. */
  version: string | undefined;
  /** Whether no increment can list it as it is, now or later: they are asked from a later time than its own. */
  isBehind: boolean;
  /** What is known of it, be it under a key it had before; undefined for a record that is not known. */
  before: Pick<Known, "key" | "version" | "seen"> | undefined;
}

/** Differences by key. */
export type Differences = Map<string, Difference>;

/** What one read of everything has shown. */
export interface Comparison {
  beganAt: number;
  endedAt: number;
  /** Records that are known. */
  known: number;
  differences: Differences;
  /** Whether what is known and was not listed is among the differences. */
  hasExtra: boolean;
  /** Listed, and not to be read: quarantined by polls, or failed in this read. */
  quarantined: Tally;
  unread: Tally;
  /** Whether a record was listed and not to be read. */
  couldNotRead(key: string): boolean;
  /** Listed records without a key. */
  unkeyed: number;
  /** Whether records may have been passed over: more of one time than a page holds. */
  isPastTies: boolean;
  /** Keys of lists, of several, that could not be read. */
  missed: readonly string[];
  /** Listed records that may have been known and forgotten, as the stream declares. */
  forgotten: number;
}

/** More differences than these are no longer told apart one by one. */
export const MOST_DIFFERENCES = 100_000;
/** By so much the clocks of vendor and process may differ, milliseconds. */
const CLOCKS = HOUR;

/**
 * Reads everything once and compares it with what is known. A list whose pages the vendor gives up is begun again, once.
 * Memory: one page, 128 bytes for each record at most (192 where a stream has several lists), and some 300 bytes for each
 * difference, of which there are {@link MOST_DIFFERENCES} at most; 100,000 records of one list that are all known take 8 MB.
 * @throws HooklineError `conflict` when there are more; else as a poll
 */
export async function compareAll(reading: ReadOnlyReading, patience: Patience, seen: Seen): Promise<Comparison> {
  try {
    return await new WholeRead(reading, patience, seen).run();
  } catch (error) {
    if (!isPlaceLost(error)) throw error;
    return new WholeRead(reading, patience, seen).run();
  }
}

/** What all reads of one audit have listed. */
export interface Seen {
  /** Gets the keys of listed records. */
  seen: KeySet;
  /** Called as records are read, with how many this read has listed. */
  onRead: (records: number) => void;
}

class WholeRead {
  readonly #reading: ReadOnlyReading;
  readonly #patience: Patience;
  readonly #seen: Seen;
  readonly #startedAt: number;
  /** Keys of records that were listed. */
  readonly #living = new KeySet();
  /** Keys that records had before, and of records that were listed as deleted. */
  readonly #former = new KeySet();
  readonly #differences: Differences = new Map();
  /** Keys of records that the list has shown in which they are known, where there are several lists. */
  readonly #atHome = new KeySet();
  /** Keys of records that were listed and not to be read. */
  readonly #failed = new KeySet();
  readonly #unread = new Tally();
  readonly #quarantined = new Tally();
  readonly #strategy: CursorStrategy;
  /** What the next increments are asked with; null when the next read is one of everything. */
  readonly #increments: ReadPlan | null;
  readonly #missed = new Set<string>();
  #unkeyed = 0;
  #isPastTies = false;
  #forgotten = 0;

  constructor(reading: ReadOnlyReading, patience: Patience, seen: Seen) {
    const { compiled, source, stream } = reading;
    this.#reading = reading;
    this.#patience = patience;
    this.#seen = seen;
    this.#startedAt = reading.now();
    this.#strategy = cursorStrategy(compiled.cursor, source.scope, compiled.each);
    this.#increments = this.#strategy.since(stream.cursor, this.#startedAt, stream.cursorAt ?? 0);
  }

  async run(): Promise<Comparison> {
    const { db, stream, now } = this.#reading;
    const plan = this.#strategy.everything(this.#startedAt);
    for await (const part of listed(this.#reading, { checkpoint: this.#checkpoint(), plan }, this.#patience)) {
      await this.#take(part);
      this.#seen.onRead(this.#living.size);
    }
    const hasExtra = canShowExtra(plan) && this.#unkeyed === 0 && !this.#isPastTies;
    if (hasExtra) await this.#sweep();
    return {
      beganAt: this.#startedAt,
      endedAt: now(),
      known: await countKnown(db, stream.id),
      differences: this.#differences,
      hasExtra,
      quarantined: this.#quarantined,
      unread: this.#unread,
      couldNotRead: (key) => this.#failed.has(key),
      unkeyed: this.#unkeyed,
      isPastTies: this.#isPastTies,
      missed: [...this.#missed],
      forgotten: this.#forgotten,
    };
  }

  #checkpoint(): Checkpoint {
    const startedAt = this.#startedAt;
    return { complete: true, startedAt, mode: "diff", page: null, notes: null, joining: [], recovering: null };
  }

  async #take({ records: all, changes, known, unread, unkeyed, isPastTies, missed }: Listed): Promise<void> {
    if (missed !== undefined) this.#missed.add(missed);
    const { db, stream } = this.#reading;
    const copies = new Set(all.filter((record) => this.#isCopy(record, known.get(record.key))).map(({ key }) => key));
    const records = all.filter(({ key }) => !copies.has(key));
    for (const record of records) {
      if (!record.deleted) this.#add(record.key);
      for (const key of keysOf(record)) if (!this.#living.has(key)) this.#former.add(key);
      // A later page knows better: the list moves while it is read.
      this.#differences.delete(record.key);
    }
    const keys = new Map(records.map((record) => [record.key, keysOf(record)]));
    for (const change of changes) {
      if (copies.has(change.key)) continue;
      const knownAs = [change.key, ...(keys.get(change.key) ?? [])].find((key) => known.has(key));
      this.#note(change, known.get(knownAs ?? change.key));
    }
    const fresh = unread.filter((key) => this.#add(key));
    const held = await quarantinedByKeys(db, stream.id, fresh);
    for (const key of fresh) {
      this.#failed.add(key);
      (held.has(key) ? this.#quarantined : this.#unread).add(key);
    }
    this.#unkeyed += unkeyed;
    this.#isPastTies ||= isPastTies;
  }

  /** Whether the list where a record is known has shown it: how another one has it is told by no poll. */
  #isCopy({ key, item, deleted }: PolledRecord, before: Known | undefined): boolean {
    if ((before?.item ?? null) === null || item === null) return false;
    if (before!.item !== item) return this.#atHome.has(key);
    if (!deleted) this.#atHome.add(key);
    return false;
  }

  #note(change: Change, before: Known | undefined): void {
    const { kind, key, raw } = change;
    const { compiled, stream } = this.#reading;
    const recorded = timeMs((compiled.cursor.ofRecord[0] ?? compiled.timestamp)?.(raw));
    if (kind === "created" && this.#mayBeForgotten(recorded)) {
      this.#forgotten++;
      return;
    }
    // What comes into a filtered view need not have changed.
    const isView = Object.keys(stream.input).length > 0;
    const isBehind = kind !== "deleted" && !isView && this.#increments?.isPast?.(raw) === true;
    const version = kind === "deleted" ? undefined : toPolledRecord(compiled, raw, stream.input)?.version;
    const kinds = { created: "missing", updated: "stale", deleted: "extra" } as const;
    this.#differ(key, { kind: kinds[kind], version, isBehind, before });
  }

  /** Whether what is not known may have been forgotten, as the stream declares: the record is that old, or does not say how old. */
  #mayBeForgotten(time: number | null): boolean {
    const { remember } = this.#reading.compiled.definition.records;
    if (remember === undefined) return false;
    return time === null || time < this.#startedAt - durationMs(remember) + CLOCKS;
  }

  async #sweep(): Promise<void> {
    const { db, stream, compiled } = this.#reading;
    for (let after = ""; ;) {
      this.#patience.signal.throwIfAborted();
      const batch = await knownAfter(db, stream.id, after, SWEEP_BATCH);
      for (const before of batch) {
        // Nothing is missing of a list that could not be read.
        if (this.#missed.size > 0 && (before.item === null || this.#missed.has(before.item))) continue;
        const isListed = this.#living.has(before.key) || this.#former.has(before.key);
        if (!isListed && !compiled.ended?.(before.watched ?? {}))
          this.#differ(before.key, { kind: "extra", version: undefined, isBehind: false, before });
      }
      if (batch.length < SWEEP_BATCH) return;
      after = batch.at(-1)!.key;
    }
  }

  /** Notes that a record was listed; false when this read has listed it before. */
  #add(key: string): boolean {
    this.#seen.seen.add(key);
    return this.#living.add(key);
  }

  /** Keeps no more than the comparison needs: what is watched of a record may be large. */
  #differ(key: string, { before, ...difference }: Omit<Difference, "before"> & { before: Known | undefined }): void {
    const kept = before && { key: before.key, version: before.version, seen: before.seen };
    this.#differences.set(key, { ...difference, before: kept });
    if (this.#differences.size <= MOST_DIFFERENCES) return;
    const { compiled, stream } = this.#reading;
    const message = `More than ${MOST_DIFFERENCES} records of ${compiled.name} differ from what is known, too many to name the cause of each; nothing is reported. Check that connection ${stream.connection} still is the account that was polled`;
    throw new HooklineError("conflict", message, { data: { read: this.#living.size } });
  }
}

/** Whether a record that is known and not listed must be gone. */
const canShowExtra = ({ absence }: ReadPlan): boolean => absence === "deleted";

/** The differences whose known side is as it was: of the others, a poll has told meanwhile. */
export async function stillOpen({ db, stream }: ReadOnlyReading, differences: Differences): Promise<Differences> {
  const open: Differences = new Map();
  const entries = [...differences];
  for (let from = 0; from < entries.length; from += SWEEP_BATCH) {
    const batch = entries.slice(from, from + SWEEP_BATCH);
    const keyOf = ([key, { before }]: (typeof batch)[number]): string => before?.key ?? key;
    const known = await knownByKeys(db, stream.id, batch.map(keyOf));
    for (const entry of batch) {
      const [key, difference] = entry;
      if (known.get(keyOf(entry))?.version === difference.before?.version) open.set(key, difference);
    }
  }
  return open;
}
