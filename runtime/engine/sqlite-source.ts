import type { JsonObject } from "../core/json.ts";
import type { Database, SqlValue, Tx } from "../store/database.ts";
import { SUSPECT_AFTER, type Queue } from "./engine.ts";
import { Rotation } from "./rotation.ts";
import type { Claim, Source } from "./table.ts";

/**
 * `run_at` of a job held back by an earlier one of its key; `again_at` then says when it wants to run.
 * So a job that may not run is never found among the due ones, however many of them there are.
 */
export const HELD = Number.MAX_SAFE_INTEGER;
/** The indexes by which jobs are found are partial, each for one of these. */
export const NOT_SUSPECT = `interruptions < ${SUSPECT_AFTER}`;
const SUSPECT = `interruptions >= ${SUSPECT_AFTER}`;

/** Groups asked per claim: a bound on how long it holds up others. */
const MOST_VISITS = 256;

export interface JobRow {
  id: number;
  queue: Queue;
  grp: string;
  key: string | null;
  unique_name: string | null;
  run_at: number;
  attempt: number;
  interrupted: number;
  interruptions: number;
  data: string;
}

async function claimJobs(tx: Tx, owner: string, which: string, params: readonly SqlValue[]): Promise<Claim[]> {
  const rows = await tx.all<JobRow>(
    `update jobs set claimed_by = ? where id in (select id from jobs where ${which})
     returning id, queue, grp, key, run_at, attempt, interrupted, interruptions, data`,
    [owner, ...params],
  );
  if (rows.length > 1) rows.sort((a, b) => a.run_at - b.run_at || a.id - b.id);
  return rows.map(({ id, queue, grp, key, attempt, interrupted, interruptions, data }) => ({
    job: {
      id,
      queue,
      group: grp,
      data: JSON.parse(data) as JsonObject,
      attempt,
      interrupted: interrupted === 1,
      interruptions,
    },
    key,
    closed: false,
  }));
}

/** A statement that gives when to look again, and its parameters. */
type Question = readonly [statement: string, ...params: SqlValue[]];

/** Finds when each of these sources has to look again: one statement for all. */
export async function lookAhead(db: Database, sources: readonly (SqliteSource | SuspectSource)[]): Promise<void> {
  const questions = sources.map((source) => source.next());
  // Before the answer: an enqueue may lower it while that is on its way.
  for (const source of sources) source.nextLook = Infinity;
  const asked = questions.map(([statement], i) => `(${statement}) as s${i}`).join(", ");
  const answers = await db.get<Record<string, number | null>>(
    `select ${asked}`,
    questions.flatMap(([, ...params]) => params),
  );
  for (const [i, source] of sources.entries()) {
    source.nextLook = Math.min(source.nextLook, answers?.[`s${i}`] ?? Infinity);
  }
}

export interface SqliteSourceOptions {
  db: Database;
  owner: string;
  queue: Queue;
  perGroup: number;
}

/** The jobs of one queue, group by group in turn: only groups that may have due jobs are asked for them. */
export class SqliteSource implements Source {
  readonly #o: SqliteSourceOptions;
  readonly #rotation: Rotation;
  /** Groups with a job due up to here have been offered. */
  #seenUntil = -1;
  nextLook = -1;

  constructor(options: SqliteSourceOptions) {
    this.#o = options;
    this.#rotation = new Rotation(options.perGroup);
  }

  get ready(): boolean {
    return this.#rotation.size > 0;
  }

  /** A job of this group is, or will be, due at that time. */
  expect(group: string, runAt: number, now: number): void {
    if (runAt <= now) this.#rotation.offer(group);
    else this.nextLook = Math.min(this.nextLook, runAt);
  }

  move(milliseconds: number): void {
    this.#seenUntil += milliseconds;
    this.nextLook = -1;
  }

  /** Offers the groups whose jobs have come due since the last look: one range of an index, however many jobs wait. */
  async look(now: number): Promise<void> {
    const { db, queue } = this.#o;
    const groups = await db.all<{ grp: string }>(
      `select distinct grp from jobs where queue = ? and run_at > ? and run_at <= ? and ${NOT_SUSPECT}`,
      [queue, this.#seenUntil, now],
    );
    for (const { grp } of groups) this.#rotation.offer(grp);
    this.#seenUntil = now;
    await lookAhead(db, [this]);
  }

  next(): Question {
    const first = `select min(run_at) from jobs where queue = ? and run_at > ? and run_at < ${HELD} and ${NOT_SUSPECT}`;
    return [first, this.#o.queue, this.#seenUntil];
  }

  async claim(free: number, now: number): Promise<Claim[]> {
    const batch: Claim[] = [];
    const asked = new Set<string>();
    try {
      // A job whose claim a power cut undid is claimed again.
      await this.#o.db.relaxed((tx) => this.#claim(tx, free, now, batch, asked));
    } catch (error) {
      for (const claim of batch) this.give(claim);
      for (const group of asked) this.#rotation.offer(group);
      throw error;
    }
    return batch;
  }

  /** In rounds: each group that waits gets an equal share of the free slots, and another while slots are left. */
  async #claim(tx: Tx, slots: number, now: number, batch: Claim[], asked: Set<string>): Promise<void> {
    const { owner, queue } = this.#o;
    let share = 0;
    let leftInRound = 0;
    for (let visits = 0; visits < MOST_VISITS; visits++) {
      const free = slots - batch.length;
      if (leftInRound === 0) {
        leftInRound = this.#rotation.size;
        share = Math.max(1, Math.floor(free / leftInRound));
      }
      const turn = free > 0 ? this.#rotation.next() : undefined;
      if (turn === undefined) break;
      leftInRound--;
      asked.add(turn.group);
      const limit = Math.min(turn.free, share, free);
      const claims = await claimJobs(
        tx,
        owner,
        `queue = ? and grp = ? and run_at <= ? and claimed_by is null and ${NOT_SUSPECT} order by run_at, id limit ?`,
        [queue, turn.group, now, limit],
      );
      for (const claim of claims) {
        batch.push(claim);
        this.#rotation.take(turn.group);
      }
      if (claims.length === limit) this.#rotation.offer(turn.group);
    }
  }

  give({ job }: Claim): void {
    this.#rotation.give(job.group);
  }
}

/** Jobs that may be what ended processes; there are new ones only when a process begins. */
export class SuspectSource implements Source {
  readonly #db: Database;
  readonly #owner: string;
  readonly #which: string;
  ready = false;
  nextLook = -1;

  constructor(db: Database, owner: string, queues: readonly Queue[]) {
    this.#db = db;
    this.#owner = owner;
    this.#which = `${SUSPECT} and claimed_by is null and queue in (${queues.map((queue) => `'${queue}'`).join(", ")})`;
  }

  move(): void {
    this.nextLook = -1;
  }

  async look(now: number): Promise<void> {
    await lookAhead(this.#db, [this]);
    this.ready = this.nextLook <= now;
    if (this.ready) this.nextLook = Infinity;
  }

  next(): Question {
    return [`select min(run_at) from jobs where ${this.#which}`];
  }

  async claim(free: number, now: number): Promise<Claim[]> {
    const claims = await this.#db.relaxed((tx) =>
      claimJobs(tx, this.#owner, `${this.#which} and run_at <= ? order by run_at, id limit ?`, [now, free]),
    );
    this.ready = false;
    return claims;
  }

  /** There may be another. */
  give(): void {
    this.nextLook = -1;
  }
}
