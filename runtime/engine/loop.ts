import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import { systemTimers, type Clock, type Timers } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import { Alarms } from "./alarms.ts";
import type { CronTask, Engine, Handler, NewJob, Outcome, Queue, WorkOptions } from "./engine.ts";
import { Outcomes } from "./outcomes.ts";
import { retryDelay } from "./retry.ts";
import type { Claim, JobTable } from "./table.ts";
import { TableClock } from "./table-clock.ts";
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
 * `new` ──start──▶ `starting` ──▶ `started` ──stop──▶ `stopping`: nothing new is claimed, and what runs has its grace ──▶ `stopped`: the rest
 * is given back.
 */
export class JobEngine implements Engine {
  readonly #db: Database;
  readonly #table: JobTable;
  readonly #clock: Clock;
  readonly #time: TableClock;
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #alarms: Alarms<"turn" | "look" | "linger" | "beat">;
  readonly #random: () => number;
  readonly #works = new Map<Queue, QueueWork>();
  readonly #upkeep: Upkeep;
  #workers: Workers | undefined;
  readonly #outcomes: Outcomes;
  /** Runs the loop outside the context (trace, request) of whatever enqueue happened to wake it. */
  readonly #ownContext = AsyncLocalStorage.snapshot();
  #state: "new" | "starting" | "started" | "stopping" | "stopped" = "new";
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #woken = false;
  #settleNow = false;
  #beatNow = false;
  #lastTurn = -Infinity;
  #onSettled: (() => void) | undefined;
  #trouble: ReturnType<NonNullable<Engine["trouble"]>>;

