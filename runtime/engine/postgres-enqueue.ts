import type { PgBoss } from "pg-boss";
import type { JsonObject } from "../core/json.ts";
import type { PostgresTx } from "../store/postgres-tx.ts";
import type { NewJob, Queue } from "./engine.ts";
import { CHANNEL, idOf, insert, inside, QUEUES, startAfter, type Entry, type Envelope } from "./postgres-boss.ts";

interface NewEntry extends Entry {
  unique: boolean;
}

/** Enqueues jobs in a transaction: those without a key at once, of a key only the first. */
export async function enqueueJobs(boss: PgBoss, tx: PostgresTx, jobs: readonly NewJob[], now: number): Promise<void> {
  for (const [queue, some] of Map.groupBy(jobs, (job) => job.queue)) {
    const entries = merge(queue, some, now);
    const { free = [], keyed = [] } = Object.groupBy(entries, ({ envelope }) =>
      envelope.key === null ? "free" : "keyed",
    );
    const inserted = new Set(await insert(boss, tx, queue, free, now));
    const there = free.filter(({ id }) => !inserted.has(id));
    await bringForward(boss, tx, queue, there, now);
    if (keyed.length > 0) await enqueueKeyed(boss, tx, queue, keyed, now);
    if (entries.some(({ envelope }) => envelope.runAt <= now))
      await tx.query("select pg_notify($1, $2)", [CHANNEL, queue]);
  }
}

let lastPlace = 0;

/** The same unique name twice in one call is one job, with the earlier time and the data of the first. */
function merge(queue: Queue, jobs: readonly NewJob[], now: number): NewEntry[] {
  const entries = new Map<string, NewEntry>();
  for (const { unique, key = null, group = "", data, runAt = now, attempt = 0 } of jobs) {
    const id = idOf(queue, unique);
    const earlier = entries.get(id)?.envelope;
    if (earlier) earlier.runAt = Math.min(earlier.runAt, runAt);
    else {
      const envelope = { data: JSON.stringify(data), attempt, key, runAt, place: ++lastPlace };
      entries.set(id, { id, group, unique: unique !== undefined, envelope });
    }
  }
  return [...entries.values()];
}

/**
 * Brings waiting jobs forward to these times, and has running ones run again. It writes to each, also where nothing changes:
 * who claims or ends one at this very time has to wait, or to begin anew.
 */
async function bringForward(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  entries: readonly Entry[],
  now: number,
): Promise<void> {
  if (entries.length === 0) return;
  // What runs alone keeps its pause.
  const { rows } = await tx.query(
    `update job_claims c set again_at = case when claim is null then again_at else least(again_at, x.run_at) end
     from json_to_recordset($1::json) as x (id uuid, run_at bigint)
     where c.id = x.id and (claim is not null or alone = 1) returning c.id::text as id`,
    [times(entries)],
  );
  const settled = new Set(rows.map((row: { id: string }) => row.id));
  for (const { id, envelope } of entries) {
    if (settled.has(id)) continue;
    const [job] = await boss.findJobs<Envelope>(queue, { id, queued: true, ...inside(tx) });
    const data = job && { ...job.data, runAt: Math.min(job.data.runAt, envelope.runAt) };
    const earlier = job && data!.runAt < job.data.runAt ? { startAfter: startAfter(data!.runAt, now) } : {};
    await boss.update(queue, data, { id, ...earlier, ...inside(tx) });
  }
}

const times = (entries: readonly Entry[]): string =>
  JSON.stringify(entries.map(({ id, envelope }) => ({ id, run_at: envelope.runAt })));

