import { AsyncLocalStorage } from "node:async_hooks";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { PgBoss } from "pg-boss";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import { PostgresDatabase } from "../store/postgres.ts";
import { postgresTx } from "./distributed-boss.ts";
import { DistributedCron } from "./distributed-cron.ts";
import { enqueueJobs } from "./distributed-enqueue.ts";
import { BossSession } from "./distributed-session.ts";
import { isHeld, release, settle, type Claim, type Finished } from "./distributed-settle.ts";
import { DistributedWorker } from "./distributed-worker.ts";
import type { Engine, Handler, Job, NewJob, Queue, WorkOptions } from "./engine.ts";
import { within } from "./within.ts";

/** How late a job may be whose time comes, or whom another process enqueued unheard. */
const LOOK_MS = 1_000;
/** Three signs of life per lease. */
const BEAT_MS = 5_000;
const UNHEALTHY_MS = 30_000;
/** Outcomes per transaction. */
const BATCH = 256;
const DEFAULT_GRACE_MS = 30_000;
/** How long aborted handlers have to say what became of their job. */
const ABORT_MS = 500;

export interface DistributedEngineOptions {
  /** A PostgreSQL store; any number of processes share it. */
  db: Database;
  clock: Clock;
  log: Log;
}

/** Throws `TypeError` for another store. */
export function createDistributedEngine(options: DistributedEngineOptions): DistributedEngine {
  return new DistributedEngine(options);
}

/**
 * The engine of many processes: pg-boss queues in the same PostgreSQL as the data.
 *
 * pg-boss keeps the jobs, hands each out once, counts the running ones of a group over all processes, notices by their
 * missing heartbeats the jobs of a process that died, and sees to its tables. The loop here is our own, as its workers know
 * no transaction that ends a whole batch together with what each job did, no retry time chosen by the handler, and no stop
 * that leaves the attempts as they are. What else it has no word for stands where it is made up for: see enqueueJobs.
 *
 * Transactions and claims go through the store's connections; three more are pg-boss's own, one of them to be woken by
 * NOTIFY. Where that connection cannot be had, due jobs are found within a second.
 */
export class DistributedEngine implements Engine {
  readonly #db: PostgresDatabase;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #workers = new Map<string, DistributedWorker>();
  readonly #tasks: DistributedCron[] = [];
  /** Runs the loop outside the context (trace, request) of whatever enqueue happened to wake it. */
  readonly #ownContext = AsyncLocalStorage.snapshot();
  readonly #session: BossSession;
  #boss: PgBoss | undefined;
  readonly #timers: NodeJS.Timeout[] = [];
  #finished: Finished[] = [];
  #state: "new" | "started" | "stopping" = "new";
  #stopped: Promise<void> | undefined;
  #loop: Promise<void> | undefined;
  #woken = false;
  #lastTurn = -Infinity;
  #onSettled: (() => void) | undefined;

  constructor({ db, clock, log }: DistributedEngineOptions) {
    if (!(db instanceof PostgresDatabase)) throw new TypeError("The distributed engine needs a PostgreSQL store.");
    this.#db = db;
    this.#clock = clock;
    this.#log = log;
    this.#session = new BossSession(db, log);
  }

