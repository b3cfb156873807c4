import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import { CronTask } from "./cron.ts";
import type { Engine, Handler, NewJob, Queue, WorkOptions } from "./engine.ts";
import { insertJobs, releaseAll, releaseJobs } from "./jobs.ts";
import { commitOutcomes } from "./outcomes.ts";
import { Worker, type Finished } from "./worker.ts";
import { within } from "./within.ts";

/** Looks for due jobs whatever the timer thinks: after a jump of the clock, or a change by hand. */
const HEARTBEAT = "*/5 * * * * *";
const UNHEALTHY_MS = 30_000;
/** Outcomes per transaction. */
const BATCH = 256;
/** So many outcomes are committed at once; fewer wait for more, as long as more of their queue run: a flush costs as much for all. */
const FULL_BATCH = 128;
const LINGER_MS = 10;
/** With more outcomes waiting for a store in trouble, nothing new begins. */
const MOST_UNSETTLED = 2 * BATCH;
/** Timers no finer than this: jobs due close together are claimed together. */
const TIMER_STEP_MS = 20;
const LONGEST_TIMER_MS = 60 * 60_000;
const STORE_TROUBLE_MS = 1_000;
const DEFAULT_GRACE_MS = 30_000;
/** How long aborted handlers have to say what became of their job. */
const ABORT_MS = 500;

export interface EmbeddedEngineOptions {
  /** A SQLite store; this process is the only one on it. */
  db: Database;
  clock: Clock;
  log: Log;
}

export function createEmbeddedEngine(options: EmbeddedEngineOptions): EmbeddedEngine {
  return new EmbeddedEngine(options);
}

/**
 * The engine of one process: jobs in a table of its own SQLite file, claimed and settled in batches by one loop.
 * The loop sleeps until a job is enqueued, a handler returns, or the earliest waiting job is due. Because nobody else
 * can hold the file, a claim needs no lease: claims found at the start are those of a process that is gone.
 */
export class EmbeddedEngine implements Engine {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #owner: string = randomUUID();
  readonly #workers = new Map<Queue, Worker>();
  readonly #tasks: CronTask[] = [];
  /** Runs the loop outside the context (trace, request) of whatever enqueue happened to wake it. */
  readonly #ownContext = AsyncLocalStorage.snapshot();
  #finished: Finished[] = [];
  /** Runs while outcomes wait for more; when it is over, or there is reason to, they wait no longer. */
  #linger: NodeJS.Timeout | undefined;
  #settleNow = false;
  #state: "new" | "started" | "stopping" = "new";
  #stopped: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #woken = false;
  #lookNow = false;
  #lastTurn = -Infinity;
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;
  #onSettled: (() => void) | undefined;

