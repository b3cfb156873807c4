import type { Clock } from "../core/clock.ts";
import { isoTime, DAY, MINUTE } from "../core/time.ts";
import type { StreamError, StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import { corrected } from "./clock-sets.ts";
import { failingLists } from "./lists.ts";
import { runAfter, type Schedule } from "./schedule.ts";

/** Intervals without a success after which health names the cause. */
export const NAMED_AFTER = 2;
/** Intervals without a success after which `subscription.degraded` is reported. */
export const DEGRADED_AFTER = 3;
/** Milliseconds without a success before which nothing is reported, however short the interval is. */
export const LEAST_MS = 15 * MINUTE;
/** Milliseconds for which a read that makes progress may go on, unless three intervals are longer, before it is reported. */
export const LONGEST_READ_MS = DAY;
/** By so many milliseconds a poll may be late without being the cause, and the last one in time may take so long. */
export const LATE_MS = MINUTE;
/** A stored time may be ahead of the clock by so many milliseconds: processes never agree completely. */
export const AHEAD_MS = MINUTE;

/** Where a stream stands in its schedule. All times are milliseconds since the epoch. */
export interface Pace {
  /** The last success, or since when the first one is expected. */
  since: number;
  /** The same, or the last progress of a long read. */
  progressAt: number;
  /** When the next success is due: what comes later is late. */
  dueAt: number;
  /** From then on health names the cause. */
  namedAt: number;
  /** From then on `subscription.degraded` is to be reported. */
  degradedAt: number;
}

export interface PaceFacts {
  /** Those that the stream is read for, at least one. */
  subscriptions: readonly SubscriptionRecord[];
  /** When they ask for it. */
  schedules: readonly Schedule[];
  now: number;
  clock: Clock;
}

/** Where a stream stands in its schedule at a time. */
export function paceOf(stream: StreamRecord, { subscriptions, schedules, now, clock }: PaceFacts): Pace {
  const { id, lastSuccessAt, expectedSince, checkpoint } = stream;
  const created = Math.min(...subscriptions.map(({ createdAt }) => createdAt));
  const times = [lastSuccessAt ?? 0, expectedSince, created].map((at) => corrected(clock, at));
  // What lies ahead was written while the clock was wrong.
  const since = Math.min(Math.max(...times), now);
  const dueAt = (from: number, count: number): number => runAfter(schedules, id, from, count);
  const progressAt = Math.max(since, Math.min(corrected(clock, checkpoint?.progressAt ?? 0), now));
  const begun = checkpoint?.startedAt ?? since;
  const mayGoOn = now < Math.max(begun + LONGEST_READ_MS, dueAt(begun, DEGRADED_AFTER));
  const base = mayGoOn ? progressAt : since;
  return {
    since,
    progressAt,
    dueAt: dueAt(since, 1),
    namedAt: isAhead(stream, now) ? now : dueAt(since, NAMED_AFTER),
    degradedAt: Math.max(dueAt(base, DEGRADED_AFTER), base + LEAST_MS),
  };
}

/**
 * Where the lists of a stream stand that cannot be had while the others go on, as {@link paceOf} of a stream that can be read no
 * more: of the one that has failed for longest. Undefined while all can be had.
 */
export function listPaceOf(stream: StreamRecord, facts: PaceFacts): Pace | undefined {
  const [first] = failingLists(stream);
  return first && paceOf({ ...stream, lastSuccessAt: first.since, checkpoint: null }, facts);
}

/** Whether what is stored of a stream was written while the clock was ahead: it would hide a stall until that time comes. */
export function isAhead({ lastSuccessAt, expectedSince }: StreamRecord, now: number): boolean {
  return Math.max(lastSuccessAt ?? 0, expectedSince) > now + AHEAD_MS;
}

/** Why a stream has had no success for so long: its last failure, or what its plan shows. */
export function causeOf(stream: StreamRecord, { since, progressAt, degradedAt }: Pace, now: number): StreamError {
  const { lastError, nextPollAt, checkpoint } = stream;
  const isLate = nextPollAt !== null && nextPollAt < now - LATE_MS;
  if (lastError !== null && lastError.at >= progressAt && !(isLate && lastError.at < nextPollAt)) return lastError;
  const cause = (code: string, message: string): StreamError => ({ code, message, at: now });
  if (isLate) {
    const reasons =
      "no process took it up, or it hangs. Check that a process runs, is not blocked and can write its store";
    return cause("poll_overdue", `The poll that was due at ${isoTime(nextPollAt)} has not ended: ${reasons}`);
  }
  if (nextPollAt === null) {
    const reasons = "The runtime plans one; check that a process runs which has the connector";
    return cause("poll_overdue", `No poll is planned. ${reasons}`);
  }
  if (checkpoint !== null) {
    const read = `The read that began at ${isoTime(checkpoint.startedAt)} has not ended`;
    if (progressAt === since)
      return cause("endless_read", `${read} and brings nothing new. The vendor's list seems to have no end`);
    const last = `${read}; it brought something new last at ${isoTime(progressAt)}`;
    if (now < degradedAt) return cause("long_read", `${last}. Later changes are read after it`);
    return cause("endless_read", `${last}. Check whether the vendor's list ever ends`);
  }
  const planned = isoTime(nextPollAt);
  return cause("poll_postponed", `The next poll is planned for ${planned} only; check the system's clock`);
}
