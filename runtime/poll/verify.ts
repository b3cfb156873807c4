import type { Stream } from "../../schemas/manifest.ts";
import { durationMs } from "../core/duration.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { Checkpoint, StreamRecord } from "../model/streams.ts";
import { timeMs } from "../core/vendor-time.ts";
import type { Change } from "./diff.ts";
import { nextRun } from "./schedule.ts";

/** How often streams whose increments show no deletions are compared, unless the manifest says otherwise. */
export const VERIFY_EVERY = "P7D";

/**
 * Whether everything is to be read and compared now: because it is time for it, or because the vendor has forgotten deletions
 * since the last success. Each stream has its own time within the interval, so that not all come at once; one that was never
 * compared, in a store of an earlier version, waits for that time too.
 */
export function isToBeVerified(stream: StreamRecord, definition: Stream, now: number): boolean {
  const { cursorAt, lastSuccessAt, verifiedAt } = stream;
  if (lastSuccessAt === null) return false;
  if (verifiedAt === 0) return true;
  if (isBehindTombstones(cursorAt ?? lastSuccessAt, definition, now)) return true;
  return (verifiesAt(stream, definition) ?? Infinity) <= now;
}

/** When everything is compared next, for a stream whose increments do not show all that is gone; milliseconds since the epoch. */
export function verifiesAt(
  { id, lastSuccessAt, verifiedAt, nextPollAt }: StreamRecord,
  definition: Stream,
): number | undefined {
  if (verifiedAt === 0) return nextPollAt ?? undefined;
  const every = verifyEvery(definition);
  if (every === undefined) return undefined;
  return nextRun({ everySeconds: durationMs(every) / 1000 }, id, verifiedAt ?? lastSuccessAt ?? 0);
}

/**
 * Since when changes may still be found that no read has told, milliseconds since the epoch: what changed after the last read began is
 * for the next one; what goes unseen by increments, for the next comparison; and what is missing in doubt may have gone at any time.
 */
export function comparedUntil(
  { cursorAt, lastSuccessAt, verifiedAt, baselinedAt, doubt, missed }: StreamRecord,
  definition: Stream | undefined,
): number | null {
  const isCompared = doubt === null && verifiedAt !== 0;
  if (!definition || !isCompared || lastSuccessAt === null) return baselinedAt;
  // A list that cannot be had is behind the others.
  const ofLists = (missed ?? []).map((one) => Math.min(one.cursorAt ?? one.since, one.since));
  const readAt = Math.min(cursorAt ?? lastSuccessAt, lastSuccessAt, ...ofLists);
  if (verifyEvery(definition) === undefined) return readAt;
  return verifiedAt === null ? baselinedAt : Math.min(verifiedAt, readAt);
}

/**
 * Whether a read that stopped on its way has no use any more: the vendor has forgotten deletions that the pages left, or the
 * increments after it, would have shown.
 */
export function isOutdated(
  { complete, startedAt }: Pick<Checkpoint, "complete" | "startedAt">,
  { cursorAt, lastSuccessAt }: StreamRecord,
  definition: Stream,
  now: number,
): boolean {
  return isBehindTombstones(complete ? startedAt : (cursorAt ?? lastSuccessAt ?? startedAt), definition, now);
}

/** Whether the vendor has forgotten deletions since a time. */
export const isBehindTombstones = (since: number, { tombstones }: Pick<Stream, "tombstones">, now: number): boolean =>
  tombstones !== undefined && now - since >= durationMs(tombstones);

/** What is forgotten after a time cannot be compared: it would be reported as created. */
function verifyEvery({ verifyEvery: declared, cursor, deleted, records, each }: Stream): string | undefined {
  if (declared !== undefined) return declared;
  const showsChanges = cursor.type === "updatedSince" || cursor.type === "keyset";
  // A list that vanishes takes along what tells of deletions; one cursor for all lists does not show that it has.
  const mayLoseLists = each !== undefined && !("per" in cursor && cursor.per === "item");
  return showsChanges && (deleted === undefined || mayLoseLists) && records.remember === undefined
    ? VERIFY_EVERY
    : undefined;
}

/**
 * Whether a complete read shows a record that seems new only because it was known too long ago. The list in place of an expired
 * cursor begins after what is forgotten.
 */
export function isForgotten(
  { kind, raw }: Change,
  { cursor, timestamp, definition: { records } }: CompiledStream,
  { startedAt, complete, recovering }: Pick<Checkpoint, "startedAt"> & Partial<Checkpoint>,
): boolean {
  const isRecent = recovering && !recovering.isBackfill;
  if (!complete || kind !== "created" || records.remember === undefined || isRecent) return false;
  const time = timeMs((cursor.ofRecord[0] ?? timestamp)?.(raw));
  return time !== null && time < startedAt - durationMs(records.remember);
}
