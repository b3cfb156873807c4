import type { Clock } from "../core/clock.ts";

/** The time as a table of jobs has it: behind a clock that was set, until the planned times in the table have moved with it. */
export class TableClock {
  readonly #clock: Clock;
  /** By how many milliseconds the clock has been set so far, and by how many the times in the table were moved with it. */
  #set = 0;
  #moved = 0;
  /** Listens to the clock no more. */
  readonly forget: () => void;

  constructor(clock: Clock, onSet: () => void) {
    this.#clock = clock;
    this.forget =
      clock.onSet?.((milliseconds) => {
        this.#set += milliseconds;
        onSet();
      }) ?? (() => {});
  }

  /** By how many milliseconds the clock has been set so far. */
  get set(): number {
    return this.#set;
  }

  /** By how much the times in the table are behind the clock. */
  get behind(): number {
    return this.#set - this.#moved;
  }

  now(): number {
    const now = this.#clock.now(); // It may find that it was set.
    return now - this.behind;
  }

  /** A time planned by the clock, when that had been set by `set`, as the table has it. */
  planned(at: number, set: number = this.#set): number {
    return at + this.#moved - set;
  }

  /** The times in the table have moved by so many milliseconds. */
  moved(milliseconds: number): void {
    this.#moved += milliseconds;
  }
}
