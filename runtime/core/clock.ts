/** Time as a value: tests hand in their own, so nothing sleeps. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /**
   * Calls back whenever the time has been set, with by how many whole milliseconds: planned times move with it.
   * Returns how to be called no more.
   */
  onSet?(listener: (milliseconds: number) => void): () => void;
}

/** Durations and waiting, whatever becomes of the wall clock. */
export interface Timers {
  /** Milliseconds since some moment; they only grow, at an even pace. */
  monotonic(): number;
  /** Calls back once, after that many milliseconds. Keeps the process alive only when told to. Returns how to cancel it. */
  after(milliseconds: number, callback: () => void, keepAlive?: "keepAlive"): () => void;
}

/** More than a timer of Node can wait; whoever waits longer looks again in between. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const systemTimers: Timers = {
  monotonic: () => performance.now(),
  after(milliseconds, callback, keepAlive) {
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), LONGEST_TIMER_MS));
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** The wall clock is followed at once within this; back, by standing still until it has caught up. */
const DRIFT_MS = 1_000;
/** A time that the wall clock keeps for so long is believed. */
const LASTING_MS = 60_000;

/**
 * The wall clock, held steady by the monotonic one: a jump that is taken back within a minute is never seen. One that lasts is
 * taken over then, and told to those who have planned times, so that what was to happen in an hour still does. Otherwise the time
 * never goes back: what was due stays due.
 */
export class SteadyClock implements Clock {
  readonly #wall: () => number;
  readonly #monotonic: () => number;
  readonly #listeners = new Set<(milliseconds: number) => void>();
  #offset: number;
  #latest = -Infinity;
  /** Since when, on the monotonic clock, the wall clock is off, and by how much. */
  #jump: { since: number; by: number } | undefined;

  /** `wall`: milliseconds since the epoch; `monotonic`: see {@link Timers}. */
  constructor(wall: () => number = Date.now, monotonic: () => number = systemTimers.monotonic) {
    this.#wall = wall;
    this.#monotonic = monotonic;
    this.#offset = wall() - monotonic();
  }

  now(): number {
    const monotonic = this.#monotonic();
    const by = this.#wall() - monotonic - this.#offset;
    if (Math.abs(by) <= DRIFT_MS) {
      this.#offset += by;
      this.#jump = undefined;
    } else if (this.#jump === undefined || Math.abs(by - this.#jump.by) > DRIFT_MS) {
      this.#jump = { since: monotonic, by };
    } else if (monotonic - this.#jump.since >= LASTING_MS) {
      const milliseconds = Math.round(by);
      this.#offset += milliseconds;
      this.#latest += milliseconds;
      this.#jump = undefined;
      for (const listener of this.#listeners) listener(milliseconds);
    }
    return (this.#latest = Math.max(this.#latest, Math.round(monotonic + this.#offset)));
  }

  onSet(listener: (milliseconds: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** One for the process, so that all of it agrees on the time. */
export const systemClock: Clock = new SteadyClock();

/** A clock that stands still until told otherwise. */
export class ManualClock implements Clock {
  #now: number;
  constructor(start: number | string = "2026-01-01T00:00:00Z") {
    this.#now = typeof start === "number" ? start : Date.parse(start);
  }
  now(): number {
    return this.#now;
  }
  advance(milliseconds: number): void {
    this.#now += milliseconds;
  }
  set(time: number | string): void {
    this.#now = typeof time === "number" ? time : Date.parse(time);
  }
}
