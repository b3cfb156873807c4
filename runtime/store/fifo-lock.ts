/** Lets one piece of work in at a time, in the order of asking. */
export class FifoLock {
  #held = false;
  #waiting: (() => void)[] = [];
  #next = 0;

  get held(): boolean {
    return this.#held;
  }

  /** Resolves once the lock is the caller's; a free lock is taken before this returns. */
  acquire(): Promise<void> {
    if (this.#held) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#held = true;
    return Promise.resolve();
  }

  /** Hands the lock to whoever has waited longest: it is never free in between, so nobody overtakes. */
  release(): void {
    if (this.#next < this.#waiting.length) {
      this.#waiting[this.#next++]!();
      return;
    }
    this.#waiting = [];
    this.#next = 0;
    this.#held = false;
  }
}
