import { spreadApart } from "../core/backoff.ts";
import { HOUR, MINUTE, SECOND } from "../core/time.ts";

/** The pauses between attempts; after the last one a delivery is dead. */
export const RETRY_DELAYS: readonly number[] = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  10 * HOUR,
];

/** The part of a pause by which it varies, up and down. */
const SPREAD = 0.2;

/** Milliseconds until the attempt that follows `failed` failed ones, ±20 %; undefined after the last. */
export function retryDelay(failed: number, random: () => number): number | undefined {
  const delay = RETRY_DELAYS[failed - 1];
  return delay === undefined ? undefined : spreadApart(delay, SPREAD, random);
}
