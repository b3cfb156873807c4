const FIRST_MS = 1_000;
const LONGEST_MS = 5 * 60_000;
const SPREAD = 0.2;

/**
 * How long to wait before a job whose handler threw runs again, in milliseconds: doubling from a second to five minutes
 * with the attempts already made, ±20 % so that what failed together does not come back together.
 */
export function retryDelay(attempt: number, random: () => number = Math.random): number {
  const delay = Math.min(FIRST_MS * 2 ** attempt, LONGEST_MS);
  return Math.round(delay * (1 + SPREAD * (2 * random() - 1)));
}
