import { errorClass, VendorError } from "../vendor/errors.ts";
import { HooklineError } from "../core/errors.ts";
import type { CompiledStep } from "./definition.ts";

const FIRST_MS = 5_000;
const LONGEST_MS = 10 * 60_000;
/** Most tries after failures that pass by themselves. */
const MOST = 6;
const SPREAD = 0.2;
/** How long a limit that does not say is waited for. */
const LIMIT_MS = 60_000;
/** How long limits are waited for in all. */
const LIMITS_END_MS = 24 * 60 * 60_000;

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
    const afterMs = spread(told ?? LIMIT_MS, random);
    return elapsedMs + afterMs > LIMITS_END_MS ? undefined : { afterMs, counts: false };
  }
  if (typeof onError === "object") {
    return attempts > onError.max ? undefined : { afterMs: Math.max(onError.afterMs, told ?? 0), counts: true };
  }
  if (!passes(error) || !(repeatable || didNothing(error)) || attempts > MOST) return undefined;
  const growing = Math.min(FIRST_MS * 2 ** (attempts - 1), LONGEST_MS);
  return { afterMs: Math.max(spread(growing, random), told ?? 0), counts: true };
}

function isLimit(error: unknown): boolean {
  return error instanceof HooklineError && (error.code === "rate_limited" || error.code === "quota_exceeded");
}

/** What is worth trying again: the vendor's own troubles, and those of the way there. */
function passes(error: unknown): boolean {
  if (error instanceof HooklineError && !(error instanceof VendorError) && error.retry !== false) return true;
  return ["serverError", "network", "timeout"].includes(errorClass(error));
}

/** What proves that nothing was done: never sent, or turned away with the promise of a better time. */
function didNothing(error: unknown): boolean {
  if (!(error instanceof HooklineError)) return false;
  const status = error instanceof VendorError ? error.status : undefined;
  return error.data["sent"] === false || (status === 503 && error.retry !== false && error.retry.after !== undefined);
}

function spread(ms: number, random: () => number): number {
  return Math.round(ms * (1 + SPREAD * random()));
}
