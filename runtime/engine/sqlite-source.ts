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

const dueGroups = `select distinct grp from jobs where queue = ? and run_at > ? and run_at <= ? and ${NOT_SUSPECT}`;

/** The statement that claims certain jobs; its first parameter is the owner. */
const claimStatement = (which: string): string =>
  `update jobs set claimed_by = ? where id in (select id from jobs where ${which} order by run_at, id limit ?)
   returning id, queue, grp, key, run_at, attempt, interrupted, interruptions, data`;
const claimOfGroup = claimStatement(`queue = ? and grp = ? and run_at <= ? and claimed_by is null and ${NOT_SUSPECT}`);

async function claimJobs(tx: Tx, statement: string, params: readonly SqlValue[]): Promise<Claim[]> {
  const rows = await tx.all<JobRow>(statement, params);
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

/** Where a source has to look again, as a statement of one number, and its parameters of the moment. */
interface Asked {
  readonly question: string;
  readonly params: readonly SqlValue[];
  nextLook: number;
}

/** Finds when each of some sources has to look again: one statement for all. */
export class LookAhead {
  readonly #db: Database;
  readonly #sources: readonly Asked[];
  readonly #statement: string;

  constructor(db: Database, sources: readonly Asked[]) {
    this.#db = db;
    this.#sources = sources;
    this.#statement = `select ${sources.map(({ question }, i) => `(${question}) as s${i}`).join(", ")}`;
  }

  async ask(): Promise<void> {
    const params = this.#sources.flatMap((source) => source.params);
    // Before the answer: an enqueue may lower it while that is on its way.
    for (const source of this.#sources) source.nextLook = Infinity;
    const answers = await this.#db.get<Record<string, number | null>>(this.#statement, params);
    for (const [i, source] of this.#sources.entries()) {
      source.nextLook = Math.min(source.nextLook, answers?.[`s${i}`] ?? Infinity);
    }
  }
}

export interface SqliteSourceOptions {
  db: Database;
  owner: string;
  queue: Queue;
  perGroup: number;
}

/** The jobs of one queue, group by group in turn: only groups that may have due jobs are asked for them. */
export class SqliteSource implements Source, Asked {
  readonly question = `select min(run_at) from jobs where queue = ? and run_at > ? and run_at < ${HELD} and ${NOT_SUSPECT}`;
  readonly #o: SqliteSourceOptions;
  readonly #rotation: Rotation;
  readonly #ahead: LookAhead;
  /** Groups with a job due up to here have been offered. */
  #seenUntil = -1;
  nextLook = -1;

  constructor(options: SqliteSourceOptions) {
    this.#o = options;
    this.#rotation = new Rotation(options.perGroup);
    this.#ahead = new LookAhead(options.db, [this]);
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
    const groups = await db.all<{ grp: string }>(dueGroups, [queue, this.#seenUntil, now]);
    for (const { grp } of groups) this.#rotation.offer(grp);
    this.#seenUntil = now;
    await this.#ahead.ask();
  }

  get params(): SqlValue[] {
    return [this.#o.queue, this.#seenUntil];
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
      const claims = await claimJobs(tx, claimOfGroup, [owner, queue, turn.group, now, limit]);
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
export class SuspectSource implements Source, Asked {
  readonly question: string;
  readonly params = [];
  readonly #db: Database;
  readonly #owner: string;
  readonly #claim: string;
  readonly #ahead: LookAhead;
  ready = false;
  nextLook = -1;

  constructor(db: Database, owner: string, queues: readonly Queue[]) {
    this.#db = db;
    this.#owner = owner;
    const which = `${SUSPECT} and claimed_by is null and queue in (${queues.map((queue) => `'${queue}'`).join(", ")})`;
    this.#claim = claimStatement(`${which} and run_at <= ?`);
    this.question = `select min(run_at) from jobs where ${which}`;
    this.#ahead = new LookAhead(db, [this]);
  }

  move(): void {
    this.nextLook = -1;
  }

  async look(now: number): Promise<void> {
    await this.#ahead.ask();
    this.ready = this.nextLook <= now;
    if (this.ready) this.nextLook = Infinity;
  }

  async claim(free: number, now: number): Promise<Claim[]> {
    const claims = await this.#db.relaxed((tx) => claimJobs(tx, this.#claim, [this.#owner, now, free]));
    this.ready = false;
    return claims;
  }

  /** There may be another. */
  give(): void {
    this.nextLook = -1;
  }
}