/** Those of these jobs that there are already, brought forward; and whether they are held back by an earlier one. */
async function knownKeyed(tx: PostgresTx, queue: Queue, entries: readonly Entry[]): Promise<Map<string, boolean>> {
  if (entries.length === 0) return new Map();
  const { rows } = await tx.query(
    `update job_keyed k set run_at = least(k.run_at, x.run_at)
     from json_to_recordset($2::json) as x (id uuid, run_at bigint)
     where k.queue = $1 and k.id = x.id returning k.id::text as id, held`,
    [queue, times(entries)],
  );
  return new Map((rows as { id: string; held: number }[]).map(({ id, held }) => [id, held === 1]));
}

async function enqueueKeyed(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  entries: readonly NewEntry[],
  now: number,
): Promise<void> {
  const known = await knownKeyed(
    tx,
    queue,
    entries.filter(({ unique }) => unique),
  );
  const first = entries.filter(({ id }) => known.get(id) === false);
  await bringForward(boss, tx, queue, first, now);
  const fresh = Map.groupBy(
    entries.filter(({ id }) => !known.has(id)),
    ({ envelope }) => envelope.key!,
  );
  if (fresh.size === 0) return;
  const lines = await tx.query(
    `insert into job_lines (queue, key, length)
     select $1, x.key, x.length from json_to_recordset($2::json) as x (key text, length bigint) order by x.key
     on conflict (queue, key) do update set length = job_lines.length + excluded.length returning key, length`,
    [queue, JSON.stringify([...fresh].map(([key, some]) => ({ key, length: some.length })))],
  );
  const heads = new Set<NewEntry>();
  for (const { key, length } of lines.rows as { key: string; length: number }[]) {
    const some = fresh.get(key)!;
    if (length === some.length) heads.add(some[0]!);
  }
  await insert(boss, tx, queue, [...heads], now);
  await tx.many(
    "insert into job_keyed (queue, id, key, grp, data, attempt, run_at, held) values (?, ?, ?, ?, ?, ?, ?, ?)",
    [...fresh.values()]
      .flat()
      .map((entry) => [
        queue,
        entry.id,
        entry.envelope.key,
        entry.group,
        entry.envelope.data,
        entry.envelope.attempt,
        entry.envelope.runAt,
        heads.has(entry) ? 0 : 1,
      ]),
  );
}

/** Takes the place of a key's first job, which has ended, and puts the next one into pg-boss. */
export async function advance(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  ended: string,
  key: string,
  now: number,
): Promise<void> {
  const { rows } = await tx.query(
    `with gone as (delete from job_keyed where queue = $1 and id = $3),
       line as (update job_lines set length = length - 1 where queue = $1 and key = $2)
     update job_keyed set held = 0 where queue = $1 and id =
       (select id from job_keyed where queue = $1 and key = $2 and held = 1 order by place limit 1)
     returning id::text as id, grp, data, attempt, run_at`,
    [queue, key, ended],
  );
  const next = (rows as { id: string; grp: string; data: string; attempt: number; run_at: number }[])[0];
  if (next === undefined) {
    await tx.run("delete from job_lines where queue = ? and key = ? and length = 0", [queue, key]);
    return;
  }
  const { id, grp: group, data, attempt, run_at: runAt } = next;
  await insert(boss, tx, queue, [{ id, group, envelope: { data, attempt, key, runAt, place: ++lastPlace } }], now);
}

/** Every job that waits, of all queues and in no order: what stands in pg-boss, and what waits for its turn beside it. */
export async function waitingInQueues(
  boss: PgBoss,
  tx: PostgresTx,
): Promise<{ queue: string; group: string; key: string | null; data: JsonObject }[]> {
  const jobs: { queue: string; group: string; key: string | null; data: string }[] = await tx.all(
    `select queue, grp as "group", key, data from job_keyed where held = 1`,
  );
  for (const queue of QUEUES) {
    const waiting = await boss.findJobs<Envelope>(queue, { queued: true, ...inside(tx) });
    for (const { groupId, data } of waiting) jobs.push({ queue, group: groupId ?? "", key: data.key, data: data.data });
  }
  return jobs.map((job) => ({ ...job, data: JSON.parse(job.data) as JsonObject }));
}
