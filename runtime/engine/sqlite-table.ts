import { randomUUID } from "node:crypto";
import type { JsonObject } from "../core/json.ts";
import type { Database, SqlValue, Tx } from "../store/database.ts";
import { SUSPECT_AFTER, type NewJob, type Outcome, type Queue } from "./engine.ts";
import { pauseAfter } from "./retry.ts";
import { HELD, LookAhead, NOT_SUSPECT, SqliteSource, SuspectSource, type JobRow } from "./sqlite-source.ts";
import type { Claim, Finished, JobTable, Source } from "./table.ts";

/** A job that goes on: its group may have work at that time. */
interface Moved {
  queue: Queue;
  group: string;
  runAt: number;
}

/** When the job of an insert wants to run, held back or not. */
const wanted = "coalesce(excluded.again_at, excluded.run_at)";
const insert = (runAt: string, againAt: string): string => `
  insert into jobs (queue, grp, key, unique_name, data, run_at, again_at, interrupted, attempt)
  values (?, ?, ?, ?, ?, ${runAt}, ${againAt}, 0, ?)
  on conflict (queue, unique_name) where unique_name is not null do`;
/** Enqueuing what exists already only brings a time forward: of a waiting job its own, of one running or held its next. */
const insertOrHasten = (runAt: string, againAt: string): string => `${insert(runAt, againAt)} update set
    run_at = iif(claimed_by is null and run_at < ${HELD} and ${NOT_SUSPECT}, min(run_at, ${wanted}), run_at),
    again_at = iif(claimed_by is null and run_at < ${HELD}, null, min(coalesce(again_at, ${HELD}), ${wanted}))
  returning grp`;
const insertNew = `${insert("?", "null")} nothing`;
const insertFree = insertOrHasten("?", "null");
const earlierOfKey = "exists (select 1 from jobs where queue = ? and key = ?)";
const insertKeyed = insertOrHasten(`iif(${earlierOfKey}, ${HELD}, ?)`, `iif(${earlierOfKey}, ?, null)`);

/**
 * The jobs of one process, in a table of its own SQLite file. Because nobody else can hold the file, a claim needs no lease,
 * and claims found at the start are those of a process that is gone.
 */
export class SqliteJobTable implements JobTable {
  readonly #db: Database;
  /** Under which name jobs are claimed: this start of this process. */
  readonly #owner: string = randomUUID();
  readonly #now: () => number;
  readonly #sources = new Map<Queue, SqliteSource>();
  #suspects: SuspectSource | undefined;
  /** Of all sources, which are there before it is asked first. */
  #ahead: LookAhead | undefined;

  /** `now`: milliseconds since the epoch. */
  constructor(db: Database, now: () => number) {
    this.#db = db;
    this.#now = now;
  }

  async open(): Promise<void> {}
  async close(): Promise<void> {}
  async beat(): Promise<void> {}

  /** Gives back what processes that are gone had claimed, and counts it as an interruption. */
  async start(): Promise<void> {
    await this.#db.transaction(async (tx) => {
      const rows = await tx.all<{ id: number; interruptions: number; run_at: number }>(
        `update jobs set claimed_by = null, interrupted = 1, interruptions = interruptions + 1
         where claimed_by is not null returning id, interruptions, run_at`,
      );
      const suspects = rows.filter(({ interruptions }) => interruptions >= SUSPECT_AFTER);
      await tx.many(
        "update jobs set run_at = ? where id = ?",
        suspects.map(({ id, interruptions }) => [this.#now() + pauseAfter(interruptions), id]),
      );
    });
  }

