import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { idOf } from "../../runtime/engine/postgres-boss.ts";
import type { Database } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { until } from "../fixtures/wait.ts";
import { createTestDatabase } from "../postgres.ts";

const log = createLog({ level: "silent" });
/** The migrations of the first version. */
const FIRST = migrations.slice(0, 5);

/** Jobs as the first version wrote them: one alone, three of a key, a poll that was claimed, and one for tomorrow. */
const jobs = [
  { name: "alone", queue: "deliver", key: null, unique: null, held: false, claimed: false, due: true },
  { name: "key 1", queue: "flow", key: "k", unique: null, held: false, claimed: false, due: true },
  { name: "key 2", queue: "flow", key: "k", unique: null, held: true, claimed: false, due: true },
  { name: "key 3", queue: "flow", key: "k", unique: null, held: true, claimed: false, due: true },
  { name: "poll", queue: "poll", key: null, unique: "stream:1", held: false, claimed: true, due: true },
  { name: "later", queue: "poll", key: null, unique: "stream:2", held: false, claimed: false, due: false },
] as const;
const DAY = 86_400_000;

async function writeToSqlite(db: Database, now: number): Promise<void> {
  const held = Number.MAX_SAFE_INTEGER;
  await db.many(
    `insert into jobs (queue, grp, key, unique_name, data, run_at, again_at, claimed_by, interrupted, attempt)
     values (?, 'g', ?, ?, ?, ?, ?, ?, 0, ?)`,
    jobs.map(({ name, queue, key, unique, held: isHeld, claimed, due }) => {
      const at = due ? now : now + DAY;
      return [
        queue,
        key,
        unique,
        JSON.stringify({ name }),
        isHeld ? held : at,
        isHeld ? at : null,
        claimed ? "x" : null,
        isHeld ? 0 : 2,
      ];
    }),
  );
}

async function writeToPostgres(db: Database, now: number): Promise<void> {
  const boss = await openEngine({ db, clock: new ManualClock(now), log });
  await boss.stop();
  const again = await openEngine({ db, clock: new ManualClock(now), log });
  await again.stop();
  for (const [place, { name, queue, key, unique, held, claimed, due }] of jobs.entries()) {
    const data = JSON.stringify({ name });
    const id = idOf(queue, unique ?? undefined);
    if (held) {
      const values = [queue, id, key, data, now];
      await db.run(
        "insert into job_held (queue, id, key, grp, data, is_unique, run_at) values (?, ?, ?, 'g', ?, 0, ?)",
        values,
      );
      continue;
    }
    const envelope = JSON.stringify({ data, attempt: 2, key, unique: unique !== null, place });
    await db.run(
      `insert into hookline_jobs.job (id, name, data, group_id, start_after, state, retry_count, heartbeat_seconds, heartbeat_on, retry_limit)
       values (?, ?, ?::jsonb, 'g', now() + ?::float8 * interval '1 ms', ?::hookline_jobs.job_state, ?, 15, now() - interval '1 hour', 1000)`,
      [id, queue, envelope, due ? 0 : DAY, claimed ? "active" : "created", claimed ? 1 : 0],
    );
  }
  await db.run("insert into job_lines (queue, key, length) values ('flow', 'k', 3)");
}

const stores = {
  SQLite: { create: async () => "sqlite::memory:", write: writeToSqlite },
  PostgreSQL: {
    create: async () => {
      const { url, drop } = await createTestDatabase();
      onTestFinished(drop);
      return url;
    },
    write: writeToPostgres,
  },
};

describe.each(Object.entries(stores))("a store of the first version on %s", (_name, { create, write }) => {
  it("finishes its waiting jobs after the upgrade, each once, in their order, and knows their unique names", async () => {
    const db = await openDatabase(await create(), { log });
    const clock = new ManualClock(Date.now());
    await migrate(db, log, FIRST);
    await write(db, clock.now());
    await migrate(db, log);
    const engine = await openEngine({ db, clock, log });
    onTestFinished(async () => {
      await engine.stop(0);
      await db.close();
    });
    const ran: string[] = [];
    for (const queue of ["deliver", "flow", "poll"] as const) {
      engine.work(
        queue,
        { concurrency: 4, perGroup: 4, deadlineMs: 60_000 },
        async ({ data, attempt, interrupted }) => {
          ran.push(`${String(data["name"])} ${attempt}${interrupted ? " interrupted" : ""}`);
          return { done: true };
        },
      );
    }
    await engine.start();
    await until(async () => {
      await engine.tick();
      return ran.length === 5;
    });
    expect(ran.toSorted()).toEqual(["alone 2", "key 1 2", "key 2 0", "key 3 0", "poll 2 interrupted"].toSorted());
    expect(ran.filter((name) => name.startsWith("key"))).toEqual(["key 1 2", "key 2 0", "key 3 0"]);
    const sooner = { queue: "poll" as const, group: "g", unique: "stream:2", data: { name: "again" } };
    await db.transaction((tx) => engine.enqueue(tx, [sooner]));
    await until(() => ran.length === 6);
    expect(ran[5]).toBe("later 2");
  });
});
