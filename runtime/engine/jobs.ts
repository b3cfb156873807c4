import type { JsonObject } from "../core/json.ts";
import type { Database, Sql, SqlValue, Tx } from "../store/database.ts";
import type { Job, NewJob, Outcome, Queue } from "./engine.ts";

/**
 * `run_at` of a job held back by an earlier one of its key; `again_at` then says when it wants to run.
 * So a job that may not run is never found among the due ones, however many of them there are.
 */
const HELD = Number.MAX_SAFE_INTEGER;

/** A job as its claim gives it: what the handler sees, and what its end needs. */
export interface Claimed {
  job: Job;
  key: string | null;
  unique: string | null;
}

/** A job that goes on: its group may have work at that time, milliseconds since the epoch. */
export interface Moved {
  queue: Queue;
  group: string;
  runAt: number;
}

/** When the job of an insert wants to run, held back or not. */
const wanted = "coalesce(excluded.again_at, excluded.run_at)";
/** Enqueuing what exists already only brings a time forward: of a waiting job its own, of one running or held its next. */
const insert = (runAt: string, againAt: string): string => `
  insert into jobs (queue, grp, key, unique_name, data, run_at, again_at, interrupted, attempt)
  values (?, ?, ?, ?, ?, ${runAt}, ${againAt}, 0, ?)
  on conflict (queue, unique_name) where unique_name is not null do update set
    run_at = iif(claimed_by is null and run_at < ${HELD}, min(run_at, ${wanted}), run_at),
    again_at = iif(claimed_by is null and run_at < ${HELD}, null, min(coalesce(again_at, ${HELD}), ${wanted}))`;
const insertFree = insert("?", "null");
const earlierOfKey = "exists (select 1 from jobs where queue = ? and key = ?)";
const insertKeyed = insert(`iif(${earlierOfKey}, ${HELD}, ?)`, `iif(${earlierOfKey}, ?, null)`);

export async function insertJobs(tx: Tx, jobs: readonly NewJob[], now: number): Promise<void> {
  const free: SqlValue[][] = [];
  const keyed: SqlValue[][] = [];
  for (const { queue, group, key = null, unique = null, data, runAt = now, attempt = 0 } of jobs) {
    const row: SqlValue[] = [queue, group ?? "", key, unique, JSON.stringify(data)];
    if (key === null) free.push([...row, runAt, attempt]);
    else keyed.push([...row, queue, key, runAt, queue, key, runAt, attempt]);
  }
  if (free.length > 0) await tx.many(insertFree, free);
  if (keyed.length > 0) await tx.many(insertKeyed, keyed);
}

interface WaitingRow extends Pick<Row, "id" | "key" | "unique_name" | "attempt" | "data"> {
  queue: Queue;
  grp: string;
  at: number;
}

/** Up to `limit` jobs after `id`, in the order they were enqueued, as one would enqueue them to go on elsewhere. */
export async function waitingJobs(sql: Sql, id: number, limit: number): Promise<(NewJob & { id: number })[]> {
  const rows = await sql.all<WaitingRow>(
    `select id, queue, grp, key, unique_name, iif(run_at = ${HELD}, again_at, run_at) as at, attempt, data
     from jobs where id > ? order by id limit ?`,
    [id, limit],
  );
  return rows.map(({ id, queue, grp, key, unique_name, at, attempt, data }) => ({
    id,
    queue,
    group: grp,
    ...(key !== null && { key }),
    ...(unique_name !== null && { unique: unique_name }),
    runAt: at,
    attempt,
    data: JSON.parse(data) as JsonObject,
  }));
}

/** Gives back what processes that are gone had claimed: their boots held this file, and only one process can. */
export async function releaseAll(db: Database): Promise<number> {
  return db.run("update jobs set claimed_by = null, interrupted = 1 where claimed_by is not null");
}

/** Gives back claimed jobs unfinished, without counting an attempt. */
export async function releaseJobs(sql: Sql, ids: readonly number[]): Promise<void> {
  await sql.run(`update jobs set claimed_by = null, interrupted = 1 where ${sql.oneOf("id")}`, [JSON.stringify(ids)]);
}

/** Groups with a job whose time came after `since` and not after `until`. */
export async function groupsDue(sql: Sql, queue: Queue, since: number, until: number): Promise<string[]> {
  const rows = await sql.all<{ grp: string }>(
    "select distinct grp from jobs where queue = ? and run_at > ? and run_at <= ?",
    [queue, since, until],
  );
  return rows.map((row) => row.grp);
}

/** When the first job after `since` is due; Infinity when there is none. */
export async function nextDue(sql: Sql, queue: Queue, since: number): Promise<number> {
  const row = await sql.get<{ at: number | null }>(
    "select min(run_at) as at from jobs where queue = ? and run_at > ? and run_at < ?",
    [queue, since, HELD],
  );
  return row!.at ?? Infinity;
}

interface Row {
  id: number;
  key: string | null;
  unique_name: string | null;
  run_at: number;
  attempt: number;
  interrupted: number;
  data: string;
}

/** Claims up to `limit` due jobs of a group, the longest due first. */
export async function claimJobs(
  tx: Tx,
  owner: string,
  queue: Queue,
  group: string,
  now: number,
  limit: number,
): Promise<Claimed[]> {
  const rows = await tx.all<Row>(
    `update jobs set claimed_by = ? where id in (
       select id from jobs where queue = ? and grp = ? and run_at <= ? and claimed_by is null
       order by run_at, id limit ?)
     returning id, key, unique_name, run_at, attempt, interrupted, data`,
    [owner, queue, group, now, limit],
  );
  if (rows.length > 1) rows.sort((a, b) => a.run_at - b.run_at || a.id - b.id);
  return rows.map((row) => ({
    job: {
      id: row.id,
      queue,
      group,
      data: JSON.parse(row.data) as JsonObject,
      attempt: row.attempt,
      interrupted: row.interrupted === 1,
    },
    key: row.key,
    unique: row.unique_name,
  }));
}

/** Commits what a job did and ends or moves it. Returns the jobs that can go on because of it. */
export async function settleJob(
  tx: Tx,
  { job, key, unique }: Claimed,
  outcome: Outcome | "released",
): Promise<Moved[]> {
  if (outcome === "released") {
    await releaseJobs(tx, [job.id]);
    return [];
  }
  await outcome.commit?.(tx);
  if ("runAgainAt" in outcome) {
    const attempt = { count: job.attempt + 1, keep: job.attempt, reset: 0 }[outcome.attempt];
    return [await moveJob(tx, job, outcome.runAgainAt, attempt)];
  }
  const ended = await tx.run("delete from jobs where id = ? and again_at is null", [job.id]);
  if (ended === 0 && unique !== null) return [await moveJob(tx, job, HELD, 0)];
  return key === null ? [] : freeNext(tx, job.queue, key);
}

/** A job enqueued anew while it ran keeps the earlier of both times. */
async function moveJob(tx: Tx, job: Job, runAt: number, attempt: number): Promise<Moved> {
  const row = await tx.get<{ run_at: number }>(
    `update jobs set run_at = min(?, coalesce(again_at, ${HELD})), again_at = null, claimed_by = null,
       interrupted = 0, attempt = ? where id = ? returning run_at`,
    [runAt, attempt, job.id],
  );
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
