import { InvalidArgumentError } from "commander";

/** A TCP port, 0 for any that is free; undefined for other text. */
export function portOf(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65_535 ? Number(text) : undefined;
}

/** Reads `--port`. */
export function parsePort(text: string): number {
  const port = portOf(text);
  if (port !== undefined) return port;
  throw new InvalidArgumentError("Give a whole number from 0 (any free port) to 65535.");
}

/** A timer of Node ends at once when it is to last longer. */
const LONGEST_SECONDS = 2_147_483;

/** Reads a number of seconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= LONGEST_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give a number of seconds greater than 0, at most ${LONGEST_SECONDS}.`);
}

/** Reads how many. */
export function parseCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number from 0 to 999999.");
}
