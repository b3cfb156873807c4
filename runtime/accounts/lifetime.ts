import { timeMs } from "../core/vendor-time.ts";
import type { CompiledLifetime } from "../manifest/connector.ts";
import type { Scope } from "../manifest/expressions.ts";

/** For how many seconds a new token is good, by what the manifest declares; null where nothing that makes sense says it. */
export function lifetimeOf({ at, within }: CompiledLifetime, answer: Scope, now: number): number | null {
  const end = timeMs(at?.(answer));
  if (end !== null && end > now) return (end - now) / 1000;
  for (const place of within) {
    const seconds = typeof place === "number" ? place : secondsIn(place(answer));
    if (seconds !== null) return seconds;
  }
  return null;
}

function secondsIn(value: unknown): number | null {
  const isGiven = typeof value === "number" || (typeof value === "string" && value.trim() !== "");
  const seconds = isGiven ? Number(value) : NaN;
  return seconds > 0 && Number.isFinite(seconds) ? seconds : null;
}
