import { backoff } from "../core/backoff.ts";
import { SUSPECT_AFTER } from "./engine.ts";

const RETRY = { firstMs: 1_000, longestMs: 5 * 60_000, spread: 0.2 };
const PAUSE = { firstMs: 1_000, longestMs: 60 * 60_000, spread: 0 };

/** How long to wait before a job whose handler threw runs again: from a second to five minutes, with the attempts already made. */
export const retryDelay = (attempt: number, random: () => number = Math.random): number =>
  backoff(attempt + 1, { ...RETRY, random });

/** How long a job waits that was interrupted so often that it runs alone: from a second to an hour. */
export const pauseAfter = (interruptions: number): number => backoff(interruptions - SUSPECT_AFTER + 1, PAUSE);
