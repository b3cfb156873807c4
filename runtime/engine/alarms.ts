import { AsyncLocalStorage } from "node:async_hooks";
import type { Timers } from "../core/clock.ts";

/** Timers with a purpose, one for each: a new one takes the place of the one before. */
export class Alarms<Purpose extends string> {
  readonly #timers: Timers;
  /** They ring outside the context (trace, request) of whoever happened to set them. */
  readonly #ownContext = AsyncLocalStorage.snapshot();
  readonly #cancels = new Map<Purpose, () => void>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  has(purpose: Purpose): boolean {
    return this.#cancels.has(purpose);
  }

  set(purpose: Purpose, milliseconds: number, ring: () => void): void {
    this.cancel(purpose);
    const done = (): void => {
      this.#cancels.delete(purpose);
      this.#ownContext(ring);
    };
    this.#cancels.set(purpose, this.#timers.after(milliseconds, done));
  }

  cancel(purpose: Purpose): void {
    this.#cancels.get(purpose)?.();
    this.#cancels.delete(purpose);
  }

  cancelAll(): void {
    for (const purpose of this.#cancels.keys()) this.cancel(purpose);
  }
}