  source(queue: Queue, perGroup: number): Source {
    const source = new SqliteSource({ db: this.#db, owner: this.#owner, queue, perGroup });
    this.#sources.set(queue, source);
    return source;
  }

  suspects(queues: readonly Queue[]): Source {
    return (this.#suspects = new SuspectSource(this.#db, this.#owner, queues));
  }

  lookAhead(): Promise<void> {
    const suspects = this.#suspects === undefined ? [] : [this.#suspects];
    this.#ahead ??= new LookAhead(this.#db, [...this.#sources.values(), ...suspects]);
    return this.#ahead.ask();
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[], now: number): Promise<void> {
    const moved = (await enqueueNew(tx, jobs, now)) ?? (await enqueueEach(tx, jobs, now));
    tx.afterCommit(() => this.#expect(moved, now));
  }

  /** A claim is this process's as long as it is open, and that is checked before. */
  async hold(tx: Tx, { job }: Claim, progress: boolean): Promise<void> {
    if (progress && job.interruptions > 0) await tx.run("update jobs set interruptions = 0 where id = ?", [job.id]);
  }

  transaction<T>(work: (tx: Tx) => Promise<T>, relaxed: boolean): Promise<T> {
    return relaxed ? this.#db.relaxed(work) : this.#db.transaction(work);
  }

  async held(_tx: Tx, claims: readonly Claim[]): Promise<Set<Claim>> {
    return new Set(claims);
  }

  async end(tx: Tx, finished: readonly Omit<Finished, "set">[], now: number): Promise<void> {
    const moved: Moved[] = [];
    const done: Claim[] = [];
    for (const { claim, outcome } of finished) {
      if (outcome === "released") await release(tx, claim);
      else if ("runAgainAt" in outcome)
        moved.push(await moveJob(tx, claim, outcome.runAgainAt, attemptAfter(claim, outcome)));
      else done.push(claim);
    }
    moved.push(...(await endJobs(tx, done)));
    tx.afterCommit(() => this.#expect(moved, now));
  }

  async move(milliseconds: number, onMoved: () => void): Promise<void> {
    await this.#db.transaction(async (tx) => {
      await tx.run(`update jobs set run_at = run_at + ? where run_at < ${HELD}`, [milliseconds]);
      await tx.run("update jobs set again_at = again_at + ? where again_at is not null", [milliseconds]);
      tx.afterCommit(() => {
        onMoved();
        for (const source of [...this.#sources.values(), this.#suspects]) source?.move(milliseconds);
      });
    });
  }

  #expect(moved: readonly Moved[], now: number): void {
    for (const { queue, group, runAt } of moved) this.#sources.get(queue)?.expect(group, runAt, now);
  }
}

/** Gives a job back unfinished, without counting an attempt. */
async function release(tx: Tx, { job }: Claim): Promise<void> {
  await tx.run("update jobs set claimed_by = null, interrupted = 1 where id = ?", [job.id]);
}

const rowOf = ({ queue, group = "", key, unique, data }: NewJob): SqlValue[] => [
  queue,
  group,
  key ?? null,
  unique ?? null,
  JSON.stringify(data),
];

/**
 * Enqueues jobs that have a name and no key in one go; undefined when some of them existed already, so that each is still to be
 * hastened: that changes nothing of the new ones.
 */
async function enqueueNew(tx: Tx, jobs: readonly NewJob[], now: number): Promise<Moved[] | undefined> {
  if (!jobs.every(({ key, unique }) => key === undefined && unique !== undefined)) return undefined;
  const rows = jobs.map((job) => [...rowOf(job), job.runAt ?? now, job.attempt ?? 0]);
  if ((await tx.many(insertNew, rows)) < jobs.length) return undefined;
  return jobs.map(({ queue, group = "", runAt = now }) => ({ queue, group, runAt }));
}

async function enqueueEach(tx: Tx, jobs: readonly NewJob[], now: number): Promise<Moved[]> {
  const moved: Moved[] = [];
  for (const job of jobs) {
    const { queue, key, runAt = now, attempt = 0 } = job;
    const { grp } = (await (key === undefined
      ? tx.get<{ grp: string }>(insertFree, [...rowOf(job), runAt, attempt])
      : tx.get<{ grp: string }>(insertKeyed, [...rowOf(job), queue, key, runAt, queue, key, runAt, attempt])))!;
    moved.push({ queue, group: grp, runAt }); // One that exists already keeps its group.
  }
  return moved;
}

const attemptAfter = ({ job }: Claim, { attempt }: Extract<Outcome, { runAgainAt: number }>): number =>
  ({ count: job.attempt + 1, keep: job.attempt, reset: 0 })[attempt];

/** Ends jobs, unless they were enqueued anew while they ran. Returns those that can go on because of it. */
async function endJobs(tx: Tx, claims: readonly Claim[]): Promise<Moved[]> {
  const ids = claims.map(({ job }) => job.id);
  const ended = await tx.many(
    "delete from jobs where id = ? and again_at is null",
    ids.map((id) => [id]),
  );
  const left = new Set(ended === ids.length ? [] : await idsLeft(tx, ids));
  const moved: Moved[] = [];
  for (const claim of claims) {
    const { job, key } = claim;
    if (left.has(job.id)) moved.push(await moveJob(tx, claim, HELD, 0));
    else if (key !== null) moved.push(...(await freeNext(tx, job.queue, key)));
  }
  return moved;
}

async function idsLeft(tx: Tx, ids: readonly number[]): Promise<number[]> {
  const rows = await tx.all<{ id: number }>(`select id from jobs where ${tx.oneOf("id")}`, [JSON.stringify(ids)]);
  return rows.map(({ id }) => id);
}

const moveStatement = `
  update jobs set run_at = min(?, coalesce(again_at, ${HELD})), again_at = null, claimed_by = null,
    interrupted = 0, interruptions = 0, attempt = ? where id = ? returning run_at`;

/** A job enqueued anew while it ran keeps the earlier of both times. */
async function moveJob(tx: Tx, { job }: Claim, runAt: number, attempt: number): Promise<Moved> {
  const row = await tx.get<{ run_at: number }>(moveStatement, [runAt, attempt, job.id]);
  return { queue: job.queue, group: job.group, runAt: row?.run_at ?? Infinity };
}

/** The next job of a key whose first has ended. */
async function freeNext(tx: Tx, queue: Queue, key: string): Promise<Moved[]> {
  const row = await tx.get<{ grp: string; run_at: number }>(
    `update jobs set run_at = again_at, again_at = null
     where id = (select min(id) from jobs where queue = ? and key = ?) and run_at = ${HELD}
     returning grp, run_at`,
    [queue, key],
  );
  return row === undefined ? [] : [{ queue, group: row.grp, runAt: row.run_at }];
}

/** Up to `limit` jobs after `id`, in the order they were enqueued, as one would enqueue them to go on elsewhere. */
export async function waitingJobs(db: Database, id: number, limit: number): Promise<(NewJob & { id: number })[]> {
  const rows = await db.all<JobRow & { queue: Queue }>(
    `select *, iif(run_at = ${HELD}, again_at, run_at) as run_at from jobs where id > ? order by id limit ?`,
    [id, limit],
  );
  return rows.map(({ id, queue, grp, key, unique_name, run_at, attempt, data }) => ({
    id,
    queue,
    group: grp,
    ...(key !== null && { key }),
    ...(unique_name !== null && { unique: unique_name }),
    runAt: run_at,
    attempt,
    data: JSON.parse(data) as JsonObject,
  }));
}
