import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemTimers, type Clock, type Timers } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Engine, Handler, NewJob, Outcome, Queue, WorkOptions } from "./engine.ts";
import { settle } from "./outcomes.ts";
import { retryDelay } from "./retry.ts";
import type { Claim, Finished, JobTable } from "./table.ts";
import { Upkeep, UPKEEP } from "./upkeep.ts";
import { within } from "./within.ts";
import { ABORT_MS, BATCH, type QueueWork } from "./worker.ts";
import { Workers } from "./workers.ts";

/** Three signs of life per lease; and the loop turns whatever its timers think. */
const BEAT_MS = 5_000;
const UNHEALTHY_MS = 30_000;
/** So many outcomes are committed at once; fewer wait for more, as long as more of their queue run: a flush costs as much for all. */
const FULL_BATCH = 128;
const LINGER_MS = 10;
/** With more outcomes waiting for a store in trouble, nothing new begins. */
const MOST_UNSETTLED = 2 * BATCH;
/** Timers no finer than this: jobs due close together are claimed together. */
const TIMER_STEP_MS = 20;
const STORE_TROUBLE_MS = 1_000;
const DEFAULT_GRACE_MS = 30_000;

/** What a timer is for. */
type Purpose = "turn" | "look" | "linger" | "beat";

export interface JobEngineOptions {
  db: Database;
  table: JobTable;
  clock: Clock;
  log: Log;
  /** Default: those of the system. */
  timers?: Timers;
  /** From 0 up to 1; spreads retries. */
  random?: () => number;
}

/**
 * The engine: one loop claims, runs and settles the jobs of a table. It sleeps until a job is enqueued, a handler returns, or
 * it is time to look.
 *
 * `new` ──start──▶ `started` ──stop──▶ `stopping`: nothing new is claimed, and what runs has its grace ──▶ `stopped`: the rest
 * is given back.
 */
export class JobEngine implements Engine {
  readonly #db: Database;
  readonly #table: JobTable;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #works = new Map<Queue, QueueWork>();
  readonly #upkeep: Upkeep;
  #workers: Workers | undefined;
  #finished: Finished[] = [];
  /** Runs the loop outside the context (trace, request) of whatever enqueue happened to wake it. */
  readonly #ownContext = AsyncLocalStorage.snapshot();
  #state: "new" | "started" | "stopping" | "stopped" = "new";
  #stopping: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #woken = false;
  #settleNow = false;
  #beatNow = false;
  #lastTurn = -Infinity;
  /** By how many milliseconds the clock has been set so far, and by how many the times in the table were moved with it. */
  #set = 0;
  #moved = 0;
  readonly #cancels = new Map<Purpose, () => void>();
  #onSettled: (() => void) | undefined;

  constructor({ db, table, clock, log, timers = systemTimers, random = Math.random }: JobEngineOptions) {
    this.#db = db;
    this.#table = table;
    this.#clock = clock;
    this.#log = log;
    this.#timers = timers;
    this.#random = random;
    this.#upkeep = new Upkeep(log);
    this.work(
      "upkeep",
      UPKEEP,
      this.#upkeep.handler(() => clock.now()),
    );
    clock.onSet?.((milliseconds) => {
      this.#set += milliseconds;
      this.#wake();
    });
  }

