import { backoff } from "../core/backoff.ts";
import { HooklineError } from "../core/errors.ts";
import type { StreamError, StreamRecord } from "../model/streams.ts";
import { VendorError } from "../vendor/errors.ts";

/** Failures in a row after which `subscription.degraded` is reported. */
export const DEGRADED_AFTER = 3;
/** Milliseconds before the second try, spread apart. */
export const SHORTEST_RETRY = 15_000;
/** Milliseconds that no pause exceeds, spread apart, unless the schedule's own interval is longer. */
export const LONGEST_RETRY = 3_600_000;
/** Milliseconds to wait for a vendor that limits us without saying for how long. */
export const LIMITED_WAIT = 60_000;

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

/** `planned`: when the schedule wants the next poll. `random`: from 0 up to 1. */
export function failureOf(
  error: unknown,
  current: StreamRecord,
  { now, planned, random }: { now: number; planned: number; random: () => number },
): Failure {
  const limit = limitMs(error);
  const isLimit = limit !== undefined;
  const consecutiveErrors = current.consecutiveErrors + (isLimit ? 0 : 1);
  const longestMs = Math.max(planned - now, LONGEST_RETRY);
  const wait = limit ?? backoff(consecutiveErrors, { firstMs: SHORTEST_RETRY, longestMs, spread: 0.2, random });
  const isRevoked = error instanceof HooklineError && error.code === "reauth_required";
  const lastError: StreamError = {
    code: error instanceof HooklineError ? error.code : "internal",
    message: error instanceof Error ? error.message : String(error),
    at: now,
  };
  const nextPollAt = isRevoked ? null : now + wait;
  return {
    stream: { ...current, lastPollAt: now, consecutiveErrors, lastError, nextPollAt },
    error: lastError,
    isLimit,
    isDegraded: consecutiveErrors >= DEGRADED_AFTER && !isRevoked,
  };
}

/** Milliseconds to wait when the failure is a limit, which is no fault of the stream. */
function limitMs(error: unknown): number | undefined {
  if (!(error instanceof HooklineError)) return undefined;
  if (error.code !== "rate_limited" && error.code !== "quota_exceeded") return undefined;
  const after = error instanceof VendorError ? error.retryAfterMs : error.retry ? error.retry.after : undefined;
  return after ?? LIMITED_WAIT;
}
