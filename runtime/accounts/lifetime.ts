import { timeMs } from "../core/vendor-time.ts";
import type { CompiledLifetime } from "../manifest/connector.ts";
import type { Scope } from "../manifest/expressions.ts";

/** A vendor that says more means something else, and a store could not hold it as a time: a hundred years. */
export const LONGEST_SECONDS = 100 * 365.25 * 24 * 60 * 60;

/** For how many seconds a new token is good, by what the manifest declares; null where nothing that makes sense says it. */
export function lifetimeOf({ at, within }: CompiledLifetime, answer: Scope, now: number): number | null {
  const end = timeMs(at?.(answer));
  const left = end === null ? null : secondsIn((end - now) / 1000);
  if (left !== null) return left;
  for (const place of within) {
    const seconds = typeof place === "number" ? place : secondsIn(place(answer));
    if (seconds !== null) return seconds;
  }
  return null;
}

/** Seconds, also as text; null for what makes no sense as a lifetime. */
export function secondsIn(value: unknown): number | null {
  const isGiven = typeof value === "number" || (typeof value === "string" && value.trim() !== "");
  const seconds = isGiven ? Number(value) : NaN;
  return seconds > 0 && seconds <= LONGEST_SECONDS ? seconds : null;
}
