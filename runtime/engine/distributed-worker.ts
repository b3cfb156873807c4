import type { PgBoss } from "pg-boss";
import type { JsonObject } from "../core/json.ts";
import type { Log } from "../core/log.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import { inside, postgresTx, type Envelope } from "./distributed-boss.ts";
import { numberClaims, type Claim, type Finished } from "./distributed-settle.ts";
import type { Handler, Outcome, Queue, WorkOptions } from "./engine.ts";
import { retryDelay } from "./retry.ts";

/** Jobs per claiming transaction: a bound on how long it holds up other processes. */
const BATCH = 256;

/** Of the locks by which processes take turns claiming from a queue. */
const LOCK_CLASS = 0x486b6c71;

export interface DistributedWorkerOptions extends WorkOptions<unknown> {
  queue: Queue;
  handler: Handler<unknown>;
  db: PostgresDatabase;
  now: () => number;
  log: Log;
  onFinished: (finished: Finished) => void;
}

let lastId = 0;

/** One queue: its slots in this process, and the handlers that run. */
export class DistributedWorker {
  readonly #options: DistributedWorkerOptions;
  /** Claimed, and not settled yet. */
  readonly #claims = new Map<number, Claim>();
  readonly #running = new Map<number, AbortController>();
  /** Something happened because of which there may be a job to claim. */
  wanted = true;

  constructor(options: DistributedWorkerOptions) {
    this.#options = options;
  }

  /** Whether a handler has not returned yet. */
  get busy(): boolean {
    return this.#running.size > 0;
  }

  /** Whether a claim could find something to do. */
  get wantsWork(): boolean {
    return this.wanted && this.#claims.size < this.#options.concurrency;
  }

  /** What this process holds of the queue. */
  get claims(): Claim[] {
    return [...this.#claims.values()];
  }

  /** Claims due jobs for the free slots, and starts them. */
  async claim(boss: PgBoss): Promise<void> {
    this.wanted = false;
    let batch: Claim[];
    try {
      batch = await this.#claim(boss);
    } catch (error) {
      this.wanted = true;
      throw error;
    }
    for (const claim of batch) this.#claims.set(claim.job.id, claim);
    if (batch.length === BATCH) this.wanted = true;
    if (batch.length === 0) return;
    try {
      const jobs = batch.map(({ job }) => job);
      const loaded = await this.#options.load?.(this.#options.db, jobs);
      for (const claim of batch) void this.#run(claim, loaded?.get(claim.job.id));
    } catch (error) {
      for (const claim of batch) this.#options.onFinished({ claim, outcome: this.retry(claim, error) });
    }
  }

  /**
   * Processes take turns: pg-boss counts the running jobs of a group by what is committed, so two that claimed at once
   * would both fill its last slot. A batch that a group's limit cut short is followed by another, of other groups.
   */
  async #claim(boss: PgBoss): Promise<Claim[]> {
    const { concurrency, db, perGroup, queue } = this.#options;
    return db.transaction(async (given) => {
      const tx = postgresTx(given);
      // It does not wait for the disk either: a job whose claim a power cut undid is claimed again.
      await tx.query("select set_config('synchronous_commit', 'off', true), pg_advisory_xact_lock($1, hashtext($2))", [
        LOCK_CLASS,
        queue,
      ]);
      const free = Math.min(concurrency - this.#claims.size, BATCH);
      const batch: Claim[] = [];
      while (batch.length < free) {
        const fetched = await boss.fetch<Envelope>(queue, {
          batchSize: free - batch.length,
          groupConcurrency: perGroup,
          includeMetadata: true,
          db: inside(tx),
        });
        if (fetched.length === 0) break;
        fetched.sort((a, b) => a.createdOn.getTime() - b.createdOn.getTime() || a.data.place - b.data.place);
        const numbers = await numberClaims(
          tx,
          fetched.map(({ id }) => id),
        );
        for (const { id, retryCount, data: envelope, groupId } of fetched) {
          const job = {
            id: ++lastId,
            queue,
            group: groupId ?? "",
            data: JSON.parse(envelope.data) as JsonObject,
            attempt: envelope.attempt,
            interrupted: retryCount > 0,
          };
          batch.push({ job, id, retryCount, number: numbers.get(id)!, envelope });
        }
      }
      return batch;
    }, "read committed");
  }

  /** The outcome of a failure nobody planned for. */
  retry({ job }: Claim, error: unknown): Outcome {
    const delay = retryDelay(job.attempt);
    const { log, now } = this.#options;
    log.error({ error, queue: job.queue, attempt: job.attempt, delay }, "a job failed; it is tried again");
    return { runAgainAt: now() + delay, attempt: "count" };
  }

  /** The outcome of a job is committed, its slot free. */
  settled({ job }: Claim): void {
    this.#claims.delete(job.id);
    this.wanted = true;
  }

  /** Tells the handlers that still run to give up. */
  abort(reason: unknown): void {
    for (const controller of this.#running.values()) controller.abort(reason);
  }

  /** Listens no more to the handlers that still run, and forgets what is not settled; returns it. */
  abandon(): Claim[] {
    const left = this.claims;
    this.#running.clear();
    this.#claims.clear();
    return left;
  }

  async #run(claim: Claim, loaded: unknown): Promise<void> {
    const { id } = claim.job;
    const controller = new AbortController();
    this.#running.set(id, controller);
    let outcome: Finished["outcome"];
    try {
      outcome = await this.#options.handler(claim.job, loaded, controller.signal);
    } catch (error) {
      outcome = controller.signal.aborted ? "released" : this.retry(claim, error);
    }
    if (this.#running.delete(id)) this.#options.onFinished({ claim, outcome });
  }
}
