import { DAY } from "../core/time.ts";
import { quarantinedByKeys, quarantinedToRetry, type ListedBy, type QuarantinedRecord } from "../model/quarantine.ts";
import { concernsAll, describeFailure, withoutEnrichment, type Enricher } from "../read/enrich.ts";
import { shortHash, toPolledRecord, type PolledRecord } from "../read/records.ts";
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
    const settled: Settled = { held: [], released: [], told: [], keys: [], hasUnkeyed: false, leftOut: new Map() };
    if (!this.#isUsed && failed.length === 0) return settled;
    const { compiled, stream, db, now, log } = this.#reading;
    const keyOf = (listed: unknown): string | undefined => compiled.key(listed, stream.input);
    const rowKeyOf = (listed: unknown): string => keyOf(listed) ?? `#${hashOf(listed)}`;
    const keys = [...polled.map(({ key }) => key), ...failed.map(({ listed }) => rowKeyOf(listed))];
    const rows = await quarantinedByKeys(db, stream.id, keys);
    for (const { key } of polled) {
      const row = rows.get(key);
      if (!row) continue;
      settled.released.push(key);
      const untold = row.listedBy.joining.filter((id) => !by.joining.includes(id));
      if (untold.length > 0) settled.leftOut.set(key, untold);
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

/**
 * A record that is listed again as it was is told as the read before would have; of another, this read knows better. Whose first read
 * it was has not got it yet, in any case.
 */
function listedAgain(before: QuarantinedRecord | undefined, hash: string, by: ListedBy): ListedBy {
  const { mode, recovering = null } = before && hashOf(before.record) === hash ? before.listedBy : by;
  const joining = [...new Set([...(before?.listedBy.joining ?? []), ...by.joining])];
  return { mode, startedAt: by.startedAt, joining, ...(recovering && { recovering }) };
}
