import type { JobInsert, PgBoss } from "pg-boss";
import type { JsonObject } from "../core/json.ts";
import type { Tx } from "../store/database.ts";
import type { PostgresTx } from "../store/postgres-tx.ts";
import { CHANNEL, idOf, inside, QUEUES, SCHEMA, type Envelope } from "./distributed-boss.ts";
import type { NewJob, Queue } from "./engine.ts";

/** A job on its way into a queue. */
export interface Entry {
  id: string;
  group: string;
  runAt: number;
  envelope: Envelope;
}

/**
 * Enqueues jobs in a transaction. pg-boss takes those that may run when their time comes. Three things it has no word for:
 *
 * - *a unique name that moves the waiting job, or has the running one run again*: its `singletonKey` policies refuse the
 *   second job instead. So a unique job has an id made from its name, a second insert of which does nothing, and one
 *   statement on pg-boss's job table brings forward what is there.
 * - *the order of a key*: `key_strict_fifo` orders by the beginning of the enqueuing transaction and, within one, by random
 *   ids, lets a later job overtake a first one whose time is still to come, and wants a key on every job of its queue.
 *   So only the first job of a key is in pg-boss; the others wait in `job_held`, with `job_lines` as the lock.
 * - *a job in the transaction that ends another*: `complete` keeps the row and `fail` chooses the time itself; see settle.
 */
export async function enqueueJobs(boss: PgBoss, tx: PostgresTx, jobs: readonly NewJob[], now: number): Promise<void> {
  for (const [queue, some] of Map.groupBy(jobs, (job) => job.queue)) {
    const entries = merge(queue, some, now);
    const free = entries.filter(({ envelope }) => envelope.key === null);
    const keyed = entries.filter(({ envelope }) => envelope.key !== null);
    if (free.length > 0) {
      const inserted = new Set(await insert(boss, tx, queue, free, now));
      await bringForward(
        tx,
        queue,
        free.filter(({ id }) => !inserted.has(id)),
        now,
      );
    }
    if (keyed.length > 0) await enqueueKeyed(boss, tx, queue, keyed, now);
    if (entries.some(({ runAt }) => runAt <= now)) await tx.query("select pg_notify($1, $2)", [CHANNEL, queue]);
  }
}

/** Puts jobs into a queue of pg-boss; returns the ids of those that were not in it. */
export async function insert(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  entries: readonly Entry[],
  now: number,
): Promise<string[]> {
  const rows = entries.map(({ id, group, runAt, envelope }): JobInsert => {
    const row: JobInsert = { id, data: envelope };
    if (group !== "") row.group = { id: group };
    // A span, not a time: what is due is decided by the database's clock.
    if (runAt > now) row.startAfter = (runAt - now) / 1000;
    return row;
  });
  return (await boss.insert(queue, rows, { db: inside(tx), returnId: true })) ?? [];
}

let lastPlace = 0;

/** The same unique name twice in one call is one job, with the earlier time and the data of the first. */
function merge(queue: Queue, jobs: readonly NewJob[], now: number): Entry[] {
  const entries = new Map<string, Entry>();
  for (const { unique, key = null, group = "", data, runAt = now, attempt = 0 } of jobs) {
    const id = idOf(queue, unique);
    const earlier = entries.get(id);
    if (earlier) earlier.runAt = Math.min(earlier.runAt, runAt);
    else {
      const envelope = {
        data: JSON.stringify(data),
        attempt,
        key,
        unique: unique !== undefined,
        place: ++lastPlace,
      };
      entries.set(id, { id, group, runAt, envelope });
    }
  }
  return [...entries.values()];
}

/**
 * Brings waiting jobs forward to these times, and has running ones run again; returns which there were. It writes to each,
 * also where nothing changes: who claims or ends one at this very time has to wait, or to begin anew.
 */
async function bringForward(
  tx: PostgresTx,
  queue: Queue,
  entries: readonly Entry[],
  now: number,
): Promise<Set<string>> {
  if (entries.length === 0) return new Set();
  const { rows } = await tx.query(
    `update ${SCHEMA}.job j set
       start_after = case when j.state = 'active' then j.start_after
         else least(j.start_after, ${SCHEMA}.job_now() + x.delay * interval '1 millisecond') end,
       data = case when j.state <> 'active' then j.data
         else jsonb_set(j.data, '{again}', to_jsonb(least((j.data->>'again')::bigint, x.run_at))) end
     from json_to_recordset($2::json) as x (id uuid, delay float8, run_at bigint)
     where j.name = $1 and j.id = x.id and j.state <= 'active' returning j.id::text as id`,
    [queue, times(entries, now)],
  );
  return new Set(rows.map((row: { id: string }) => row.id));
}

