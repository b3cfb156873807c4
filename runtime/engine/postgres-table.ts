import type { PgBoss } from "pg-boss";
import type { Log } from "../core/log.ts";
import type { Database, Tx } from "../store/database.ts";
import { PostgresDatabase } from "../store/postgres.ts";
import type { PostgresTx } from "../store/postgres-tx.ts";
import type { NewJob, Outcome, Queue } from "./engine.ts";
import { BossSession, insert, inside, postgresTx, type Entry } from "./postgres-boss.ts";
import { advance, enqueueJobs, waitingInQueues } from "./postgres-enqueue.ts";
import { BossSource, BossSuspects } from "./postgres-source.ts";
import type { Claim, Finished, JobTable, Source } from "./table.ts";
import { lost } from "./worker.ts";

/**
 * The jobs that many processes share: pg-boss queues in the same PostgreSQL as the data, through pg-boss's public methods.
 *
 * pg-boss keeps the jobs, hands each out once, counts the running ones of a group over all processes, notices by their
 * missing heartbeats those of a process that died, and sees to its tables. It was kept, and not replaced by tables of our own or
 * graphile-worker (whose failed jobs are overtaken by later ones of their key, and whose killed workers' jobs wait for hours),
 * because that is most of what a queue is, and what it has no word for stands in three small tables:
 *
 * - *a fence that no later claim passes, and how often a job's process died*: its `retryCount` begins anew with each insert. So
 *   `job_claims` has a row for each job at work, with a number from a sequence; whoever writes checks it in the same transaction.
 * - *a unique name that has the running job run again*: its `singletonKey` policies refuse the second job instead. So a
 *   unique job has an id made from its name, a second insert of which does nothing; then the time of the waiting one is
 *   `update`d, or the claim of the running one notes when to run again.
 * - *the order of a key*: `key_strict_fifo` orders by the beginning of the enqueuing transaction and, within one, by random
 *   ids, lets a later job overtake a first one whose time is still to come, and wants a key on every job of its queue.
 *   So only the first job of a key is in pg-boss; the others wait in `job_keyed`, with `job_lines` as the lock.
 *
 * A job that goes on is deleted and inserted again with its time, in the transaction of what it did: `complete` keeps the row,
 * and `fail` chooses the time itself.
 */
export class PostgresJobTable implements JobTable {
  /** How late a job may be whose time comes, or whom another process enqueued unheard. */
  readonly lookMs = 1_000;
  readonly #db: PostgresDatabase;
  readonly #session: BossSession;
  readonly #sources = new Map<string, BossSource>();
  #suspects: BossSuspects | undefined;
  #boss: PgBoss | undefined;

  /** @throws TypeError for another store */
  constructor(db: Database, log: Log) {
    if (!(db instanceof PostgresDatabase))
      throw new TypeError("Jobs that many processes share need a PostgreSQL store.");
    this.#db = db;
    this.#session = new BossSession(db, log);
  }

  async open(): Promise<void> {
    this.#boss = await this.#session.open();
  }

