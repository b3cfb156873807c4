import { setTimeout as sleep } from "node:timers/promises";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import type { RateLimit } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";

/** A vendor's limits, shared by all work of a connection in this process. */
export interface Limits {
  /** Waits for its turn if that is soon, else throws `rate_limited` saying when. */
  take(connection: string, kind: "read" | "write", signal?: AbortSignal): Promise<void>;
  /** Holds the whole connection back: the vendor asked to. Milliseconds. */
  hold(connection: string, forMs: number): void;
  /** Holds the connection back when an answer's headers say that nothing is left. */
  learn(connection: string, headers: Record<string, string>): void;
}

/** Longer waits are better spent elsewhere. */
const LONGEST_WAIT_MS = 5_000;
/** Above this many, holds that are over are looked for and dropped. */
const MANY_HOLDS = 1_000;

export function createLimits(connector: string, rateLimits: readonly RateLimit[], clock: Clock): Limits {
  const holds = new Map<string, number>();
  const limiters = rateLimits.map((limit, index) => ({
    limit,
    limiter: new RateLimiterMemory({
      keyPrefix: `${connector}:${index}`,
      points: limit.points,
      duration: limit.seconds,
    }),
  }));

  /** Milliseconds until there is room; 0 when a place was taken. */
  const tryTake = async (connection: string, kind: "read" | "write"): Promise<number> => {
    const held = (holds.get(connection) ?? 0) - clock.now();
    if (held > 0) return held;
    holds.delete(connection);
    const taken: (() => Promise<unknown>)[] = [];
    for (const { limit, limiter } of limiters) {
      if (limit.appliesTo !== undefined && limit.appliesTo !== kind) continue;
      const key = limit.per === "connection" ? connection : "client";
      try {
        await limiter.consume(key);
        taken.push(() => limiter.reward(key));
      } catch (refusal) {
        if (!(refusal instanceof RateLimiterRes)) throw refusal;
        await limiter.reward(key);
        for (const giveBack of taken) await giveBack();
        return Math.max(refusal.msBeforeNext, 1);
      }
    }
    return 0;
  };

  const hold = (connection: string, forMs: number): void => {
    const now = clock.now();
    if (holds.size >= MANY_HOLDS) for (const [key, until] of holds) if (until <= now) holds.delete(key);
    holds.set(connection, Math.max(holds.get(connection) ?? 0, now + forMs));
  };

  return {
    hold,
    take: async (connection, kind, signal) => {
      let patience = LONGEST_WAIT_MS;
      for (;;) {
        const wait = await tryTake(connection, kind);
        if (wait === 0) return;
        if (wait > patience) {
          throw new HooklineError(
            "rate_limited",
            `${connection}: the limit of ${connector} is reached; try again in ${Math.ceil(wait / 1000)} s`,
            {
              retry: { after: wait },
              data: { sent: false },
            },
          );
        }
        patience -= wait;
        await sleep(wait, undefined, { signal });
      }
    },
    learn: (connection, headers) => {
      for (const { limit } of limiters) {
        const { remaining, reset } = limit.headers ?? {};
        if (remaining === undefined || headers[remaining.toLowerCase()] !== "0") continue;
        const wait = reset === undefined ? limit.seconds * 1000 : untilReset(headers[reset.toLowerCase()], clock.now());
        if (wait > 0) hold(connection, wait);
      }
    },
  };
}

/** Vendors write seconds from now, or the time itself in seconds or milliseconds since the epoch. */
function untilReset(value: string | undefined, now: number): number {
  const number = Number(value);
  if (!Number.isFinite(number)) return 0;
  if (number > 1e11) return number - now;
  return number > 1e9 ? number * 1000 - now : number * 1000;
}
