import { setTimeout as sleep } from "node:timers/promises";
import type { ErrorClass } from "../../schemas/manifest.ts";
import { backoff } from "../core/backoff.ts";
import { HooklineError } from "../core/errors.ts";
import { errorClass, VendorError } from "./errors.ts";

/** What makes a repeated request harmless: its nature, a precondition such as an etag, a key the vendor honours, or nothing. */
export type Idempotency = "natural" | "precondition" | "key" | "none";

export interface RetryOptions {
  /** Most tries after the first. */
  max: number;
  /** Classes of error that are tried again, as far as the idempotency allows. */
  on: readonly ErrorClass[];
  idempotency: Idempotency;
  /** Milliseconds in which the last try begins. */
  withinMs: number;
  /** Whether a limit is waited for only when the vendor says for how long; default false. */
  namedLimits?: boolean;
  /** Milliseconds the first pause lasts at most; each further one twice as long, up to 20 s. */
  baseMs: number;
  /** From 0 up to 1; default `Math.random`. */
  random?: () => number;
  signal?: AbortSignal;
}

const LONGEST_PAUSE_MS = 20_000;

/**
 * Tries again with full jitter (a random pause between nothing and a bound that doubles) while it is worth it and safe.
 * A vendor's Retry-After is kept to; when it is longer than the time left, the error is thrown at once.
 */
export async function withRetry<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const end = performance.now() + options.withinMs;
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= options.max || options.signal?.aborted) throw error;
      if (!options.on.includes(errorClass(error)) || !mayRepeat(error, options.idempotency)) throw error;
      if (options.namedLimits && isUnnamedLimit(error)) throw error;
      const jitter = backoff(tries + 1, {
        firstMs: options.baseMs / 2,
        longestMs: LONGEST_PAUSE_MS / 2,
        spread: 1,
        random: options.random,
      });
      const pause = (retryAfter(error) ?? 0) + jitter;
      if (performance.now() + pause > end) throw error;
      await sleep(pause, undefined, { signal: options.signal }).catch(() => {
        throw options.signal!.reason;
      });
    }
  }
}

function retryAfter(error: unknown): number | undefined {
  return error instanceof HooklineError && error.retry ? error.retry.after : undefined;
}

/** A limit that the vendor has set without saying for how long: on this request, or on one before it. */
function isUnnamedLimit(error: unknown): boolean {
  if (errorClass(error) !== "rateLimited" || !(error instanceof HooklineError)) return false;
  return retryAfter(error) === undefined || error.data.isNamed === false;
}

/** Without idempotency only what proves that nothing was done: never sent, or turned away at the door. */
function mayRepeat(error: unknown, idempotency: Idempotency): boolean {
  if (idempotency !== "none") return true;
  if (error instanceof VendorError) {
    return error.class === "rateLimited" || (error.status === 503 && error.retryAfterMs !== undefined);
  }
  return error instanceof HooklineError && (error.code === "rate_limited" || error.data.sent === false);
}
