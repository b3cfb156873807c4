import type { PgBoss } from "pg-boss";
import type { JsonObject } from "../core/json.ts";
import type { PostgresDatabase } from "../store/postgres.ts";
import type { PostgresTx } from "../store/postgres-tx.ts";
import { SUSPECT_AFTER, type Queue } from "./engine.ts";
import { ALONE, insert, inside, postgresTx, type Envelope } from "./postgres-boss.ts";
import { pauseAfter } from "./retry.ts";
import type { Claim, Source } from "./table.ts";

/** Of the locks by which processes take turns claiming from a queue: "Hklq". */
const LOCK_CLASS = 0x486b6c71;

interface ClaimRow {
  id: string;
  claim: number;
  interruptions: number;
  /** The process that had claimed it before is gone. */
  crashed: number;
}

let lastId = 0;

interface FetchOptions {
  batchSize: number;
  groupConcurrency?: number;
  minPriority?: number;
  maxPriority?: number;
}

/** Claims due jobs. Those whose process died too often wait some time, to run alone. */
async function fetch(
  boss: PgBoss,
  tx: PostgresTx,
  queue: Queue,
  now: number,
  options: FetchOptions,
): Promise<{ claims: Claim[]; fetched: number }> {
  const jobs = await boss.fetch<Envelope>(queue, { ...options, includeMetadata: true, ...inside(tx) });
  if (jobs.length === 0) return { claims: [], fetched: 0 };
  jobs.sort((a, b) => a.createdOn.getTime() - b.createdOn.getTime() || a.data.place - b.data.place);
  const { rows } = await tx.query(
    `insert into job_claims (id, queue, claim, again_at)
     select id, $2, nextval('job_claim_numbers'), again_at from unnest($1::uuid[], $3::bigint[]) as x (id, again_at) order by id
     on conflict (id) do update set claim = excluded.claim, crashed = (job_claims.claim is not null)::int,
       interruptions = job_claims.interruptions + (job_claims.claim is not null)::int
     returning id::text as id, claim, interruptions, crashed`,
    [jobs.map(({ id }) => id), queue, jobs.map(({ data }) => data.again ?? null)],
  );
  const numbers = new Map((rows as ClaimRow[]).map((row) => [row.id, row]));
  const isSuspect = ({ id }: { id: string }): boolean => {
    const { crashed, interruptions } = numbers.get(id)!;
    return crashed === 1 && interruptions >= SUSPECT_AFTER;
  };
  const { run = [], pause = [] } = Object.groupBy(jobs, (job) => (isSuspect(job) ? "pause" : "run"));
  if (pause.length > 0) {
    const ids = pause.map(({ id }) => id);
    await boss.deleteJob(queue, ids, inside(tx));
    const entries = pause.map(({ id, groupId, data }) => {
      const runAt = now + pauseAfter(numbers.get(id)!.interruptions);
      return { id, group: groupId ?? "", envelope: { ...data, runAt }, priority: ALONE };
    });
    await insert(boss, tx, queue, entries, now);
    await tx.query("update job_claims set claim = null, alone = 1 where id = any($1::uuid[])", [ids]);
  }
  const claims = run.map(({ id, retryCount, groupId, data: envelope }): Claim => {
    const { claim: number, interruptions } = numbers.get(id)!;
    const job = {
      id: ++lastId,
      queue,
      group: groupId ?? "",
      data: JSON.parse(envelope.data) as JsonObject,
      attempt: envelope.attempt,
      interrupted: retryCount > 0 || interruptions > 0,
      interruptions,
    };
    return { job, key: envelope.key, closed: false, ticket: { id, retryCount, number, envelope } };
  });
  return { claims, fetched: jobs.length };
}

/** A claim need not wait for the disk: one that a power cut undid is made again. */
const QUICKLY = "set_config('synchronous_commit', 'off', true)";

/** The jobs of one queue, over all processes. */
export class BossSource implements Source {
  readonly #boss: PgBoss;
  readonly #db: PostgresDatabase;
  readonly #queue: Queue;
  readonly #perGroup: number;
  ready = true;
  nextLook = Infinity;

  constructor(boss: PgBoss, db: PostgresDatabase, queue: Queue, perGroup: number) {
    this.#boss = boss;
    this.#db = db;
    this.#queue = queue;
    this.#perGroup = perGroup;
  }

  async look(): Promise<void> {
    this.ready = true;
    this.nextLook = Infinity;
  }

  /**
   * Processes take turns: pg-boss counts the running jobs of a group by what is committed, so two that claimed at once
   * would both fill its last slot. A batch that a group's limit cut short is followed by another, of other groups.
   */
  async claim(free: number, now: number): Promise<Claim[]> {
    this.ready = false;
    try {
      return await this.#db.transaction(async (given) => {
        const tx = postgresTx(given);
        await tx.query(`select ${QUICKLY}, pg_advisory_xact_lock($1, hashtext($2))`, [LOCK_CLASS, this.#queue]);
        const batch: Claim[] = [];
        while (batch.length < free) {
          const { claims, fetched } = await fetch(this.#boss, tx, this.#queue, now, {
            batchSize: free - batch.length,
            groupConcurrency: this.#perGroup,
            minPriority: ALONE + 1,
          });
          if (fetched === 0) break;
          batch.push(...claims);
        }
        return batch;
      }, "read committed");
    } catch (error) {
      this.ready = true;
      throw error;
    }
  }

  /** Its slot in its group is free once its outcome is committed. */
  give(): void {}
}

/** Jobs that may be what ended processes. */
export class BossSuspects implements Source {
  readonly #boss: PgBoss;
  readonly #db: PostgresDatabase;
  readonly #queues: readonly Queue[];
  #waiting: Queue[] = [];
  nextLook = -1;

  constructor(boss: PgBoss, db: PostgresDatabase, queues: readonly Queue[]) {
    this.#boss = boss;
    this.#db = db;
    this.#queues = queues;
  }

  get ready(): boolean {
    return this.#waiting.length > 0;
  }

  async look(): Promise<void> {
    const rows = await this.#db.all<{ queue: Queue }>("select distinct queue from job_claims where alone = 1");
    this.#waiting = rows.map(({ queue }) => queue).filter((queue) => this.#queues.includes(queue));
    this.nextLook = Infinity;
  }

  async claim(_free: number, now: number): Promise<Claim[]> {
    for (let queue = this.#waiting.pop(); queue !== undefined; queue = this.#waiting.pop()) {
      const of = queue;
      const { claims } = await this.#db.transaction(async (given) => {
        const tx = postgresTx(given);
        await tx.query(`select ${QUICKLY}`);
        return fetch(this.#boss, tx, of, now, { batchSize: 1, maxPriority: ALONE });
      }, "read committed");
      if (claims.length > 0) return claims;
    }
    return [];
  }

  /** There may be another. */
  give(): void {
    this.nextLook = -1;
  }
}
