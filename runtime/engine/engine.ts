import type { JsonObject } from "../core/json.ts";
import type { Sql, Tx } from "../store/database.ts";

/** The kinds of work there are. */
export type Queue = "poll" | "deliver" | "flow" | "sync" | "batch" | "upkeep";

export interface NewJob {
  queue: Queue;
  data: JsonObject;
  /** When it may run, milliseconds since the epoch; default now. */
  runAt?: number;
  /** Jobs of one group share `perGroup` slots, so that a slow one leaves the others theirs: an endpoint, a connection. */
  group?: string;
  /** Jobs of one key run strictly in the order they were enqueued; a failing one holds back the later ones. */
  key?: string;
  /**
   * At most one job of a queue has this name. Enqueuing it again moves the waiting job to the earlier time;
   * while it runs, it makes the job run once more at that time. Its data stay those of the first.
   */
  unique?: string;
  /** How many counted attempts came before the first one here: of a job that has run in another store. Default 0. */
  attempt?: number;
}

/** What a claim says of a job. */
export interface JobFacts<Data extends JsonObject = JsonObject> {
  readonly id: number;
  readonly queue: Queue;
  readonly group: string;
  readonly data: Data;
  /** How many counted attempts came before this one. */
  readonly attempt: number;
  /** A process died, stopped, or lost its lease, while it ran this job before. */
  readonly interrupted: boolean;
  /** How often a process has died, or lost its lease, over this job since it last made progress. */
  readonly interruptions: number;
}

export interface Job<Data extends JsonObject = JsonObject> extends JobFacts<Data> {
  /**
   * The only way for a handler to write before its outcome. A commit is progress, which sets `interruptions` to 0, unless it
   * is a `note`: something that is said about the job itself.
   * @throws HooklineError `conflict` when the job is no longer this handler's: another process has taken it over, its deadline
   * has passed, it has come to an outcome, or the engine has stopped. Then nothing is written
   */
  transaction<T>(work: (tx: Tx) => Promise<T>, kind?: "progress" | "note"): Promise<T>;
}

/** A job interrupted this often is suspected of ending its process: it runs alone, after a pause that grows. */
export const SUSPECT_AFTER = 2;
/** A job interrupted this often is given up by handlers whose work may be: deliveries and runs. */
export const MOST_INTERRUPTIONS = 5;

/**
 * What becomes of a job. `commit` runs in the very transaction that ends or moves the job, so that what the job did and
 * the fact that it is done become durable together. It may run more than once (never committed twice): it only uses `tx`.
 */
export type Outcome = {
  commit?: (tx: Tx) => Promise<void>;
  /** A power cut may undo it, for running the job again would come to the same: it need not wait for the disk. */
  relaxed?: boolean;
} & (
  | { done: true }
  | {
      /** When to run again, milliseconds since the epoch. */
      runAgainAt: number;
      /** Whether this run counts as an attempt; the next starts at 0 with `"reset"`. */
      attempt: "count" | "keep" | "reset";
    }
);

export interface WorkOptions<Loaded> {
  /** How many run at once in this process. */
  concurrency: number;
  /** How many of one group run at once. */
  perGroup: number;
  /**
   * How long a run may take, milliseconds. Then its signal is aborted with `timeout`, and soon after the engine gives it up and
   * has the job tried again.
   */
  deadlineMs: number;
  /** Reads what a batch of just claimed jobs needs, at once; keyed by job id. */
  load?: (sql: Sql, jobs: readonly JobFacts[]) => Promise<Map<number, Loaded>>;
}

/** Does the work of a job. Everything it does can happen twice. A throw is retried later, with growing delay, and logged. */
export type Handler<Loaded> = (job: Job, loaded: Loaded | undefined, signal: AbortSignal) => Promise<Outcome>;

/** Upkeep at certain times. It may give its next time itself, milliseconds since the epoch. */
export type CronTask = () => Promise<number | void>;

/** When things happen. Jobs are durable from the transaction that enqueues them. */
export interface Engine {
  enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void>;
  /** Declares who works a queue; before `start`. */
  work<Loaded = undefined>(queue: Queue, options: WorkOptions<Loaded>, handler: Handler<Loaded>): void;
  /** Upkeep at the times of a cron expression in UTC, once over all processes and never overlapping; before `start`. */
  cron(name: string, expression: string, task: CronTask): void;
  /**
   * Upkeep that runs when its job, {@link upkeepJob}, is due, and again at the time it gives, until it gives none; once over
   * all processes, before `start`.
   */
  onDemand(name: string, task: () => Promise<number | undefined>): void;
  start(): Promise<void>;
  /** Takes nothing new, waits for what runs up to `graceMs`, then gives the rest back without counting an attempt. */
  stop(graceMs?: number): Promise<void>;
  /** False when due jobs have not been looked at for a while: the loop is stuck. */
  healthy(): boolean;
  /** What keeps this process from writing to its store, such as a full disk; undefined while nothing does. */
  trouble?(): { code: string; message: string; at: number } | undefined;
}