const times = (entries: readonly Entry[], now: number): string =>
  JSON.stringify(entries.map(({ id, runAt }) => ({ id, run_at: runAt, delay: Math.max(runAt - now, 0) })));

async function enqueueKeyed(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  entries: readonly Entry[],
  now: number,
): Promise<void> {
  const unique = entries.filter(({ envelope }) => envelope.unique);
  const there = await bringForward(tx, queue, unique, now);
  const held = await tx.query(
    `update job_held h set run_at = least(h.run_at, x.run_at)
     from json_to_recordset($2::json) as x (id uuid, run_at bigint)
     where h.queue = $1 and h.id = x.id returning h.id::text as id`,
    [queue, times(unique, now)],
  );
  for (const { id } of held.rows as { id: string }[]) there.add(id);
  const fresh = Map.groupBy(
    entries.filter(({ id }) => !there.has(id)),
    ({ envelope }) => envelope.key!,
  );
  if (fresh.size === 0) return;
  const lines = await tx.query(
    `insert into job_lines (queue, key, length)
     select $1, x.key, x.length from json_to_recordset($2::json) as x (key text, length bigint) order by x.key
     on conflict (queue, key) do update set length = job_lines.length + excluded.length returning key, length`,
    [queue, JSON.stringify([...fresh].map(([key, some]) => ({ key, length: some.length })))],
  );
  const heads: Entry[] = [];
  for (const { key, length } of lines.rows as { key: string; length: number }[]) {
    const some = fresh.get(key)!;
    if (length === some.length) heads.push(some.shift()!);
  }
  if (heads.length > 0) await insert(boss, tx, queue, heads, now);
  await tx.many(
    "insert into job_held (queue, id, key, grp, data, is_unique, run_at) values (?, ?, ?, ?, ?, ?, ?)",
    [...fresh.values()]
      .flat()
      .map(({ id, group, runAt, envelope }) => [
        queue,
        id,
        envelope.key,
        group,
        envelope.data,
        envelope.unique ? 1 : 0,
        runAt,
      ]),
  );
}

/** Every job that has not ended, of all queues and in no order: what stands in pg-boss, and what waits for its turn beside it. */
export async function waitingInQueues(
  tx: Tx,
): Promise<{ queue: string; group: string; key: string | null; data: JsonObject }[]> {
  const rows = await tx.all<{ queue: string; grp: string; key: string | null; data: string }>(
    `select name as queue, coalesce(group_id, '') as grp, data->>'key' as key, data->>'data' as data
       from ${SCHEMA}.job where ${tx.oneOf("name")} and state <= 'active'
     union all select queue, grp, key, data from job_held`,
    [JSON.stringify(QUEUES)],
  );
  return rows.map(({ queue, grp, key, data }) => ({ queue, group: grp, key, data: JSON.parse(data) as JsonObject }));
}

/** Takes the place of a key's first job, which has ended, and puts the next one into pg-boss. */
export async function advance(boss: PgBoss, tx: PostgresTx, queue: Queue, key: string, now: number): Promise<void> {
  const line = await tx.get<{ length: number }>(
    "update job_lines set length = length - 1 where queue = ? and key = ? returning length",
    [queue, key],
  );
  if (line?.length === 0) await tx.run("delete from job_lines where queue = ? and key = ?", [queue, key]);
  const next = await tx.get<{ id: string; grp: string; data: string; is_unique: number; run_at: number }>(
    `delete from job_held where queue = ? and id =
       (select id from job_held where queue = ? and key = ? order by place limit 1)
     returning id::text as id, grp, data, is_unique, run_at`,
    [queue, queue, key],
  );
  if (next === undefined) return;
  const envelope: Envelope = { data: next.data, attempt: 0, key, unique: next.is_unique === 1, place: ++lastPlace };
  await insert(boss, tx, queue, [{ id: next.id, group: next.grp, runAt: next.run_at, envelope }], now);
}
