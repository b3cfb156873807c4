import { SUSPECT_AFTER } from "./engine.ts";

const SPREAD = 0.2;

/** A wait that doubles, or more, with every failure before. */
export interface Backoff {
  firstMs: number;
  factor: number;
  longestMs: number;
}

const RETRY: Backoff = { firstMs: 1_000, factor: 2, longestMs: 5 * 60_000 };
const INTERRUPTED: Backoff = { firstMs: 1_000, factor: 4, longestMs: 60 * 60_000 };

/** How long to wait after that many failures, 0 for the first; ±20 %, so that what failed together does not come back together. */
export function backoff({ firstMs, factor, longestMs }: Backoff, failures: number, random: () => number): number {
  return Math.round(Math.min(firstMs * factor ** failures, longestMs) * (1 + SPREAD * (2 * random() - 1)));
}

/** How long to wait before a job whose handler threw runs again: from a second to five minutes, with the attempts already made. */
export const retryDelay = (attempt: number, random: () => number = Math.random): number =>
  backoff(RETRY, attempt, random);

/** How long a job waits that was interrupted so often that it runs alone; from a second to an hour. */
export const pauseAfter = (interruptions: number): number =>
  backoff(INTERRUPTED, interruptions - SUSPECT_AFTER, () => 0.5);
