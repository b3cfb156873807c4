import type { Tx } from "../store/database.ts";
import type { Ticket } from "./postgres-boss.ts";
import type { JobFacts, NewJob, Outcome, Queue } from "./engine.ts";

/** A job that this process may run, until its outcome is settled or another process takes it over. */
export interface Claim {
  readonly job: JobFacts;
  /** Others wait for its end. */
  readonly key: string | null;
  /** Its handler may write no more: it has come to an outcome, or was given up. */
  closed: boolean;
  /** Where many processes share the jobs: by what they tell claims apart. */
  readonly ticket?: Ticket;
}

/** A job whose handler is through with it; what becomes of it waits to be committed. */
export interface Finished {
  claim: Claim;
  /** "released" when the handler was told to give up, and did: no attempt is counted. */
  outcome: Outcome | "released";
  /** By how many milliseconds the clock had been set when it came to this. */
  set: number;
}

/** Where the jobs of a queue come from, or those that run alone. Times are milliseconds since the epoch. */
export interface Source {
  /** Whether a claim could find something. */
  readonly ready: boolean;
  /** When to look again for jobs whose time has come. */
  readonly nextLook: number;
  /** Notices what has come due. */
  look(now: number): Promise<void>;
  /** Claims due jobs for that many slots, the longest due first. */
  claim(free: number, now: number): Promise<Claim[]>;
  /** The handler of a claimed job has returned. */
  give(claim: Claim): void;
}

/**
 * The jobs of a store: who may run what, and when. Two keep to it, and to one contract suite; the loop is the same for both.
 * A job whose process died is given to another, its interruption counted. One with {@link SUSPECT_AFTER} of them
 * comes from the source of suspects only, after a pause.
 */
export interface JobTable {
  /** How often to look whatever is expected, milliseconds: where others enqueue jobs, and nobody may say so. */
  readonly lookMs?: number;
  /** Makes what enqueuing needs; as often as one likes. */
  open(): Promise<void>;
  /** Before the first claim. Calls `onDue` when another process says that there is something to do. */
  start(onDue: () => void): Promise<void>;
  close(): Promise<void>;
  enqueue(tx: Tx, jobs: readonly NewJob[], now: number): Promise<void>;
  source(queue: Queue, perGroup: number): Source;
  /** Of these queues, those that run alone. */
  suspects(queues: readonly Queue[]): Source;
  /** Has `nextLook` of each source say when to look, also for what nobody has told of. */
  lookAhead(): Promise<void>;
  /**
   * Keeps a claim this process's until the transaction ends; `progress` sets its interruptions to 0.
   * @throws HooklineError `conflict` when another process has the job
   */
  hold(tx: Tx, claim: Claim, progress: boolean): Promise<void>;
  /** Has work done in a transaction that may end jobs; `relaxed` as in {@link Outcome}. */
  transaction<T>(work: (tx: Tx) => Promise<T>, relaxed: boolean): Promise<T>;
  /** Which of these are still this process's; they stay that until the transaction ends. */
  held(tx: Tx, claims: readonly Claim[]): Promise<Set<Claim>>;
  /** Ends, moves or gives back jobs that are held. */
  end(tx: Tx, finished: readonly Omit<Finished, "set">[], now: number): Promise<void>;
  /** Shows that this process lives, and has the jobs of those that do not run again. */
  beat(claims: readonly Claim[]): Promise<void>;
  /** The clock was set: planned times move with it, and `onMoved` is called as soon as they have. */
  move(milliseconds: number, onMoved: () => void): Promise<void>;
}