  constructor({ db, table, clock, log, timers = systemTimers, random = Math.random }: JobEngineOptions) {
    this.#db = db;
    this.#table = table;
    this.#clock = clock;
    this.#log = log;
    this.#timers = timers;
    this.#alarms = new Alarms(timers);
    this.#random = random;
    this.#upkeep = new Upkeep(log);
    this.work("upkeep", UPKEEP, this.#upkeep.handler());
    this.#time = new TableClock(clock, () => this.#wake());
    this.#outcomes = new Outcomes(table, this.#time, (claim, error) => this.#retry(claim, error));
  }

  /** Makes what enqueuing needs; `start` and the first `enqueue` do it too. */
  prepare(): Promise<void> {
    return this.#table.open();
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const planned = jobs.map((job) =>
      job.runAt === undefined ? job : { ...job, runAt: this.#time.planned(job.runAt) },
    );
    await this.#table.enqueue(tx, planned, this.#time.now());
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

  cron(name: string, expression: string, task: CronTask): void {
    this.#assertNew("cron");
    this.#upkeep.add(name, expression, task, () => this.#clock.now());
  }

  onDemand(name: string, task: () => Promise<number | undefined>): void {
    this.#assertNew("onDemand");
    this.#upkeep.onDemand(name, task, () => this.#clock.now());
  }

  async start(): Promise<void> {
    this.#assertNew("start");
    this.#state = "starting";
    this.#starting = this.#start().catch((error: unknown) => {
      this.#state = "new";
      throw error;
    });
    await this.#starting;
  }

  async #start(): Promise<void> {
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
      onFinished: (claim, outcome) => {
        this.#outcomes.add(claim, outcome);
        this.#onFinished(claim);
      },
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

  trouble(): ReturnType<NonNullable<Engine["trouble"]>> {
    return this.#trouble;
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

  /** The outcome of a failure nobody planned for. */
  #retry({ job }: Claim, error: unknown): Outcome {
    const delay = retryDelay(job.attempt, this.#random);
    const facts = { error, queue: job.queue, job: job.id, attempt: job.attempt, delay };
    this.#log.error(facts, "a job failed; it is tried again");
    return { runAgainAt: this.#clock.now() + delay, attempt: "count" };
  }

  #onFinished({ job, key }: Claim): void {
    // Others wait behind a job with a key, and for the last of a queue nothing else would come.
    if (key !== null || !this.#workers!.isBusy(job.queue)) this.#settleNow = true;
    else if (!this.#alarms.has("linger")) this.#alarms.set("linger", LINGER_MS, () => this.#settleSoon());
    this.#wake();
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
    if (this.#state !== "stopped") this.#alarms.set("beat", BEAT_MS, () => this.#beat());
  }

  #look(): void {
    this.#workers?.look();
    this.#settleSoon();
  }

  #lookAgain(): void {
    this.#look();
    if (this.#table.lookMs !== undefined) this.#alarms.set("look", this.#table.lookMs, () => this.#lookAgain());
  }

  #settleSoon(): void {
    this.#settleNow = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#state !== "started" && this.#state !== "stopping") return;
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
        this.#trouble = undefined;
        if (!this.#woken) this.#setTimer();
      } catch (error) {
        this.#log.error({ error }, "the job store is in trouble; trying again");
        this.#trouble ??= troubleOf(error, this.#clock.now());
        // Whatever it was about to do is still to be done.
        this.#workers?.look();
        this.#settleNow = true;
        this.#alarms.set("turn", STORE_TROUBLE_MS, () => this.#wake());
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
    const now = this.#time.now();
    if (this.#time.behind !== 0) await this.#move();
    else if (this.#state === "started" && this.#outcomes.size < MOST_UNSETTLED && this.#workers!.aloneFor <= 0) {
      await this.#workers!.claim(now);
    }
    if (this.#settleNow || this.#state === "stopping" || this.#outcomes.size >= FULL_BATCH) await this.#commit();
    if (this.#state === "started" && (this.#workers!.wantsWork || this.#time.behind !== 0)) this.#woken = true;
  }

  async #move(): Promise<void> {
    const milliseconds = this.#time.behind;
    await this.#table.move(milliseconds, () => this.#time.moved(milliseconds));
    this.#log.warn({ milliseconds }, "the system's clock was set; planned times moved with it");
    this.#look();
  }

  async #commit(): Promise<void> {
    this.#alarms.cancel("linger");
    this.#settleNow = false;
    if (this.#outcomes.size === 0) return;
    const { settled, lost } = await this.#outcomes.commit();
    for (const { job } of lost) {
      this.#log.warn({ queue: job.queue, data: job.data }, "a job took longer than its lease; another process has it");
    }
    for (const claim of settled) this.#workers!.held.delete(claim);
    if (this.#outcomes.size > 0) this.#settleSoon();
    this.#onSettled?.();
  }

  #setTimer(): void {
    if (this.#state !== "started") return;
    const { aloneFor, nextLook } = this.#workers!;
    const delay = aloneFor > 0 ? aloneFor : nextLook - this.#time.now();
    if (delay === Infinity) this.#alarms.cancel("turn");
    else this.#alarms.set("turn", Math.max(delay, TIMER_STEP_MS), () => this.#wake());
  }

  async #stop(graceMs: number): Promise<void> {
    await this.#starting?.catch(() => {});
    this.#state = "stopping";
    this.#settleSoon();
    await this.#loop; // A claim under way starts its jobs first.
    await within(this.#timers, graceMs, this.#idle());
    const message = "The runtime is stopping; the job runs again after the next start.";
    this.#workers?.abort(new HooklineError("stopped", message));
    await within(this.#timers, ABORT_MS, this.#idle());
    this.#state = "stopped";
    this.#outcomes.forgetAll();
    this.#alarms.cancelAll();
    this.#time.forget();
    const unfinished = this.#workers?.abandon() ?? [];
    if (unfinished.length > 0) {
      await this.#outcomes.release(unfinished).catch((error: unknown) => {
        this.#log.warn({ error, unfinished: unfinished.length }, "unfinished jobs are given back later instead");
      });
    }
    await this.#table.close();
  }

  /** Resolves when every handler has returned and every outcome is committed. */
  async #idle(): Promise<void> {
    const busy = (): boolean => this.#outcomes.size > 0 || this.#workers?.busy === true;
    if (!busy()) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onSettled = () => {
      if (!busy()) resolve();
    };
    await promise;
  }

  #assertNew(what: string): void {
    if (this.#state !== "new" || this.#stopping !== undefined)
      throw new TypeError(`${what} was called on an engine that has been started or stopped already.`);
  }
}

function troubleOf(error: unknown, at: number): ReturnType<NonNullable<Engine["trouble"]>> {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `The store cannot be written: ${reason}. Free its disk or repair it; the runtime tries again every second`;
  return { code: "store_unusable", message, at };
}
