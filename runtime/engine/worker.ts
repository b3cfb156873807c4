import type { Timers } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Database } from "../store/database.ts";
import type { Handler, Job, Outcome, Queue, WorkOptions } from "./engine.ts";
import type { Claim, Finished, JobTable, Source } from "./table.ts";

/** Jobs per claim: a bound on how long it holds up others. */
export const BATCH = 256;
/** How long aborted handlers have to say what became of their job. */
export const ABORT_MS = 500;

/** Who does the work of a queue. */
export interface QueueWork extends WorkOptions<unknown> {
  handler: Handler<unknown>;
}

export interface WorkerOptions {
  source: Source;
  /** How many run at once. */
  slots: number;
  workOf: (queue: Queue) => QueueWork;
  table: JobTable;
  db: Database;
  timers: Timers;
  /** The outcome of a failure nobody planned for. */
  retry: (claim: Claim, error: unknown) => Outcome;
  onFinished: (claim: Claim, outcome: Finished["outcome"]) => void;
}

/** The slots of one source, and the handlers that run in them. */
export class Worker {
  readonly #o: WorkerOptions;
  readonly #running = new Map<Claim, { abort: (reason: unknown) => void; forget: () => void }>();

  constructor(options: WorkerOptions) {
    this.#o = options;
  }

  get source(): Source {
    return this.#o.source;
  }

  /** How many handlers have not returned yet. */
  get running(): number {
    return this.#running.size;
  }

  /** Whether a claim could find something to do. */
  get wantsWork(): boolean {
    return this.source.ready && this.running < this.#o.slots;
  }

  /** Claims due jobs for the free slots, and starts them. Returns what it claimed. */
  async claim(now: number): Promise<Claim[]> {
    const free = Math.min(this.#o.slots - this.running, BATCH);
    const claims = await this.source.claim(free, now);
    for (const [queue, some] of Map.groupBy(claims, ({ job }) => job.queue)) await this.#start(queue, some);
    return claims;
  }

  /** What one job needs and cannot be read fails that job alone, unless the store itself is in trouble. */
  async #start(queue: Queue, claims: readonly Claim[]): Promise<void> {
    const work = this.#o.workOf(queue);
    let loaded: ReadonlyMap<number, unknown> | undefined;
    try {
      loaded = await work.load?.(
        this.#o.db,
        claims.map(({ job }) => job),
      );
    } catch (error) {
      if (claims.length > 1 && !(error instanceof HooklineError)) {
        for (const claim of claims) await this.#start(queue, [claim]);
      } else {
        for (const claim of claims) this.#finish(claim, this.#o.retry(claim, error));
      }
      return;
    }
    for (const claim of claims) this.#run(claim, work, loaded?.get(claim.job.id));
  }

  /** Tells the handlers that still run to give up. */
  abort(reason: unknown): void {
    for (const { abort } of this.#running.values()) abort(reason);
  }

  /** Listens no more to the handlers that still run; returns their claims. */
  abandon(): Claim[] {
    const claims = [...this.#running.keys()];
    for (const { forget } of this.#running.values()) forget();
    this.#running.clear();
    for (const claim of claims) claim.closed = true;
    return claims;
  }

  #run(claim: Claim, { handler, deadlineMs }: QueueWork, loaded: unknown): void {
    const { timers } = this.#o;
    const controller = new AbortController();
    const end = (outcome: Finished["outcome"]): void => {
      forget();
      if (this.#running.delete(claim)) this.#finish(claim, outcome);
    };
    let forget = timers.after(deadlineMs, () => {
      const message = `The ${claim.job.queue} job did not end within ${deadlineMs / 1000} s and was given up; it is tried again`;
      const error = new HooklineError("timeout", message);
      controller.abort(error);
      forget = timers.after(ABORT_MS, () => end(this.#o.retry(claim, error)));
    });
    this.#running.set(claim, { abort: (reason) => controller.abort(reason), forget: () => forget() });
    const wasStopped = (): boolean => isStopped(controller.signal.reason);
    Promise.resolve()
      .then(() => handler(this.#jobOf(claim), loaded, controller.signal))
      .then(end, (error: unknown) => {
        if (this.#running.has(claim)) end(wasStopped() ? "released" : this.#o.retry(claim, error));
      });
  }

  #jobOf(claim: Claim): Job {
    const { db, table } = this.#o;
    return {
      ...claim.job,
      transaction: (work, kind = "progress") =>
        db.transaction(async (tx) => {
          if (claim.closed) throw lost(claim);
          await table.hold(tx, claim, kind === "progress");
          return work(tx);
        }),
    };
  }

  #finish(claim: Claim, outcome: Finished["outcome"]): void {
    claim.closed = true;
    this.source.give(claim);
    this.#o.onFinished(claim, outcome);
  }
}

/** What a handler hears that wants to write although its job is another's by now. */
export const lost = ({ job }: Claim): HooklineError =>
  new HooklineError(
    "conflict",
    `The ${job.queue} job is no longer this handler's; nothing is written, and it runs elsewhere`,
  );

const isStopped = (reason: unknown): boolean => reason instanceof HooklineError && reason.code === "stopped";
