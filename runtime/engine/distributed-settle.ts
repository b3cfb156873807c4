import type { PgBoss } from "pg-boss";
import { HooklineError } from "../core/errors.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import type { PostgresTx } from "../store/postgres-tx.ts";
import { inside, postgresTx, SCHEMA, type Envelope } from "./distributed-boss.ts";
import { advance, insert, type Entry } from "./distributed-enqueue.ts";
import type { Job, Outcome, Queue } from "./engine.ts";

/** A job as its claim gives it. */
export interface Claim {
  job: Job;
  /** pg-boss's own. */
  id: string;
  /** Which fetch of pg-boss's job this is. */
  retryCount: number;
  /** Grows with every claim of any job, and so is never that of another claim, whatever became of the job meanwhile. */
  number: number;
  envelope: Envelope;
}

/** A job whose handler is through with it; what becomes of it waits to be committed. */
export interface Finished {
  claim: Claim;
  /** "released" when the handler was told to give up, and did: no attempt is counted. */
  outcome: Outcome | "released";
}

/**
 * Commits the outcomes of a batch of jobs in one transaction. When one of them throws, each is done again on its own, and
 * `onFailure` says what becomes of the one that fails. Returns the jobs that this process had lost to another by then: of
 * those nothing is committed. Throws only when the store itself is in trouble: then nothing is committed at all.
 *
 * The transactions are of "repeatable read": whoever changed the same rows first wins, and the other begins anew.
 */
export async function settle(
  db: PostgresDatabase,
  boss: PgBoss,
  batch: readonly Finished[],
  now: () => number,
  onFailure: (finished: Finished, error: unknown) => Finished,
): Promise<Claim[]> {
  const all = async (tx: PostgresTx, one: (mine: readonly Finished[]) => Promise<void>): Promise<Claim[]> => {
    const lost: Claim[] = [];
    for (const some of Map.groupBy(batch, ({ claim }) => claim.job.queue).values()) {
      const mine = await stillHeld(tx, some);
      lost.push(...some.filter((finished) => !mine.has(finished)).map(({ claim }) => claim));
      await one([...mine]);
    }
    return lost;
  };
  try {
    return await db.transaction(
      (tx) => all(postgresTx(tx), (mine) => end(boss, postgresTx(tx), mine, now())),
      "repeatable read",
    );
  } catch {
    // Below it shows whose fault it was.
  }
  return db.transaction(async (given) => {
    const tx = postgresTx(given);
    return all(tx, async (mine) => {
      for (const finished of mine) {
        try {
          await tx.savepoint(() => end(boss, tx, [finished], now()));
        } catch (error) {
          if (error instanceof HooklineError && ["store_unusable", "stopped"].includes(error.code)) throw error;
          await end(boss, tx, [onFailure(finished, error)], now());
        }
      }
    });
  }, "repeatable read");
}

/** Whether a claim is still this process's; if so it stays that until the transaction ends. */
export async function isHeld(tx: PostgresTx, { id, number }: Claim): Promise<boolean> {
  const { rows } = await tx.query("select 1 from job_claims where id = $1 and claim = $2 for share", [id, number]);
  return rows.length > 0;
}

/** Numbers claims that have just been made: from now on those before them are worth nothing. */
export async function numberClaims(tx: PostgresTx, ids: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await tx.query(
    `insert into job_claims (id, claim) select id, nextval('job_claim_numbers') from unnest($1::uuid[]) as x (id) order by id
     on conflict (id) do update set claim = excluded.claim returning id::text as id, claim`,
    [ids],
  );
  return new Map(rows.map(({ id, claim }: { id: string; claim: number }) => [id, claim]));
}

/** Those whose claim is still this process's, locked. */
async function stillHeld(tx: PostgresTx, batch: readonly Finished[]): Promise<Set<Finished>> {
  const { rows } = await tx.query(
    `select c.id::text as id from job_claims c
     join unnest($1::uuid[], $2::bigint[]) as x (id, claim) on c.id = x.id and c.claim = x.claim
     order by c.id for update of c`,
    [batch.map(({ claim }) => claim.id), batch.map(({ claim }) => claim.number)],
  );
  const held = new Set(rows.map((row: { id: string }) => row.id));
  return new Set(batch.filter(({ claim }) => held.has(claim.id)));
}

/** Commits what jobs of one queue did, and ends or moves them. */
async function end(boss: PgBoss, tx: PostgresTx, batch: readonly Finished[], now: number): Promise<void> {
  const [first] = batch;
  if (first === undefined) return;
  const { queue } = first.claim.job;
  const released = batch.filter(({ outcome }) => outcome === "released");
  if (released.length > 0)
    await release(
      boss,
      tx,
      queue,
      released.map(({ claim }) => claim),
    );
  const ended = batch.filter(
    (finished): finished is Finished & { outcome: Outcome } => finished.outcome !== "released",
  );
  if (ended.length === 0) return;
  for (const { outcome } of ended) await outcome.commit?.(tx);
  await tx.query("delete from job_claims where id = any($1::uuid[])", [ended.map(({ claim }) => claim.id)]);
  // A row that has been claimed before counts as interrupted at its next claim: so a job that goes on gets a new row.
  const { rows } = await tx.query(
    `delete from ${SCHEMA}.job where name = $1 and id = any($2::uuid[]) returning id::text as id, (data->>'again')::bigint as again`,
    [queue, ended.map(({ claim }) => claim.id)],
  );
  const wanted = new Map(rows.map((row: { id: string; again: number | null }) => [row.id, row.again ?? undefined]));
  const moved: Entry[] = [];
  for (const { claim, outcome } of ended) {
    const again = wanted.get(claim.id);
    const runAt = "runAgainAt" in outcome ? Math.min(outcome.runAgainAt, again ?? Infinity) : again;
    if (runAt !== undefined) moved.push(entry(claim, runAt, attemptAfter(claim.job, outcome)));
    else if (claim.envelope.key !== null) await advance(boss, tx, queue, claim.envelope.key, now);
  }
  if (moved.length > 0) await insert(boss, tx, queue, moved, now);
}

function attemptAfter(job: Job, outcome: Outcome): number {
  if (!("runAgainAt" in outcome)) return 0;
  return { count: job.attempt + 1, keep: job.attempt, reset: 0 }[outcome.attempt];
}

function entry({ id, job, envelope }: Claim, runAt: number, attempt: number): Entry {
  const { again: _done, ...kept } = envelope;
  return { id, group: job.group, runAt, envelope: { ...kept, attempt } };
}

/** Gives jobs back unfinished, without counting an attempt. */
export async function release(boss: PgBoss, tx: PostgresTx, queue: Queue, claims: readonly Claim[]): Promise<void> {
  const { rows } = await tx.query(
    `delete from job_claims c using unnest($1::uuid[], $2::bigint[]) as x (id, claim)
     where c.id = x.id and c.claim = x.claim returning c.id::text as id`,
    [claims.map(({ id }) => id), claims.map(({ number }) => number)],
  );
  await boss.fail(
    queue,
    rows.map(({ id }: { id: string }) => id),
    null,
    { db: inside(tx) },
  );
}
