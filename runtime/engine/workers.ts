import type { Timers } from "../core/clock.ts";
import type { Queue } from "./engine.ts";
import type { Claim, JobTable } from "./table.ts";
import { Worker, type QueueWork, type WorkerOptions } from "./worker.ts";

/** How long nothing else begins after a job that may end the process: if it does, that is known to be its fault. */
const ALONE_MS = 1_000;

/** The workers of all queues, and the one of jobs that run alone. Times are milliseconds since the epoch. */
export class Workers {
  readonly #queues = new Map<Queue, Worker>();
  readonly #suspects: Worker;
  readonly #table: JobTable;
  readonly #timers: Timers;
  /** Claimed, and not settled yet. */
  readonly held = new Set<Claim>();
  /** Until when, on the monotonic clock, nothing may begin beside a suspect. */
  #aloneUntil = -Infinity;
  /** After a suspect the others come first. */
  #othersTurn = false;
  /** Whether to look whatever the sources think. */
  #lookNow = true;

  constructor(works: ReadonlyMap<Queue, QueueWork>, table: JobTable, options: Omit<WorkerOptions, "source" | "slots">) {
    this.#table = table;
    this.#timers = options.timers;
    for (const [queue, { concurrency, perGroup }] of works) {
      const source = table.source(queue, perGroup);
      this.#queues.set(queue, new Worker({ ...options, source, slots: concurrency }));
    }
    this.#suspects = new Worker({ ...options, source: table.suspects([...works.keys()]), slots: 1 });
  }

  get #all(): Worker[] {
    return [...this.#queues.values(), this.#suspects];
  }

  get busy(): boolean {
    return this.#all.some(({ running }) => running > 0);
  }

  isBusy(queue: Queue): boolean {
    return this.#queues.get(queue)!.running > 0;
  }

  /** How long nothing may begin, milliseconds; not positive when something may. */
  get aloneFor(): number {
    if (this.#suspects.running === 0) return -Infinity;
    return this.#aloneUntil - this.#timers.monotonic();
  }

  /** Whether a claim could find something to do. */
  get wantsWork(): boolean {
    return this.aloneFor <= 0 && this.#all.some((worker) => worker.wantsWork);
  }

  /** When to look again for jobs whose time has come. */
  get nextLook(): number {
    return Math.min(...this.#all.map(({ source }) => source.nextLook));
  }

  /** Claims what is due. A suspect begins in a turn of its own, and nothing else for a moment after it. */
  async claim(now: number): Promise<void> {
    if (this.#lookNow) await this.#table.lookAhead();
    if (!this.#othersTurn && (await this.#claimFrom(this.#suspects, now))) {
      this.#othersTurn = true;
      this.#aloneUntil = this.#timers.monotonic() + ALONE_MS;
      return;
    }
    this.#othersTurn = false;
    for (const worker of this.#queues.values()) await this.#claimFrom(worker, now);
    this.#lookNow = false;
  }

  /** With the next claim everything is looked for, also what nobody expects. */
  look(): void {
    this.#lookNow = true;
  }

  /** Whether there was something to claim. */
  async #claimFrom(worker: Worker, now: number): Promise<boolean> {
    if (worker.source.nextLook <= now) await worker.source.look(now);
    if (!worker.wantsWork) return false;
    const claims = await worker.claim(now);
    for (const claim of claims) this.held.add(claim);
    return claims.length > 0;
  }

  /** Tells the handlers that still run to give up. */
  abort(reason: unknown): void {
    for (const worker of this.#all) worker.abort(reason);
  }

  /** Listens no more to the handlers that still run; returns their claims. */
  abandon(): Claim[] {
    return this.#all.flatMap((worker) => worker.abandon());
  }
}