  /** Makes what enqueuing needs; `start` and the first `enqueue` do it too. */
  prepare(): Promise<void> {
    return this.#table.open();
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const planned = jobs.map((job) => (job.runAt === undefined ? job : { ...job, runAt: job.runAt - this.#behind }));
    await this.#table.enqueue(tx, planned, this.#now());
    tx.afterCommit(() => this.#wake());
  }

  work<Loaded = undefined>(queue: Queue, options: WorkOptions<Loaded>, handler: Handler<Loaded>): void {
    this.#assertNew("work");
    if (this.#works.has(queue)) throw new TypeError(`The queue ${queue} has a worker already.`);
    for (const name of ["concurrency", "perGroup", "deadlineMs"] as const) {
      if (!(options[name] >= 1)) throw new TypeError(`work ${queue}: ${name} is ${options[name]}; it is at least 1.`);
    }
    this.#works.set(queue, { ...options, handler: handler as Handler<unknown> });
  }

  cron(name: string, expression: string, task: () => Promise<void>): void {
    this.#assertNew("cron");
    this.#upkeep.add(name, expression, task);
  }

  async start(): Promise<void> {
    this.#assertNew("start");
    await this.#table.open();
    await this.#table.start(() => this.#wake());
    const upkeep = this.#upkeep.jobs(this.#clock.now());
    if (upkeep.length > 0) await this.#db.transaction((tx) => this.enqueue(tx, upkeep));
    this.#workers = new Workers(this.#works, this.#table, {
      db: this.#db,
      table: this.#table,
      timers: this.#timers,
      workOf: (queue) => this.#works.get(queue)!,
      retry: (claim, error) => this.#retry(claim, error),
      onFinished: (finished) => this.#onFinished(finished),
    });
    this.#state = "started";
    this.#lastTurn = this.#timers.monotonic();
    this.#lookAgain();
    this.#beat();
  }

  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    return (this.#stopping ??= this.#stop(graceMs));
  }

  healthy(): boolean {
    return this.#state === "started" && this.#timers.monotonic() - this.#lastTurn < UNHEALTHY_MS;
  }

  /** Looks for due jobs, and those of processes that died, at once, and rests. */
  async tick(): Promise<void> {
    if (this.#state !== "started") return;
    this.#beatNow = true;
    this.#look();
    await this.rest();
  }

  /** Resolves when the loop has nothing left to do but wait. */
  async rest(): Promise<void> {
    await this.#loop;
  }

  /** By how much the times in the table are behind a clock that was set. */
  get #behind(): number {
    return this.#set - this.#moved;
  }

  /** The time as the table has it. */
  #now(): number {
    const now = this.#clock.now(); // It may find that it was set.
    return now - this.#behind;
  }

  /** The outcome of a failure nobody planned for. */
  #retry({ job }: Claim, error: unknown): Outcome {
    const delay = retryDelay(job.attempt, this.#random);
    const facts = { error, queue: job.queue, job: job.id, attempt: job.attempt, delay };
    this.#log.error(facts, "a job failed; it is tried again");
    return { runAgainAt: this.#clock.now() + delay, attempt: "count" };
  }

  #onFinished(finished: Omit<Finished, "set">): void {
    this.#finished.push({ ...finished, set: this.#set });
    const { job, key } = finished.claim;
    // Others wait behind a job with a key, and for the last of a queue nothing else would come.
    if (key !== null || !this.#workers!.isBusy(job.queue)) this.#settleNow = true;
    else if (!this.#cancels.has("linger")) this.#after("linger", LINGER_MS, () => this.#settleSoon());
    this.#wake();
  }

  /** Callbacks of one purpose replace each other. */
  #after(what: Purpose, milliseconds: number, callback: () => void): void {
    this.#cancel(what);
    const done = (): void => {
      this.#cancels.delete(what);
      this.#ownContext(callback);
    };
    this.#cancels.set(what, this.#timers.after(milliseconds, done));
  }

  #cancel(what: Purpose): void {
    this.#cancels.get(what)?.();
    this.#cancels.delete(what);
  }

  async #showLife(): Promise<void> {
    this.#beatNow = false;
    try {
      await this.#table.beat([...this.#workers!.held]);
    } catch (error) {
      this.#log.warn({ error }, "no sign of life could be given; jobs of this process may run again in another");
    }
  }

  #beat(): void {
    this.#beatNow = true;
    this.#wake();
    if (this.#state !== "stopped") this.#after("beat", BEAT_MS, () => this.#beat());
  }

  #look(): void {
    this.#workers?.look();
    this.#settleSoon();
  }

  #lookAgain(): void {
    this.#look();
    if (this.#table.lookMs !== undefined) this.#after("look", this.#table.lookMs, () => this.#lookAgain());
  }

