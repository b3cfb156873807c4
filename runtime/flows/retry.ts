import { backoff } from "../core/backoff.ts";
import { HooklineError } from "../core/errors.ts";
import { DAY, MINUTE, SECOND } from "../core/time.ts";
import { errorClass, VendorError } from "../vendor/errors.ts";
import type { CompiledStep } from "./definition.ts";

/** They double up to the last of the tries. */
const PAUSES = { firstMs: 5 * SECOND, longestMs: Infinity, spread: 0.2 };
/** Most tries after failures that pass by themselves. */
const MOST = 6;
/** The wait for a limit whose end the vendor does not tell. */
const LIMIT_MS = MINUTE;
/** The longest that limits are waited for, from the first try. */
const LIMITS_END_MS = DAY;

/** A call that failed. */
export interface Failure {
  error: unknown;
  /** Whether the call may be made again although it may have been done. */
  repeatable: boolean;
  onError: CompiledStep["onError"];
  /** Tries that counted, this one included. */
  attempts: number;
  /** Milliseconds since the first try. */
  elapsedMs: number;
}

/**
 * When to try a failed call again, and whether the failed try counts; undefined when the failure stands. Limits are waited
 * for without counting, up to a day; what passes by itself is tried again with growing pauses as far as that is harmless.
 */
export function retryPlan(
  { error, repeatable, onError, attempts, elapsedMs }: Failure,
  random: () => number,
): { afterMs: number; counts: boolean } | undefined {
  const told = error instanceof HooklineError && error.retry ? error.retry.after : undefined;
  if (isLimit(error)) {
    // Later than the vendor says, never earlier.
    const afterMs = Math.round((told ?? LIMIT_MS) * (1 + PAUSES.spread * random()));
    return elapsedMs + afterMs > LIMITS_END_MS ? undefined : { afterMs, counts: false };
  }
  if (error instanceof HooklineError && error.code === "account_moved") return undefined;
  if (typeof onError === "object") {
    return attempts > onError.max ? undefined : { afterMs: Math.max(onError.afterMs, told ?? 0), counts: true };
  }
  if (!passes(error) || !(repeatable || didNothing(error)) || attempts > MOST) return undefined;
  return { afterMs: Math.max(backoff(attempts, { ...PAUSES, random }), told ?? 0), counts: true };
}

function isLimit(error: unknown): boolean {
  return error instanceof HooklineError && (error.code === "rate_limited" || error.code === "quota_exceeded");
}

/** Whether a failure passes by itself: the vendor's own troubles, and those of the way there. */
function passes(error: unknown): boolean {
  if (error instanceof HooklineError && !(error instanceof VendorError) && error.retry !== false) return true;
  return ["serverError", "network", "timeout"].includes(errorClass(error));
}

/** Whether it is certain that nothing was done: never sent, or turned away with the promise of a better time. */
function didNothing(error: unknown): boolean {
  if (!(error instanceof HooklineError)) return false;
  const status = error instanceof VendorError ? error.status : undefined;
  return error.data["sent"] === false || (status === 503 && error.retry !== false && error.retry.after !== undefined);
}
