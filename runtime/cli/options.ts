import { InvalidArgumentError } from "commander";

/** Reads `--port`. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new InvalidArgumentError("Give a whole number from 0 (any free port) to 65535.");
}

/** Reads a number of seconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (seconds > 0) return seconds;
  throw new InvalidArgumentError("Give a number of seconds greater than 0.");
}

/** Reads how many. */
export function parseCount(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a whole number, 0 or more.");
}
