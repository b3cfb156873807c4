import { MINUTE } from "../core/time.ts";
import { setBackSeen } from "../model/known.ts";
import { setBackQuarantine } from "../model/quarantine.ts";
import { streams, type Checkpoint, type MissedList, type StreamRecord } from "../model/streams.ts";
import type { Tx } from "../store/database.ts";

/** A stored time may be ahead of the clock by so many milliseconds: processes never agree completely. */
export const AHEAD_MS = MINUTE;

/** A stored time, or now where it was written while the clock was ahead. */
export const notAhead = <Time extends number | null>(at: Time, now: number): Time =>
  (at === null ? at : Math.min(at, now)) as Time;

/** The times of a stream that are stored when something happens; when its poll is planned is the engine's. */
const HAPPENED = [
  "cursorAt",
  "baselinedAt",
  "lastPollAt",
  "lastSuccessAt",
  "deletionsAcceptedAt",
  "verifiedAt",
  "expectedSince",
  "lastEventAt",
] as const;

/** Whether what is stored of a stream was written while the clock was ahead: it would hide a stall until that time comes. */
export function isAhead(stream: StreamRecord, now: number): boolean {
  const { checkpoint, doubt, lastError, missed } = stream;
  const ofLists = (missed ?? []).flatMap(({ since, cursorAt, whole, vanishedAt, error, toldSince = {} }) => {
    return [since, cursorAt, whole?.at, vanishedAt, error?.at, ...Object.values(toldSince)];
  });
  const times = [checkpoint?.startedAt, checkpoint?.progressAt, doubt?.since, lastError?.at, ...ofLists];
  return [...HAPPENED.map((name) => stream[name]), ...times].some((at) => (at ?? 0) > now + AHEAD_MS);
}

/** A stream as it would be had all that was written ahead of the clock been written now. */
export function atLatest(stream: StreamRecord, now: number): StreamRecord {
  const times = Object.fromEntries(HAPPENED.map((name) => [name, notAhead(stream[name], now)]));
  const { checkpoint, doubt, lastError, missed } = stream;
  return {
    ...stream,
    ...times,
    checkpoint: checkpoint && readUntil(checkpoint, now),
    doubt: doubt && { ...doubt, since: notAhead(doubt.since, now) },
    lastError: lastError && { ...lastError, at: notAhead(lastError.at, now) },
    missed: missed && missed.map((one) => missedUntil(one, now)),
  };
}

/**
 * Stores all that was written of a stream while the clock was ahead as if it had been written now, so that nothing waits until that
 * time comes: neither a comparison nor a deletion, nor the report of a stall. Returns the stream.
 */
export async function setBack(tx: Tx, stream: StreamRecord, now: number): Promise<StreamRecord> {
  const after = atLatest(stream, now);
  const { checkpoint, doubt, lastError, missed } = after;
  const times = Object.fromEntries(HAPPENED.map((name) => [name, after[name]]));
  await streams.change(tx, { ...times, checkpoint, doubt, lastError, missed }, "id = ?", [stream.id]);
  await setBackSeen(tx, stream.id, now);
  if (stream.quarantined > 0) await setBackQuarantine(tx, stream.id, now);
  return after;
}

function missedUntil(missed: MissedList, now: number): MissedList {
  const { since, failingSince, cursorAt, error, whole, vanishedAt, toldSince } = missed;
  return {
    ...missed,
    since: notAhead(since, now),
    ...(failingSince !== undefined && { failingSince: notAhead(failingSince, now) }),
    cursorAt: notAhead(cursorAt, now),
    error: error && { ...error, at: notAhead(error.at, now) },
    ...(whole && { whole: { ...whole, at: notAhead(whole.at, now) } }),
    ...(vanishedAt !== undefined && { vanishedAt: notAhead(vanishedAt, now) }),
    ...(toldSince && { toldSince: toldUntil(toldSince, now) }),
  };
}

/** Since when subscriptions were told, by their ids. */
function toldUntil(toldSince: Record<string, number>, now: number): Record<string, number> {
  return Object.fromEntries(Object.entries(toldSince).map(([id, at]) => [id, notAhead(at, now)]));
}

function readUntil(checkpoint: Checkpoint, now: number): Checkpoint {
  const { startedAt, progressAt, toldSince } = checkpoint;
  return {
    ...checkpoint,
    startedAt: notAhead(startedAt, now),
    ...(progressAt !== undefined && { progressAt: notAhead(progressAt, now) }),
    ...(toldSince && { toldSince: toldUntil(toldSince, now) }),
  };
}