  /** Makes the queues, so that enqueuing finds them; `start` and the first `enqueue` do it too. */
  async prepare(): Promise<void> {
    await this.#session.open();
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const now = this.#clock.now();
    await enqueueJobs(await this.#session.open(), postgresTx(tx), jobs, now);
    tx.afterCommit(() => {
      for (const { queue, runAt = now } of jobs) if (runAt <= now) this.#look(queue);
    });
  }

  async assertHeld(tx: Tx, job: Job): Promise<void> {
    const claim = this.#workers.get(job.queue)?.claims.find(({ job: { id } }) => id === job.id);
    if (claim !== undefined && (await isHeld(postgresTx(tx), claim))) return;
    throw new HooklineError(
      "conflict",
      `A ${job.queue} job took longer than its lease; another process goes on with it`,
    );
  }

  work<Loaded = undefined>(queue: Queue, options: WorkOptions<Loaded>, handler: Handler<Loaded>): void {
    this.#assertNew("work");
    if (this.#workers.has(queue)) throw new TypeError(`The queue ${queue} has a worker already.`);
    for (const name of ["concurrency", "perGroup"] as const) {
      if (!(options[name] >= 1)) throw new TypeError(`work ${queue}: ${name} is ${options[name]}; it is at least 1.`);
    }
    this.#workers.set(
      queue,
      new DistributedWorker({
        ...options,
        queue,
        handler: handler as Handler<unknown>,
        db: this.#db,
        now: () => this.#clock.now(),
        log: this.#log,
        onFinished: (finished) => {
          this.#finished.push(finished);
          this.#wake();
        },
      }),
    );
  }

  cron(name: string, expression: string, task: () => Promise<void>): void {
    this.#assertNew("cron");
    this.#tasks.push(new DistributedCron(name, expression, task, this.#log));
  }

  async start(): Promise<void> {
    this.#assertNew("start");
    const boss = await this.#session.open();
    this.#boss = boss;
    await Promise.all(this.#tasks.map((task) => task.start(boss)));
    await this.#session.listen((queue) => this.#look(queue));
    this.#state = "started";
    this.#lastTurn = performance.now();
    this.#every(LOOK_MS, () => this.#look());
    this.#every(BEAT_MS, () => this.#beat());
    await this.#beat();
    this.#look();
  }

  stop(graceMs: number = DEFAULT_GRACE_MS): Promise<void> {
    return (this.#stopped ??= this.#stop(graceMs));
  }

  healthy(): boolean {
    return this.#state === "started" && performance.now() - this.#lastTurn < UNHEALTHY_MS;
  }

  /** Looks for due jobs and those of processes that died at once; resolves when the loop has nothing left to do but wait. */
  async tick(): Promise<void> {
    if (this.#state !== "started") return;
    await this.#beat();
    this.#look();
    await this.#loop;
  }

  #every(milliseconds: number, work: () => void | Promise<void>): void {
    this.#timers.push(setInterval(() => this.#ownContext(work), milliseconds).unref());
  }

  /** Shows that this process lives, and has the jobs of those that do not run again. */
  async #beat(): Promise<void> {
    const boss = this.#boss!;
    try {
      for (const [queue, worker] of this.#workers) {
        const { claims } = worker;
        if (claims.length > 0) await boss.touch(queue, claims);
      }
      await boss.supervise();
    } catch (error) {
      this.#log.warn({ error }, "no sign of life could be given; jobs of this process may run again in another");
    }
  }

  #look(queue?: string): void {
    if (queue === undefined) for (const worker of this.#workers.values()) worker.wanted = true;
    else if (this.#workers.has(queue)) this.#workers.get(queue)!.wanted = true;
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
      } catch (error) {
        this.#log.error({ error }, "the job store is in trouble; trying again");
      }
    }
    this.#loop = undefined;
  }

  async #turn(): Promise<void> {
    await this.#settle();
    for (const worker of this.#workers.values()) {
      if (this.#state !== "started") return;
      if (worker.wantsWork) await worker.claim(this.#boss!);
      if (worker.wantsWork) this.#woken = true;
    }
  }

  async #settle(): Promise<void> {
    const batch = this.#finished.slice(0, BATCH);
    if (batch.length === 0) return;
    const worker = ({ job }: Claim): DistributedWorker => this.#workers.get(job.queue)!;
    const lost = await settle(
      this.#db,
      this.#boss!,
      batch,
      () => this.#clock.now(),
      ({ claim }, error) => ({ claim, outcome: worker(claim).retry(claim, error) }),
    );
    for (const { job } of lost) {
      this.#log.warn({ queue: job.queue, data: job.data }, "a job took longer than its lease; another process has it");
    }
    this.#finished = this.#finished.slice(batch.length);
    if (this.#finished.length > 0) this.#woken = true;
    for (const { claim } of batch) worker(claim).settled(claim);
    this.#onSettled?.();
  }

  async #stop(graceMs: number): Promise<void> {
    this.#state = "stopping";
    const upkeep = Promise.all(this.#tasks.map((task) => task.stop()));
    await this.#loop; // A claim under way starts its jobs first.
    const workers = [...this.#workers];
    await within(graceMs, Promise.all([upkeep, this.#idle()]));
    for (const [, worker] of workers) {
      worker.abort(new HooklineError("stopped", "The runtime is stopping; the job runs again after the next start."));
    }
    await within(ABORT_MS, this.#idle());
    this.#finished = [];
    for (const timer of this.#timers) clearInterval(timer);
    for (const [queue, worker] of workers) await this.#giveBack(queue as Queue, worker.abandon());
    await this.#session.close();
  }

  async #giveBack(queue: Queue, claims: readonly Claim[]): Promise<void> {
    if (claims.length === 0) return;
    try {
      await this.#db.transaction((tx) => release(this.#boss!, postgresTx(tx), queue, claims), "read committed");
    } catch (error) {
      this.#log.warn(
        { error, queue, unfinished: claims.length },
        "unfinished jobs run again when their lease has ended",
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