  constructor({ db, clock, log }: EmbeddedEngineOptions) {
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
    this.cron("heartbeat", HEARTBEAT, async () => this.#look());
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const now = this.#clock.now();
    await insertJobs(tx, jobs, now);
    tx.afterCommit(() => {
      for (const { queue, group = "", runAt = now } of jobs) this.#workers.get(queue)?.expect(group, runAt);
      this.#wake();
    });
  }

  work<Loaded = undefined>(queue: Queue, options: WorkOptions<Loaded>, handler: Handler<Loaded>): void {
    this.#assertNew("work");
    if (this.#workers.has(queue)) throw new TypeError(`The queue ${queue} has a worker already.`);
    for (const name of ["concurrency", "perGroup"] as const) {
      if (!(options[name] >= 1)) throw new TypeError(`work ${queue}: ${name} is ${options[name]}; it is at least 1.`);
    }
    this.#workers.set(
      queue,
      new Worker({
        ...options,
        queue,
        handler: handler as Handler<unknown>,
        db: this.#db,
        now: () => this.#clock.now(),
        log: this.#log,
        owner: this.#owner,
        onFinished: (finished) => {
          this.#finished.push(finished);
          this.#linger ??= setTimeout(() => this.#settle(), LINGER_MS);
          // Others wait behind a job with a key, and for the last of a queue nothing else would come.
          if (finished.claimed.key !== null || !this.#workers.get(queue)!.busy) this.#settleNow = true;
          this.#wake();
        },
      }),
    );
  }

  cron(name: string, expression: string, task: () => Promise<void>): void {
    this.#assertNew("cron");
    this.#tasks.push(new CronTask(name, expression, task, this.#log));
  }

  async start(): Promise<void> {
    this.#assertNew("start");
    const released = await releaseAll(this.#db);
    if (released > 0) this.#log.warn({ released }, "jobs of a process that did not stop in order run again");
    this.#state = "started";
    this.#lastTurn = performance.now();
    for (const task of this.#tasks) task.start();
    this.#look();
  }

  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    return (this.#stopped ??= this.#stop(graceMs));
  }

  healthy(): boolean {
    return this.#state === "started" && performance.now() - this.#lastTurn < UNHEALTHY_MS;
  }

  /** Looks for due jobs at once; resolves when the loop has nothing left to do but wait. */
  async tick(): Promise<void> {
    this.#look();
    await this.#loop;
  }

  #look(): void {
    this.#lookNow = true;
    this.#settle();
  }

  #settle(): void {
    this.#settleNow = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#state === "new") return;
    this.#woken = true;
    this.#loop ??= this.#ownContext(() => this.#run());
  }

  /** A turn at a time; what happens during one is for the next, so that load makes batches by itself. */
  async #run(): Promise<void> {
    while (this.#woken) {
      await nextTurn();
      this.#woken = false;
      try {
        await this.#turn();
        this.#lastTurn = performance.now();
        this.#setTimer();
      } catch (error) {
        this.#log.error({ error }, "the job store is in trouble; trying again");
        this.#startTimer(STORE_TROUBLE_MS);
      }
    }
    this.#loop = undefined;
  }

  /** Claims first: what runs then goes on while the commit waits for the disk. */
  async #turn(): Promise<void> {
    if (this.#state === "started" && this.#finished.length < MOST_UNSETTLED) await this.#claim();
    if (this.#isSettlingDue()) await this.#commit();
    if (this.#state !== "started") return;
    for (const worker of this.#workers.values()) if (worker.wantsWork) this.#woken = true;
  }

  async #claim(): Promise<void> {
    const lookNow = this.#lookNow;
    this.#lookNow = false;
    for (const worker of this.#workers.values()) {
      if (lookNow || worker.nextLook <= this.#clock.now()) await worker.look();
      if (worker.wantsWork) await worker.claim();
    }
  }

  #isSettlingDue(): boolean {
    return this.#settleNow || this.#state === "stopping" || this.#finished.length >= FULL_BATCH;
  }

  async #commit(): Promise<void> {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    this.#settleNow = false;
    const batch = this.#finished.slice(0, BATCH);
    if (batch.length === 0) return;
    const moved = await commitOutcomes(this.#db, batch, ({ claimed }, error) => ({
      claimed,
      outcome: this.#workers.get(claimed.job.queue)!.retry(claimed, error),
    }));
    this.#finished = this.#finished.slice(batch.length);
    if (this.#finished.length > 0) this.#settle();
    for (const { queue, group, runAt } of moved) this.#workers.get(queue)?.expect(group, runAt);
    this.#onSettled?.();
  }

  #setTimer(): void {
    if (this.#state !== "started") return;
    const at = Math.min(...[...this.#workers.values()].map((worker) => worker.nextLook));
    if (at === this.#timerAt && this.#timer) return;
    this.#timerAt = at;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (at < Infinity) this.#startTimer(Math.max(at - this.#clock.now(), TIMER_STEP_MS));
  }

  #startTimer(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#wake();
      },
      Math.min(delay, LONGEST_TIMER_MS),
    ).unref();
  }

  async #stop(graceMs: number): Promise<void> {
    this.#state = "stopping";
    this.#settle();
    const upkeep = Promise.all(this.#tasks.map((task) => task.stop()));
    await this.#loop; // A claim under way starts its jobs first.
    const workers = [...this.#workers.values()];
    await within(graceMs, Promise.all([upkeep, this.#idle()]));
    for (const worker of workers) {
      worker.abort(new HooklineError("stopped", "The runtime is stopping; the job runs again after the next start."));
    }
    await within(ABORT_MS, this.#idle());
    clearTimeout(this.#timer);
    clearTimeout(this.#linger);
    this.#finished = [];
    const unfinished = workers.flatMap((worker) => worker.abandon());
    if (unfinished.length === 0) return;
    try {
      await releaseJobs(this.#db, unfinished);
    } catch (error) {
      this.#log.warn(
        { error, unfinished: unfinished.length },
        "unfinished jobs are given back at the next start instead",
      );
    }
  }

  /** Resolves when every handler has returned and every outcome is committed. */
  async #idle(): Promise<void> {
    const busy = (): boolean => this.#finished.length > 0 || [...this.#workers.values()].some((worker) => worker.busy);
    if (!busy()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = () => {
      if (!busy()) resolve();
    };
    await promise;
  }

  #assertNew(what: string): void {
    if (this.#state !== "new")
      throw new TypeError(`${what} was called on an engine that has been started or stopped already.`);
  }
}
