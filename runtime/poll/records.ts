import { unexpectedAnswer } from "../manifest/select.ts";
import { knownByKeys } from "../model/known.ts";
import type { Checkpoint } from "../model/streams.ts";
import type { Enricher } from "../read/enrich.ts";
import { shortHash, toPolledRecord, type PolledRecord } from "../read/records.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { watchedSince } from "./diff.ts";
import { backfilling, type ReadOnlyReading } from "./reading.ts";

/** A record as it was listed, and as one more request for it has made it. */
export interface Had {
  listed: unknown;
  record: unknown;
}

/** A record that could not be had. */
export interface Failed {
  listed: unknown;
  error: Error;
}

/** Records of a page that are committed together. */
export interface Part {
  had: readonly Had[];
  failed: readonly Failed[];
  /** Hashes of all its records, as listed, those included that are gone. */
  done: readonly string[];
  /** One of them was gone before the request that would have told what it was. */
  hasGone: boolean;
  /** Whether nothing of the page is left. */
  isLast: boolean;
  /** What ends the poll after this part; the next one goes on behind it. */
  stopped?: Error | undefined;
}

/** Records of a page that are asked for before what came of them is committed. */
export const PART = 100;

/** Tells records apart as they were listed. */
export const hashOf = (listed: unknown): string => shortHash(JSON.stringify(listed));

/**
 * The records of a page with what one more request for each adds, in parts: a poll that meets a limit keeps what it has. What the
 * checkpoint says is done is left out; so are records that failed in this poll before (`failedNow`), which fail again at once.
 */
export async function* partsOf(
  reading: ReadOnlyReading,
  enricher: Enricher | undefined,
  records: readonly unknown[],
  at: Checkpoint,
  failedNow: ReadonlyMap<string, Error>,
): AsyncGenerator<Part> {
  if (!enricher) {
    const had = records.map((record) => ({ listed: record, record }));
    return yield { had, failed: [], done: [], hasGone: false, isLast: true };
  }
  const done = new Set(at.done);
  const isWanted = await wantedOf(reading, records, at);
  const keyOf = (listed: unknown): string | undefined => reading.compiled.key(listed, reading.stream.input);
  const left = records
    .map((listed) => ({ listed, hash: hashOf(listed), key: keyOf(listed) }))
    .filter(({ hash }) => !done.has(hash));
  for (let from = 0, isLast = false; !isLast;) {
    let to = from;
    for (let asked = 0; to < left.length && asked < PART; to++) if (isWanted(left[to]!.listed)) asked++;
    const batch = left.slice(from, to);
    from = to;
    const toAsk = batch.filter(({ listed, hash }) => isWanted(listed) && !failedNow.has(hash));
    const { outcomes, stopped } = await enricher.all(toAsk.map(({ listed }) => listed));
    const outcomeOf = new Map(toAsk.map((one, i) => [one, outcomes[i]]));
    const part = { had: [] as Had[], failed: [] as Failed[], done: [] as string[], hasGone: false };
    /** Records that were not asked for any more: a later one of the same key must not get ahead of them. */
    const waiting = new Set<string | undefined>();
    for (const one of batch) {
      const { listed, hash, key } = one;
      const known = failedNow.get(hash);
      const outcome = isWanted(listed)
        ? known
          ? ({ kind: "failed", error: known } as const)
          : outcomeOf.get(one)
        : ({ kind: "had", record: listed } as const);
      if (!outcome || (key !== undefined && waiting.has(key))) {
        waiting.add(key);
        continue;
      }
      part.done.push(hash);
      // What a later mention of a record says takes the place of an earlier one that could not be read.
      if (outcome.kind !== "failed" && key !== undefined) {
        part.failed = part.failed.filter(({ listed }) => keyOf(listed) !== key);
      }
      if (outcome.kind === "had") part.had.push({ listed, record: outcome.record });
      if (outcome.kind === "failed") part.failed.push({ listed, error: outcome.error });
      if (outcome.kind === "gone") part.hasGone = true;
    }
    const ends = stopped ?? (isUnanswered(enricher, part.failed) ? part.failed[0]!.error : undefined);
    isLast = ends !== undefined || from >= left.length;
    yield { ...part, isLast: isLast && ends === undefined, stopped: ends };
  }
}

/** Whether no request for any of several records came through: then it is not these records that cannot be had. */
export function isUnanswered(enricher: Enricher | undefined, failed: readonly Failed[]): boolean {
  return enricher !== undefined && !enricher.hasAnswer && failed.length > 1;
}

/** Whether a record is asked for: where a stream enriches once, only what becomes an event. */
async function wantedOf(
  { compiled, db, stream, subscribers }: ReadOnlyReading,
  records: readonly unknown[],
  at: Checkpoint,
): Promise<(listed: unknown) => boolean> {
  if (!compiled.enrich?.once || backfilling(subscribers, at.joining).length > 0) return () => true;
  if (at.mode === "baseline") return () => false;
  const keysOf = (listed: unknown): string[] =>
    [compiled.key(listed, stream.input) ?? [], compiled.former?.key?.(listed) ?? []].flat();
  const known = await knownByKeys(db, stream.id, records.flatMap(keysOf));
  const { stays = [] } = compiled.definition;
  /** What cannot be watched is no change: it fails where it is compared. */
  const watchedOf = (listed: unknown): Record<string, unknown> | null => {
    try {
      return compiled.watch?.(listed) ?? null;
    } catch {
      return null;
    }
  };
  return (listed) => {
    const before = keysOf(listed).flatMap((key) => known.get(key) ?? [])[0];
    if (!before) return true;
    const { changes } = watchedSince(before.watched ?? {}, { watched: watchedOf(listed), stays });
    return Object.keys(changes).length > 0;
  };
}

/** Records of a page that were had. */
interface Keyed {
  polled: PolledRecord[];
  /** What cannot be read, and no later mention of the same record has made good. */
  unread: Failed[];
  /** How many have no key. */
  without: number;
}

/**
 * Records with their keys; some without one are passed over, with a warning.
 * @throws HooklineError `unexpected_answer` when no record has a key
 */
export function keyed(
  { compiled, stream, log }: ReadOnlyReading,
  had: readonly Had[],
  response: VendorResponse,
): Keyed {
  const keyPlaces = [compiled.definition.records.primaryKey].flat();
  const keyOf = (listed: unknown): string | undefined => compiled.key(listed, stream.input);
  const polled: PolledRecord[] = [];
  let unread: Failed[] = [];
  let without = 0;
  for (const { listed, record } of had) {
    try {
      const one = toPolledRecord(compiled, record, stream.input);
      if (one) {
        polled.push(one);
        if (unread.length > 0) unread = unread.filter((earlier) => keyOf(earlier.listed) !== keyOf(listed));
      }
      // What was listed with its key, and comes without one when it is asked for, is no record.
      else if (keyOf(listed) !== undefined) throw unexpectedAnswer(response, "a record without its key", keyPlaces);
      else without++;
    } catch (error) {
      unread.push({ listed, error: error as Error });
    }
  }
  if (without > 0 && polled.length === 0) throw unexpectedAnswer(response, "records without a key", keyPlaces);
  if (without > 0) log.warn({ stream: stream.id, without }, "records without a primary key were skipped");
  return { polled, unread, without };
}
