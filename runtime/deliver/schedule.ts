const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

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

/** Milliseconds until the attempt after `failed` failed ones, ±20 %; undefined when there is none. */
export function retryDelay(failed: number, random: () => number): number | undefined {
  const delay = RETRY_DELAYS[failed - 1];
  return delay === undefined ? undefined : Math.round(delay * (0.8 + 0.4 * random()));
}