  #settleSoon(): void {
    this.#settleNow = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#state === "new" || this.#state === "stopped") return;
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
        this.#lastTurn = this.#timers.monotonic();
        this.#setTimer();
      } catch (error) {
        this.#log.error({ error }, "the job store is in trouble; trying again");
        this.#after("turn", STORE_TROUBLE_MS, () => this.#wake());
      }
    }
    this.#loop = undefined;
  }

  /**
   * Claims first: what runs then goes on while the commit waits for the disk. A sign of life is a turn's work too: given beside
   * a commit, it would touch the rows of jobs that the commit ends, and one of both would have to begin again.
   */
  async #turn(): Promise<void> {
    if (this.#beatNow) await this.#showLife();
    const now = this.#now();
    if (this.#behind !== 0) await this.#move();
    else if (this.#state === "started" && this.#finished.length < MOST_UNSETTLED && this.#workers!.aloneFor <= 0) {
      await this.#workers!.claim(now);
    }
    if (this.#settleNow || this.#state === "stopping" || this.#finished.length >= FULL_BATCH) await this.#commit();
    if (this.#state === "started" && (this.#workers!.wantsWork || this.#behind !== 0)) this.#woken = true;
  }

  async #move(): Promise<void> {
    const milliseconds = this.#behind;
    await this.#table.move(milliseconds, () => void (this.#moved += milliseconds));
    this.#log.warn({ milliseconds }, "the system's clock was set; planned times moved with it");
    this.#look();
  }

  async #commit(): Promise<void> {
    this.#cancel("linger");
    this.#settleNow = false;
    const batch = this.#finished.slice(0, BATCH);
    if (batch.length === 0) return;
    for (const { job } of await this.#settle(batch)) {
      this.#log.warn({ queue: job.queue, data: job.data }, "a job took longer than its lease; another process has it");
    }
    for (const { claim } of batch) this.#workers!.held.delete(claim);
    this.#finished = this.#finished.slice(batch.length);
    if (this.#finished.length > 0) this.#settleSoon();
    this.#onSettled?.();
  }

  #settle(batch: readonly Finished[]): Promise<Claim[]> {
    return settle({
      table: this.#table,
      batch,
      now: () => this.#now(),
      planned: ({ outcome, set }) =>
        typeof outcome === "object" && "runAgainAt" in outcome
          ? { ...outcome, runAgainAt: outcome.runAgainAt + this.#moved - set }
          : outcome,
      retry: ({ claim }, error) => ({ claim, outcome: this.#retry(claim, error), set: this.#set }),
    });
  }

  #setTimer(): void {
    if (this.#state !== "started") return;
    const { aloneFor, nextLook } = this.#workers!;
    const delay = aloneFor > 0 ? aloneFor : nextLook - this.#now();
    if (delay === Infinity) this.#cancel("turn");
    else this.#after("turn", Math.max(delay, TIMER_STEP_MS), () => this.#wake());
  }

  async #stop(graceMs: number): Promise<void> {
    this.#state = "stopping";
    this.#settleSoon();
    await this.#loop; // A claim under way starts its jobs first.
    await within(this.#timers, graceMs, this.#idle());
    const message = "The runtime is stopping; the job runs again after the next start.";
    this.#workers?.abort(new HooklineError("stopped", message));
    await within(this.#timers, ABORT_MS, this.#idle());
    this.#state = "stopped";
    this.#finished = [];
    for (const cancel of this.#cancels.values()) cancel();
    const unfinished = this.#workers?.abandon() ?? [];
    if (unfinished.length > 0) await this.#giveBack(unfinished);
    await this.#table.close();
  }

  async #giveBack(claims: readonly Claim[]): Promise<void> {
    try {
      await this.#settle(claims.map((claim) => ({ claim, outcome: "released", set: this.#set })));
    } catch (error) {
      this.#log.warn({ error, unfinished: claims.length }, "unfinished jobs are given back later instead");
    }
  }

  /** Resolves when every handler has returned and every outcome is committed. */
  async #idle(): Promise<void> {
    const busy = (): boolean => this.#finished.length > 0 || this.#workers?.busy === true;
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
