import { DAY } from "../core/time.ts";
import { isObject, joinPointer, pointerTokens } from "../core/json.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import {
  quarantinedAfter,
  quarantinedByKeys,
  quarantinedToRetry,
  saveQuarantine,
  type ListedBy,
  type QuarantinedRecord,
} from "../model/quarantine.ts";
import type { Checkpoint } from "../model/streams.ts";
import { concernsAll, describeFailure, withoutEnrichment, type Enricher } from "../read/enrich.ts";
import { itemOf, shortHash, toPolledRecord, type PolledRecord } from "../read/records.ts";
import type { Tx } from "../store/database.ts";
import { errorClass } from "../vendor/errors.ts";
import type { Reading } from "./reading.ts";
import { hashOf, type Failed, type Had } from "./records.ts";

/** What becomes of records that cannot be had, and of those that were quarantined and can be had now. */
export interface Settled {
  /** Quarantined, or quarantined still. */
  held: QuarantinedRecord[];
  /** Keys in the quarantine that are no longer. */
  released: string[];
  /** Told without their enrichment. */
  told: PolledRecord[];
  /** Keys of the records that are held: they were listed. */
  keys: string[];
  /** One that is held has no key. */
  hasUnkeyed: boolean;
  /** By key: whose first read could not have a record that is had now. */
  leftOut: Map<string, string[]>;
  /** Keys of records that the first read has listed without them. */
  wasThere: ReadonlySet<string>;
}

/** What came of another try of quarantined records, by the read that listed them. */
export interface Retried {
  listedBy: ListedBy;
  had: Had[];
  failed: Failed[];
  /** Keys in the quarantine of what was had, or is gone. */
  released: string[];
  /** Of one that is gone, nobody can tell any more what it was. */
  hasGone: boolean;
}

/** Quarantined records that one poll tries again. */
export const MOST_RETRIED = 50;
/**
 * Failures without any answer are no tries of a record, since it may be the vendor that is down; unless they have gone on for so long,
 * milliseconds, while the list did answer.
 */
export const UNANSWERED_MS = DAY;
/** Begins the key in the quarantine of a record that has none. */
const UNKEYED = "#";
/** Quarantined records that are looked at in one go. */
const RELEASED_AT_ONCE = 500;
/** For records that cannot be read, where nothing is asked for that they could be told without. */
const UNREADABLE = { tries: 3, isTold: false };