  /** Where no connection for notifications can be had, due jobs are found within a second. */
  async start(onDue: () => void): Promise<void> {
    await this.#session.listen((queue) => {
      this.#wake(queue === undefined ? [...this.#sources.keys()] : [queue]);
      onDue();
    });
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  source(queue: Queue, perGroup: number): Source {
    const source = new BossSource(this.#boss!, this.#db, queue, perGroup);
    this.#sources.set(queue, source);
    return source;
  }

  suspects(queues: readonly Queue[]): Source {
    return (this.#suspects = new BossSuspects(this.#boss!, this.#db, queues));
  }

  async lookAhead(): Promise<void> {
    for (const source of [...this.#sources.values(), this.#suspects]) if (source) source.nextLook = -1;
  }

  async enqueue(tx: Tx, jobs: readonly NewJob[], now: number): Promise<void> {
    await this.open();
    await enqueueJobs(this.#boss!, postgresTx(tx), jobs, now);
    const due = jobs.filter(({ runAt = now }) => runAt <= now);
    tx.afterCommit(() => this.#wake(due.map(({ queue }) => queue)));
  }

  async hold(tx: Tx, claim: Claim, progress: boolean): Promise<void> {
    const { rows } = await postgresTx(tx).query(
      progress
        ? "update job_claims set interruptions = 0 where id = $1 and claim = $2 returning id"
        : "select id from job_claims where id = $1 and claim = $2 for share",
      [claim.ticket!.id, claim.ticket!.number],
    );
    if (rows.length === 0) throw lost(claim);
  }

  /** Whoever changed the same rows first wins, and the other begins anew. */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    return this.#db.transaction(work, "repeatable read");
  }

  async held(tx: Tx, claims: readonly Claim[]): Promise<Set<Claim>> {
    const { rows } = await postgresTx(tx).query(
      `select c.id::text as id from job_claims c
       join unnest($1::uuid[], $2::bigint[]) as x (id, claim) on c.id = x.id and c.claim = x.claim order by c.id for update of c`,
      [claims.map(({ ticket }) => ticket!.id), claims.map(({ ticket }) => ticket!.number)],
    );
    const held = new Set(rows.map((row: { id: string }) => row.id));
    return new Set(claims.filter(({ ticket }) => held.has(ticket!.id)));
  }

  async end(tx: Tx, finished: readonly Omit<Finished, "set">[], now: number): Promise<void> {
    const queues = Map.groupBy(finished, ({ claim }) => claim.job.queue);
    for (const [queue, some] of queues) await this.#end(postgresTx(tx), queue, some, now);
    tx.afterCommit(() => this.#wake([...queues.keys()]));
  }

  async #end(tx: PostgresTx, queue: Queue, finished: readonly Omit<Finished, "set">[], now: number): Promise<void> {
    const boss = this.#boss!;
    const { released = [], ended = [] } = Object.groupBy(finished, ({ outcome }) =>
      outcome === "released" ? "released" : "ended",
    );
    if (released.length > 0) {
      const ids = released.map(({ claim }) => claim.ticket!.id);
      await tx.query("update job_claims set claim = null where id = any($1::uuid[])", [ids]);
      await boss.fail(queue, ids, null, inside(tx));
    }
    if (ended.length === 0) return;
    const ids = ended.map(({ claim }) => claim.ticket!.id);
    const { rows } = await tx.query(
      "delete from job_claims where id = any($1::uuid[]) returning id::text as id, again_at",
      [ids],
    );
    const again = new Map((rows as { id: string; again_at: number | null }[]).map((row) => [row.id, row.again_at]));
    await boss.deleteJob(queue, ids, inside(tx));
    const moved: Entry[] = [];
    for (const { claim, outcome } of ended) {
      const next = entryAfter(claim, outcome as Outcome, again.get(claim.ticket!.id) ?? Infinity);
      if (next) moved.push(next);
      else if (claim.key !== null) await advance(boss, tx, queue, claim.ticket!.id, claim.key, now);
    }
    await insert(boss, tx, queue, moved, now);
    const keyed = moved.filter(({ envelope }) => envelope.key !== null);
    await tx.many(
      "update job_keyed set run_at = ? where queue = ? and id = ?",
      keyed.map(({ id, envelope }) => [envelope.runAt, queue, id]),
    );
  }

  async beat(claims: readonly Claim[]): Promise<void> {
    const boss = this.#boss!;
    for (const [queue, some] of Map.groupBy(claims, ({ job }) => job.queue)) {
      const attempts = some.map(({ ticket }) => ({ id: ticket!.id, retryCount: ticket!.retryCount }));
      await boss.touch(queue, attempts);
    }
    await boss.supervise();
  }

  /** Every job that waits, of all queues and in no order. */
  waiting(tx: Tx): ReturnType<typeof waitingInQueues> {
    return waitingInQueues(this.#boss!, postgresTx(tx));
  }

  /** Due times are the database's. */
  async move(_milliseconds: number, onMoved: () => void): Promise<void> {
    onMoved();
  }

  #wake(queues: readonly string[]): void {
    for (const queue of queues) {
      const source = this.#sources.get(queue);
      if (source) source.ready = true;
    }
  }
}

/** A job that goes on; undefined for one that has ended, and was not asked to run again at `again`. */
function entryAfter({ job, ticket }: Claim, outcome: Outcome, again: number): Entry | undefined {
  const goesOn = "runAgainAt" in outcome;
  const runAt = goesOn ? Math.min(outcome.runAgainAt, again) : again;
  if (runAt === Infinity) return undefined;
  const attempt = goesOn ? { count: job.attempt + 1, keep: job.attempt, reset: 0 }[outcome.attempt] : 0;
  const { again: _done, ...kept } = ticket!.envelope;
  return { id: ticket!.id, group: job.group, envelope: { ...kept, attempt, runAt } };
}
