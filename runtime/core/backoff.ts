export interface Backoff {
  /** Milliseconds before the second try. */
  firstMs: number;
  /** Milliseconds that no pause exceeds, spread apart. */
  longestMs: number;
  /** The part of a pause by which it varies at random, up and down: 0.2 is ±20 %. */
  spread: number;
  /** From 0 up to 1; default `Math.random`. */
  random?: () => number;
}

/**
 * How long to wait after a number of failures (1 for the first), in whole milliseconds: it doubles with each, and varies, so
 * that what failed together does not return together.
 */
export function backoff(failures: number, { firstMs, longestMs, spread, random = Math.random }: Backoff): number {
  return spreadApart(Math.min(firstMs * 2 ** (failures - 1), longestMs), spread, random);
}

/** A pause that varies at random by a part of it, up and down, in whole milliseconds. */
export function spreadApart(pause: number, part: number, random: () => number): number {
  return Math.round(pause * (1 + part * (2 * random() - 1)));
}