/** The quarantine of a stream, for one poll: no record is asked for twice. */
export class Quarantine {
  /** By the hash of what was listed. */
  readonly failedNow = new Map<string, Error>();
  readonly #reading: Reading;
  #isUsed: boolean;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.#isUsed = reading.stream.quarantined > 0;
  }

  /**
   * Asks for quarantined records once more.
   * @throws VendorError, HooklineError an error that concerns all records
   */
  async retry(enricher: Enricher | undefined): Promise<Retried[]> {
    if (!this.#isUsed) return [];
    const { db, stream, source } = this.#reading;
    const rows = await quarantinedToRetry(db, stream.id, MOST_RETRIED);
    const { outcomes, stopped } = enricher
      ? await enricher.all(rows.map(({ record }) => record))
      : { outcomes: rows.map(({ record }) => ({ kind: "had", record }) as const), stopped: undefined };
    if (stopped && (source.signal.aborted || concernsAll(stopped))) throw stopped;
    const retried = new Map<string, Retried>();
    for (const [i, { key, record: listed, listedBy }] of rows.entries()) {
      const outcome = outcomes[i];
      const id = JSON.stringify(listedBy);
      const one = retried.get(id) ?? { listedBy, had: [], failed: [], released: [], hasGone: false };
      retried.set(id, one);
      if (outcome?.kind === "failed") one.failed.push({ listed, error: outcome.error });
      else if (outcome) one.released.push(key);
      if (outcome?.kind === "gone") one.hasGone = true;
      if (outcome?.kind === "had") one.had.push({ listed, record: outcome.record });
    }
    return [...retried.values()];
  }

  /** `counts`: whether the failures are the records' own, and so tries of theirs. */
  async settle(
    polled: readonly PolledRecord[],
    failed: readonly Failed[],
    by: ListedBy,
    counts: boolean,
  ): Promise<Settled> {
    const wasThere = new Set<string>();
    const leftOut = new Map<string, string[]>();
    const settled: Settled = { held: [], released: [], told: [], keys: [], hasUnkeyed: false, leftOut, wasThere };
    if (!this.#isUsed && failed.length === 0) return settled;
    const { compiled, stream, db, now, log } = this.#reading;
    const keyOf = (listed: unknown): string | undefined => compiled.key(listed, stream.input);
    const rowKeyOf = (listed: unknown): string => keyOf(listed) ?? unkeyedRow(compiled, listed);
    // A record that has its key now may be one that was listed without.
    const former = new Map(this.#isUsed ? polled.map((one) => [unkeyedRow(compiled, one.raw), one.key]) : []);
    const keys = [...former.keys(), ...polled.map(({ key }) => key), ...failed.map(({ listed }) => rowKeyOf(listed))];
    const rows = await quarantinedByKeys(db, stream.id, keys);
    for (const { key } of polled) {
      const row = rows.get(key);
      if (!row) continue;
      settled.released.push(key);
      const untold = row.listedBy.joining.filter((id) => !by.joining.includes(id));
      if (untold.length > 0) leftOut.set(key, untold);
    }
    for (const [row, key] of former) {
      const before = rows.get(row);
      if (before) settled.released.push(row);
      if (before?.listedBy.mode === "baseline") wasThere.add(key);
    }
    for (const { listed, error } of failed) {
      const key = rowKeyOf(listed);
      const before = rows.get(key);
      const { after } = before?.listedBy ?? by;
      const hash = hashOf(listed);
      const unansweredSince = counts ? undefined : (before?.listedBy.unansweredSince ?? now());
      const isDown = unansweredSince !== undefined && now() - unansweredSince < UNANSWERED_MS;
      const isCounted = !isDown && !this.failedNow.has(hash);
      this.failedNow.set(hash, error);
      const failure = describeFailure(error);
      const tries = (before?.tries ?? 0) + (isCounted ? 1 : 0);
      const policy = compiled.enrich?.onError(errorClass(error)) ?? UNREADABLE;
      const isOver = isCounted && tries >= policy.tries;
      const told = isOver && policy.isTold ? this.#toldWithout(listed, failure) : undefined;
      if (isOver) {
        const facts = { stream: stream.id, key, tries, error };
        log.warn(facts, `a record cannot be had; it is ${told ? "told without its enrichment" : "set aside"}`);
      }
      if (told) {
        settled.told.push(told);
        if (before) settled.released.push(key);
        continue;
      }
      settled.held.push({
        stream: stream.id,
        key,
        record: listed,
        listedBy: {
          ...listedAgain(before, hash, by),
          unansweredSince,
          after: after === undefined ? stream.lastSuccessAt : after,
        },
        tries,
        setAside: isOver || (before?.setAside ?? false),
        error: failure,
        failedAt: now(),
      });
      if (keyOf(listed) === undefined) settled.hasUnkeyed = true;
      else settled.keys.push(key);
    }
    this.#isUsed ||= settled.held.length > 0;
    return settled;
  }

  /**
   * Has records leave the quarantine that a complete read did not list, nor a list that it could not have. While it lists some without
   * a key, each of the others may be one of these.
   */
  async releaseUnlisted(tx: Tx, { startedAt, missed = [], hasUnkeyed }: Checkpoint): Promise<void> {
    const { compiled, stream } = this.#reading;
    if (stream.quarantined === 0) return;
    const lists = new Set(missed.map(({ list }) => list));
    const released: string[] = [];
    for (let after: string | undefined = ""; after !== undefined;) {
      const rows: QuarantinedRecord[] = await quarantinedAfter(tx, stream.id, after, RELEASED_AT_ONCE);
      const gone = rows.filter(({ key, record, listedBy }) => {
        const mayBeGone = !hasUnkeyed || key.startsWith(UNKEYED);
        return mayBeGone && listedBy.startedAt < startedAt && !lists.has(itemOf(compiled, record) ?? "");
      });
      released.push(...gone.map(({ key }) => key));
      after = rows.length < RELEASED_AT_ONCE ? undefined : rows.at(-1)!.key;
    }
    if (released.length > 0) await saveQuarantine(tx, stream.id, { held: [], released });
  }

  /** Its version is one of its own: when the record can be had again, that is a change. */
  #toldWithout(listed: unknown, failure: { code: string; message: string }): PolledRecord | undefined {
    const { compiled, stream } = this.#reading;
    try {
      const told = toPolledRecord(compiled, withoutEnrichment(listed, failure), stream.input);
      if (!told || compiled.enrich!.once) return told;
      return { ...told, version: shortHash(`without ${hashOf(listed)}`) };
    } catch {
      return undefined;
    }
  }
}

/** In the quarantine, the key of a record without one: what else it has, so that it is found when it comes with its key. */
function unkeyedRow({ definition }: CompiledStream, listed: unknown): string {
  const bare = [definition.records.primaryKey].flat().reduce<unknown>(withoutPlace, listed);
  return UNKEYED + hashOf(bare);
}

/** A value without what is at a JSON pointer. */
function withoutPlace(value: unknown, pointer: string): unknown {
  const [name, ...rest] = pointerTokens(pointer);
  if (!isObject(value) || name === undefined || !(name in value)) return value;
  const { [name]: inner, ...others } = value;
  if (rest.length === 0) return others;
  const left = withoutPlace(inner, rest.map((token) => joinPointer("", token)).join(""));
  return { ...value, [name]: left };
}

/**
 * A record that is listed again as it was is told as the read before would have; of another, this read knows better. Whose first read
 * it was has not got it yet, in any case.
 */
function listedAgain(before: QuarantinedRecord | undefined, hash: string, by: ListedBy): ListedBy {
  const { mode, recovering = null } = before && hashOf(before.record) === hash ? before.listedBy : by;
  const joining = [...new Set([...(before?.listedBy.joining ?? []), ...by.joining])];
  const toldSince = { ...before?.listedBy.toldSince, ...by.toldSince };
  const told = { ...(Object.keys(toldSince).length > 0 && { toldSince }), seen: before?.listedBy.seen };
  return { mode, startedAt: by.startedAt, joining, ...told, ...(recovering && { recovering }) };
}
