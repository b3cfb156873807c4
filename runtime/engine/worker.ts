import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Handler, Outcome, Queue, WorkOptions } from "./engine.ts";
import { claimJobs, groupsDue, nextDue, type Claimed } from "./jobs.ts";
import { retryDelay } from "./retry.ts";
import { Rotation } from "./rotation.ts";

/** Jobs, and groups asked, per claiming transaction: a bound on how long it holds up others. */
const BATCH = 256;

/** A job whose handler is through with it; what becomes of it waits to be committed. */
export interface Finished {
  claimed: Claimed;
  /** "released" when the handler was told to give up, and did: no attempt is counted. */
  outcome: Outcome | "released";
}

export interface WorkerOptions extends WorkOptions<unknown> {
  queue: Queue;
  handler: Handler<unknown>;
  db: Database;
  /** Milliseconds since the epoch. */
  now: () => number;
  log: Log;
  /** Under which name jobs are claimed: this start of this process. */
  owner: string;
  onFinished: (finished: Finished) => void;
}

/** One queue: which of its groups may have due jobs, its slots, and the handlers that run. */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #rotation: Rotation;
  readonly #running = new Map<number, AbortController>();
  /** Slots taken by running handlers. */
  #taken = 0;
  /** Groups with a job due up to here have been offered, milliseconds since the epoch. */
  #seenUntil = -1;
  /** When to look again for jobs whose time has come, milliseconds since the epoch. */
  nextLook = -1;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#rotation = new Rotation(options.perGroup);
  }

  /** Whether a handler has not returned yet. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Whether a claim could find something to do. */
  get wantsWork(): boolean {
    return this.#rotation.size > 0 && this.#taken < this.#options.concurrency;
  }

  /** A job of this group is, or will be, due at that time. */
  expect(group: string, runAt: number): void {
    if (runAt <= this.#now()) this.#rotation.offer(group);
    else this.nextLook = Math.min(this.nextLook, runAt);
  }

  /** Offers the groups whose jobs have come due since the last look: one range of an index, however many jobs wait. */
  async look(): Promise<void> {
    const { db, queue } = this.#options;
    const now = this.#now();
    for (const group of await groupsDue(db, queue, this.#seenUntil, now)) this.#rotation.offer(group);
    this.#seenUntil = now;
    this.nextLook = Infinity; // Before the question: an enqueue may lower it while the answer is on its way.
    const next = await nextDue(db, queue, now);
    this.nextLook = Math.min(this.nextLook, next);
  }

  /** Claims due jobs for the free slots, group by group in turn, and starts them. */
  async claim(): Promise<void> {
    const asked = new Set<string>();
    const batch: Claimed[] = [];
    let loaded: Map<number, unknown> | undefined;
    let failure: unknown;
    const work = async (tx: Tx): Promise<void> => {
      await this.#claim(tx, batch, asked);
      const { load } = this.#options;
      if (batch.length === 0 || !load) return;
      const jobs = batch.map(({ job }) => job);
      try {
        loaded = await tx.savepoint(() => load(tx, jobs));
      } catch (error) {
        failure = error;
      }
    };
    try {
      // A job whose claim a power cut undid is claimed again.
      await (this.#options.db.fleeting?.(work) ?? this.#options.db.transaction(work));
    } catch (error) {
      for (const { job } of batch) this.#release(job.group);
      for (const group of asked) this.#rotation.offer(group);
      throw error;
    }
    for (const claimed of batch) {
      if (failure === undefined) void this.#run(claimed, loaded?.get(claimed.job.id));
      else this.#finish({ claimed, outcome: this.retry(claimed, failure) });
    }
  }

  /** In rounds: each group that waits gets an equal share of the free slots, and another while slots are left. */
  async #claim(tx: Tx, batch: Claimed[], asked: Set<string>): Promise<void> {
    const { concurrency, owner, queue } = this.#options;
    const now = this.#now();
    let share = 0;
    let leftInRound = 0;
    for (let visits = 0; visits < BATCH; visits++) {
      const free = Math.min(concurrency - this.#taken, BATCH - batch.length);
      if (leftInRound === 0) {
        leftInRound = this.#rotation.size;
        share = Math.max(1, Math.floor(free / leftInRound));
      }
      const turn = free > 0 ? this.#rotation.next() : undefined;
      if (turn === undefined) break;
      leftInRound--;
      asked.add(turn.group);
      const limit = Math.min(turn.free, share, free);
      const claimed = await claimJobs(tx, owner, queue, turn.group, now, limit);
      for (const one of claimed) {
        batch.push(one);
        this.#taken++;
        this.#rotation.take(turn.group);
      }
      if (claimed.length === limit) this.#rotation.offer(turn.group);
    }
  }

  /** The outcome of a failure nobody planned for. */
  retry({ job }: Claimed, error: unknown): Outcome {
    const delay = retryDelay(job.attempt);
    this.#options.log.error(
      { error, queue: job.queue, job: job.id, attempt: job.attempt, delay },
      "a job failed; it is tried again",
    );
    return { runAgainAt: this.#options.now() + delay, attempt: "count" };
  }

  /** Tells the handlers that still run to give up. */
  abort(reason: unknown): void {
    for (const controller of this.#running.values()) controller.abort(reason);
  }

  /** Listens no more to the handlers that still run; returns the ids of their jobs. */
  abandon(): number[] {
    const ids = [...this.#running.keys()];
    this.#running.clear();
    return ids;
  }

  async #run(claimed: Claimed, loaded: unknown): Promise<void> {
    const { id } = claimed.job;
    const controller = new AbortController();
    this.#running.set(id, controller);
    let outcome: Finished["outcome"];
    try {
      outcome = await this.#options.handler(claimed.job, loaded, controller.signal);
    } catch (error) {
      outcome = controller.signal.aborted ? "released" : this.retry(claimed, error);
    }
    if (this.#running.delete(id)) this.#finish({ claimed, outcome });
  }

  #finish(finished: Finished): void {
    this.#release(finished.claimed.job.group);
    this.#options.onFinished(finished);
  }

  #release(group: string): void {
    this.#taken--;
    this.#rotation.give(group);
  }

  /** A clock set back makes times that had passed lie ahead again. */
  #now(): number {
    const now = this.#options.now();
    if (now < this.#seenUntil) {
      this.#seenUntil = now;
      this.nextLook = now;
    }
    return now;
  }
}
