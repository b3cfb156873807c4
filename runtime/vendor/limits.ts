import { setTimeout as sleep } from "node:timers/promises";
import type { RateLimit } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import { Lru } from "../core/lru.ts";
import { memoryCounter, type Counter, type CounterOf } from "./counter.ts";
import { createReserve, type Reserve } from "./reserve.ts";

/** Whose requests a limit counts. */
export interface LimitSubject {
  connection: string;
  /** What a manifest reads as `$connection`; a limit may be one value's, whichever connections have it. */
  values: Readonly<Record<string, unknown>>;
}

/** What for. */
export interface Use {
  kind: "read" | "write";
  /** Polls have only their share of a limit, so that actions get through. */
  polls: boolean;
}

/** A vendor's limits, shared by all work that they concern. */
export interface Limits {
  /** Waits for its turn if that is soon. @throws HooklineError `rate_limited`, with the time to wait */
  take(subject: LimitSubject, use: Use, signal?: AbortSignal): Promise<void>;
  /** Holds back all that shares a limit with this connection: the vendor asked to. Milliseconds; default 10 s. */
  hold(subject: LimitSubject, forMs?: number): void;
  /** Takes over what a response's headers say is left of the limits. */
  learn(subject: LimitSubject, headers: Record<string, string>): void;
}

/** Until when nothing is sent, milliseconds since the epoch. */
interface Hold {
  until: number;
  /** Whether the vendor has said for how long. */
  isNamed: boolean;
}

interface Limiter {
  limit: RateLimit;
  counter: Counter;
  /** Undefined when polls may use the whole limit. */
  polls: PollShare | undefined;
}

/** The part of a limit that polls may use: of what this side counts, and of what the vendor says is left. */
interface PollShare {
  counter: Counter;
  reserve: Reserve;
}

/** The share of a limit that polls may use, unless the manifest says otherwise. */
const POLL_SHARE = 0.5;
/** Longer waits are better spent elsewhere. */
const LONGEST_WAIT_MS = 5_000;
/** When a vendor limits without saying for how long. */
const DEFAULT_HOLD_MS = 10_000;
const NO_HOLD: Hold = { until: 0, isNamed: true };
/** Holds that are remembered; those not asked for the longest make room. */
const MOST_HOLDS = 10_000;

/** Uses are counted where `counterOf` says: by default in this process alone. */
export function createLimits(
  connector: string,
  rateLimits: readonly RateLimit[],
  clock: Clock,
  counterOf: CounterOf = memoryCounter,
): Limits {
  const holds = new Lru<string, Hold>(MOST_HOLDS);
  const limiters: Limiter[] = rateLimits.map((limit, index) => {
    const name = `${connector}:${index}`;
    return { limit, counter: counterOf(name, limit), polls: pollShareOf(`${name}:polls`, limit, clock, counterOf) };
  });
  /** A connection, and whatever it shares with others; a limit of all of a client's is not held for one of them. */
  const heldKeys = (subject: LimitSubject): string[] => [
    subject.connection,
    ...rateLimits.filter(({ per }) => per.startsWith("$")).map((limit) => keyOf(limit, subject)),
  ];

  /** The hold of a connection that lasts longest. */
  const heldUntil = (subject: LimitSubject): Hold =>
    heldKeys(subject)
      .map((key) => holds.get(key) ?? NO_HOLD)
      .reduce((longest, hold) => (hold.until > longest.until ? hold : longest));

  /** Whether a wait is one that was asked for. */
  const isNamed = (subject: LimitSubject): boolean => {
    const { until, isNamed } = heldUntil(subject);
    return isNamed || until <= clock.now();
  };

  /** Milliseconds until there is room; 0 when a place was taken. */
  const tryTake = async (subject: LimitSubject, use: Use): Promise<number> => {
    const now = clock.now();
    const held = heldUntil(subject).until - now;
    if (held > 0) return held;
    const taken: (() => Promise<unknown>)[] = [];
    const giveBack = async (wait: number): Promise<number> => {
      for (const give of taken) await give();
      return Math.max(wait, 1);
    };
    for (const { limit, counter, polls } of limiters) {
      if (limit.appliesTo !== undefined && limit.appliesTo !== use.kind) continue;
      const key = keyOf(limit, subject);
      const share = use.polls ? polls : undefined;
      const pause = share?.reserve.pause(key) ?? 0;
      if (pause > 0) return giveBack(pause);
      for (const one of share ? [share.counter, counter] : [counter]) {
        const wait = await one.take(key);
        if (wait > 0) return giveBack(wait);
        taken.push(() => one.giveBack(key));
      }
    }
    return 0;
  };

  const holdKey = (key: string, forMs: number, isNamed: boolean): void => {
    const until = clock.now() + forMs;
    if (until > (holds.get(key) ?? NO_HOLD).until) holds.set(key, { until, isNamed });
  };

  return {
    hold: (subject, forMs) => {
      for (const key of heldKeys(subject)) holdKey(key, forMs ?? DEFAULT_HOLD_MS, forMs !== undefined);
    },
    take: async (subject, use, signal) => {
      let patience = LONGEST_WAIT_MS;
      for (;;) {
        const wait = await tryTake(subject, use);
        if (wait === 0) return;
        if (wait > patience) {
          throw new HooklineError(
            "rate_limited",
            `${subject.connection}: the limit of ${connector} is reached; try again in ${Math.ceil(wait / 1000)} s`,
            {
              retry: { after: wait },
              data: { sent: false, ...(!isNamed(subject) && { isNamed: false }) },
            },
          );
        }
        patience -= wait;
        await sleep(wait, undefined, { signal }).catch(() => {
          throw signal!.reason;
        });
      }
    },
    learn: (subject, headers) => {
      for (const { limit, polls } of limiters) {
        const left = leftOf(limit, headers);
        if (left === undefined) continue;
        const key = keyOf(limit, subject);
        const wait = untilReset(limit, headers, clock.now());
        polls?.reserve.learn(key, left, wait);
        if (left === 0 && wait > 0) holdKey(limit.per === "client" ? subject.connection : key, wait, true);
      }
    },
  };
}

function pollShareOf(
  name: string,
  { points, seconds, pollShare = POLL_SHARE }: RateLimit,
  clock: Clock,
  counterOf: CounterOf,
): PollShare | undefined {
  const own = Math.max(1, Math.floor(points * pollShare));
  if (own >= points) return undefined;
  return { counter: counterOf(name, { points: own, seconds }), reserve: createReserve(points - own, clock) };
}

/** Whose limit it is. A value that a connection lacks makes the limit its own. */
function keyOf({ per }: RateLimit, { connection, values }: LimitSubject): string {
  if (per === "connection") return connection;
  if (per === "client") return "client";
  const value = values[per.slice("$connection.".length)];
  return value === undefined || value === null ? connection : `${per}=${String(value)}`;
}

function leftOf({ headers: names }: RateLimit, headers: Record<string, string>): number | undefined {
  const text = names?.remaining === undefined ? undefined : headers[names.remaining.toLowerCase()];
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Vendors write how long from now, or the time itself in seconds or milliseconds since the epoch. */
function untilReset({ headers: names, seconds }: RateLimit, headers: Record<string, string>, now: number): number {
  if (names?.reset === undefined) return seconds * 1000;
  const number = Number(headers[names.reset.toLowerCase()] ?? Number.NaN);
  if (!Number.isFinite(number)) return 0;
  if (number > 1e11) return number - now;
  if (number > 1e9) return number * 1000 - now;
  return names.resetUnit === "milliseconds" ? number : number * 1000;
}
