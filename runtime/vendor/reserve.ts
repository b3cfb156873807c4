import type { Clock } from "../core/clock.ts";
import { Lru } from "../core/lru.ts";

/** Keeps the last part of a limit for what people wait for. */
export interface Reserve {
  /** Takes over how many requests are left, and the milliseconds until the limit is reset. */
  learn(key: string, left: number, untilResetMs: number): void;
  /** Milliseconds a poll has to wait; 0 when it may go, which counts it. */
  pause(key: string): number;
}

interface State {
  left: number;
  resetAt: number;
  nextPollAt: number;
}

/** Polls that begin to spend the reserve may spend half of what is left, evenly until the limit is reset. */
const POLLS_SHARE = 0.5;
/** States that are remembered; those not asked for the longest make room. */
const MOST_STATES = 10_000;

/** A reserve of this many requests of each key's limit. */
export function createReserve(size: number, clock: Clock): Reserve {
  const states = new Lru<string, State>(MOST_STATES);
  return {
    learn: (key, left, untilResetMs) => {
      const now = clock.now();
      if (left > size || untilResetMs <= 0) return states.delete(key);
      states.set(key, { left, resetAt: now + untilResetMs, nextPollAt: states.get(key)?.nextPollAt ?? 0 });
    },
    pause: (key) => {
      const state = states.get(key);
      const now = clock.now();
      if (!state || state.resetAt <= now) return 0;
      if (state.nextPollAt > now) return Math.min(state.nextPollAt, state.resetAt) - now;
      const spacing = (state.resetAt - now) / Math.max(state.left * POLLS_SHARE, 1);
      state.nextPollAt = now + spacing;
      return 0;
    },
  };
}
