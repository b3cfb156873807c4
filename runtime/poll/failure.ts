import { backoff, spreadApart } from "../core/backoff.ts";
import { HooklineError } from "../core/errors.ts";
import { HOUR, MINUTE } from "../core/time.ts";
import type { StreamError, StreamRecord } from "../model/streams.ts";
import { VendorError } from "../vendor/errors.ts";
import type { Pace } from "./pace.ts";

/** Milliseconds before the second try at least, spread apart; the schedule is what counts where it asks later. */
export const SHORTEST_RETRY = 15_000;
/** Milliseconds that no pause exceeds, spread apart, unless the schedule's own interval is longer. */
export const LONGEST_RETRY = HOUR;
/** Milliseconds to wait at least for a vendor that limits us without saying for how long. */
export const LIMITED_WAIT = MINUTE;
/** The part of a pause by which it varies. */
const SPREAD = 0.2;

/** What a failed poll leaves. */
export interface Failure {
  /** `nextPollAt` is null when the grant is gone: then only a person can help, and nothing is planned. */
  stream: StreamRecord;
  error: StreamError;
  /** Whether the vendor only asks to wait, which does not count as a failure. */
  isLimit: boolean;
  /** Whether `subscription.degraded` is to be reported, to those who have no report yet. */
  isDegraded: boolean;
}

export interface FailureFacts {
  now: number;
  /** When the schedule wants the next poll. */
  planned: number;
  /** Milliseconds between two polls of the schedule. */
  interval: number;
  pace: Pace;
  /** From 0 up to 1. */
  random: () => number;
}

/**
 * What a poll that threw an error leaves of the stream, and when it is tried again: no earlier than the schedule asks for it, and less
 * and less often.
 */
export function failureOf(error: unknown, current: StreamRecord, facts: FailureFacts): Failure {
  const { now, planned, pace, random } = facts;
  const isLimit = isLimited(error);
  const hasProgressed = pace.progressAt > (current.lastPollAt ?? 0);
  const consecutiveErrors = (hasProgressed ? 0 : current.consecutiveErrors) + (isLimit ? 0 : 1);
  const longestMs = Math.max(planned - now, LONGEST_RETRY);
  const retryAt = (): number =>
    Math.max(planned, now + backoff(consecutiveErrors, { firstMs: SHORTEST_RETRY, longestMs, spread: SPREAD, random }));
  const isRevoked = error instanceof HooklineError && error.code === "reauth_required";
  const lastError: StreamError = {
    code: error instanceof HooklineError ? error.code : "internal",
    message: error instanceof Error ? error.message : String(error),
    at: now,
  };
  const nextPollAt = isLimit ? afterLimit(error, current, facts) : retryAt();
  return {
    stream: { ...current, lastPollAt: now, consecutiveErrors, lastError, nextPollAt: isRevoked ? null : nextPollAt },
    error: lastError,
    isLimit,
    isDegraded: now >= pace.degradedAt && !isRevoked,
  };
}

const LIMITS = new Set(["rate_limited", "quota_exceeded"]);

/** Whether the vendor, or a limit that this side keeps to, only asks to wait. */
export const isLimited = (error: unknown): error is HooklineError =>
  error instanceof HooklineError && LIMITS.has(error.code);

/**
 * When a limited poll is tried again: once as soon as the vendor says, then no more often than the schedule and less and less
 * often, whatever is said: a quota that is used up is not given back by asking.
 */
function afterLimit(error: HooklineError, { lastError }: StreamRecord, facts: FailureFacts): number {
  const { now, planned, interval, pace, random } = facts;
  const asked = error instanceof VendorError ? error.retryAfterMs : error.retry ? error.retry.after : undefined;
  const isRepeated = lastError !== null && lastError.at >= pace.progressAt && LIMITS.has(lastError.code);
  if (asked !== undefined && !isRepeated) return now + asked;
  const least = Math.max(interval, LIMITED_WAIT);
  // The pauses grow from the time on at which the limit is reported; before, a passing one costs no more than its interval.
  const grown = now - pace.degradedAt + least;
  const wait = Math.min(Math.max(grown, least), Math.max(least, LONGEST_RETRY));
  return Math.max(planned, now + least, now + (asked ?? 0), now + spreadApart(wait, SPREAD, random));
}
