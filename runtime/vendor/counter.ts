import {
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRes,
  type RateLimiterAbstract,
} from "rate-limiter-flexible";
import type { Log } from "../core/log.ts";
import { Lru } from "../core/lru.ts";
import type { Database, SqlValue } from "../store/database.ts";

/** Counts the uses of one limit, by key, in windows of time. */
export interface Counter {
  /** Milliseconds until there is room; 0 when a place was taken. */
  take(key: string): Promise<number>;
  /** A place that was taken is not used after all. */
  giveBack(key: string): Promise<void>;
}

/** So many uses in so many seconds. */
export interface Window {
  points: number;
  seconds: number;
}

/** The counter of a limit; `name` tells limits apart. */
export type CounterOf = (name: string, window: Window) => Counter;

/** Counts in this process alone. */
export const memoryCounter: CounterOf = (name, { points, seconds }) => {
  const limiter = new RateLimiterMemory({ keyPrefix: name, points, duration: seconds });
  return {
    take: (key) => consume(limiter, key, 1),
    giveBack: async (key) => void (await limiter.reward(key)),
  };
};

/** A process draws a twentieth of a limit at once, and no more than this: that much may lie unused in each of the others. */
const LARGEST_DRAW = 10;
const DRAWS = 20;
/** Draws that are remembered for one limit; those not used the longest make room. */
const MOST_DRAWS = 10_000;

interface Draw {
  left: number;
  /** By `performance.now()`: when the limit is reset, or sooner. */
  until: number;
}

/**
 * Counts over all processes that share a PostgreSQL database. Places are drawn a few at a time, so that most uses cost no
 * statement. While the database cannot be reached, each process counts alone.
 */
export function sharedCounter(db: Database, log: Log): CounterOf {
  let alone = false;
  const storeClient = {
    query: async ({ text, values }: { text: string; values: SqlValue[] }) => {
      try {
        const rows = await db.all(text, values);
        alone = false;
        return { rows, rowCount: rows.length };
      } catch (error) {
        if (!alone)
          log.warn({ error }, "the database does not answer; this process counts the vendors' limits alone meanwhile");
        alone = true;
        throw error;
      }
    },
  };
  return (name, { points, seconds }) => {
    const limiter = new RateLimiterPostgres({
      storeClient,
      storeType: "client",
      tableName: "rate_limits",
      tableCreated: true,
      keyPrefix: name,
      points,
      duration: seconds,
      insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration: seconds }),
    });
    const draws = new Lru<string, Draw>(MOST_DRAWS);
    const size = Math.max(1, Math.min(LARGEST_DRAW, Math.floor(points / DRAWS)));
    const spend = (key: string): boolean => {
      const draw = draws.get(key);
      if (!draw || draw.left === 0 || draw.until <= performance.now()) return false;
      draw.left--;
      return true;
    };
    return {
      take: async (key) => {
        if (spend(key)) return 0;
        const begun = performance.now();
        const wait = await consume(limiter, key, size, (msBeforeNext) => {
          const left = draws.get(key);
          const rest = left && left.until > begun ? left.left : 0;
          draws.set(key, { left: rest + size - 1, until: begun + msBeforeNext });
        });
        // Less than a draw may be left: then the last places are taken one by one.
        return wait > 0 && size > 1 ? consume(limiter, key, 1) : wait;
      },
      giveBack: async (key) => {
        const draw = draws.get(key);
        if (draw) draw.left++;
        else await limiter.reward(key);
      },
    };
  };
}

async function consume(
  limiter: RateLimiterAbstract,
  key: string,
  points: number,
  onTaken: (msBeforeNext: number) => void = () => {},
): Promise<number> {
  try {
    onTaken((await limiter.consume(key, points)).msBeforeNext);
    return 0;
  } catch (refusal) {
    if (!(refusal instanceof RateLimiterRes)) throw refusal;
    await limiter.reward(key, points); // What is refused is counted all the same.
    return Math.max(refusal.msBeforeNext, 1);
  }
}
