import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Log } from "../../runtime/core/log.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import { SCHEMA } from "../../runtime/engine/postgres-boss.ts";
import type { Job, NewJob } from "../../runtime/engine/engine.ts";
import type { Database } from "../../runtime/store/database.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { describeEngine, SettableClock, type EngineWorld } from "../contract/engine.ts";
import { capturedLog } from "../fixtures/captured-log.ts";
import { contention } from "../fixtures/contention.ts";
import { until } from "../fixtures/wait.ts";
import { createTestStore, skipTime } from "../postgres.ts";

interface DistributedWorld extends EngineWorld {
  readonly clock: SettableClock;
  readonly log: Log;
  readonly url: string;
  engine(): Promise<JobEngine>;
  /** The store over connections of its own. */
  another(): Promise<Database>;
  /** Looks for the jobs of processes that died, as every process does now and then. */
  monitor(): Promise<void>;
  dropConnections(): Promise<void>;
  /** The database's own time instead of the test's. */
  letTimePass(): Promise<void>;
}

/** How long the jobs of a process that died are its own. */
const LEASE_MS = 15_000;

async function makeWorld(): Promise<DistributedWorld> {
  const database = await createTestStore();
  const { log, logged } = capturedLog();
  const open = () => openDatabase(database.url, { log });
  const clock = new SettableClock();
  let db = await open();
  let engines: JobEngine[] = [];
  const others: Database[] = [];
  return {
    log,
    url: database.url,
    async another() {
      const other = await open();
      others.push(other);
      return other;
    },
    async monitor() {
      const engine = await openEngine({ db, clock, log });
      await engine.start();
      await engine.stop();
    },
    async dropConnections() {
      await db.all(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()",
      );
    },
    async letTimePass() {
      await db.run(
        `create or replace function ${SCHEMA}.job_now() returns timestamptz language sql stable as $$ select now() $$`,
      );
    },
    get db() {
      return db;
    },
    clock,
    logged,
    async engine() {
      const engine = await openEngine({ db, clock, log });
      engines.push(engine);
      return engine;
    },
    async pass(milliseconds) {
      for (const engine of engines) await engine.tick(); // What is done is done at the time before.
      await skipTime(db, milliseconds);
      clock.advance(milliseconds);
      for (const engine of engines) await engine.tick();
    },
    async crash() {
      engines = [];
      await db.close();
      db = await open();
      clock.advance(LEASE_MS + 1);
      await skipTime(db, LEASE_MS + 1);
    },
    async close() {
      await Promise.all([db, ...others].map((each) => each.close()));
      await database.drop();
    },
  };
}

describeEngine("the distributed engine", makeWorld);

describe("several distributed engines on one store", () => {
  let world: DistributedWorld;
  let engines: JobEngine[];
  beforeEach(async () => {
    world = await makeWorld();
    engines = [];
  });
  afterEach(async () => {
    await Promise.all(engines.map((engine) => engine.stop(0)));
    await world.close();
  });

  /** Engines with connections of their own, as other processes have. */
  const startAll = async (count: number, prepare: (engine: JobEngine, nth: number) => void): Promise<void> => {
    for (let nth = 0; nth < count; nth++) {
      const engine = await openEngine({ db: await world.another(), clock: world.clock, log: world.log });
      prepare(engine, nth);
      engines.push(engine);
    }
    await Promise.all(engines.map((engine) => engine.start()));
  };
  const enqueue = (jobs: Partial<NewJob>[]): Promise<void> =>
    world.db.transaction((tx) =>
      engines[0]!.enqueue(
        tx,
        jobs.map((job) => ({ queue: "deliver", data: {}, ...job })),
      ),
    );
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

  it("run each job once, and share the work", async () => {
    const ran: string[][] = [[], []];
    await startAll(2, (engine, nth) =>
      engine.work("deliver", { concurrency: 4, perGroup: 4, deadlineMs: 60_000 }, async (job) => {
        ran[nth]!.push(String(job.data.name));
        await pause();
        return { done: true };
      }),
    );
    const names = Array.from({ length: 200 }, (_, i) => `job ${i}`);
    await enqueue(names.map((name, i) => ({ data: { name }, group: `g${i % 20}` })));
    await until(() => ran.flat().length >= 200);
    expect(ran.flat().sort()).toEqual(names.sort());
    expect(Math.min(ran[0]!.length, ran[1]!.length)).toBeGreaterThan(20);
  });

  it("keep the limit of a group and the order of a key between them", async () => {
    const now = { group: 0, keys: new Map<string, number>() };
    const most = { group: 0, key: 0 };
    const seen: Record<string, number[]> = { a: [], b: [], c: [] };
    await startAll(3, (engine) =>
      engine.work("deliver", { concurrency: 8, perGroup: 2, deadlineMs: 60_000 }, async ({ data: { key, n } }) => {
        const change = (by: number): number => {
          now.keys.set(String(key), (now.keys.get(String(key)) ?? 0) + by);
          return now.keys.get(String(key))!;
        };
        most.group = Math.max(most.group, ++now.group);
        most.key = Math.max(most.key, change(1));
        seen[String(key)]!.push(n as number);
        await pause();
        now.group--;
        change(-1);
        return { done: true };
      }),
    );
    for (let n = 0; n < 10; n++) {
      await world.db.transaction((tx) =>
        engines[n % 3]!.enqueue(
          tx,
          ["a", "b", "c"].map((key) => ({ queue: "deliver", key, group: "one", data: { key, n } })),
        ),
      );
    }
    await until(() => Object.values(seen).flat().length === 30);
    const order = Array.from({ length: 10 }, (_, n) => n);
    expect(seen).toEqual({ a: order, b: order, c: order });
    expect(most).toEqual({ group: 2, key: 1 });
  });

  it("agree on who is first of a key when they enqueue at once", async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await startAll(3, (engine) =>
      engine.work("deliver", { concurrency: 8, perGroup: 8, deadlineMs: 60_000 }, async ({ data }) => {
        most = Math.max(most, ++running);
        await pause();
        seen.push(data.n as number);
        running--;
        return { done: true };
      }),
    );
    const enqueueOne = (n: number) =>
      world.db.transaction((tx) => engines[n % 3]!.enqueue(tx, [{ queue: "deliver", key: "a", data: { n } }]));
    await Promise.all(Array.from({ length: 30 }, (_, n) => enqueueOne(n)));
    await until(() => seen.length === 30);
    expect(new Set(seen).size).toBe(30);
    expect(most).toBe(1);
    await Promise.all(engines.map((engine) => engine.stop()));
    expect(await world.db.all("select * from job_lines")).toEqual([]);
  });

  it("run a unique job once more for whoever enqueues it while it runs elsewhere", async () => {
    const gate = Promise.withResolvers<void>();
    let runs = 0;
    await startAll(2, (engine) =>
      engine.work("poll", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, async () => {
        if (++runs === 1) await gate.promise;
        return { done: true };
      }),
    );
    const poll = { queue: "poll" as const, unique: "stream:1" };
    await enqueue([poll]);
    await until(() => runs === 1);
    await Promise.all(
      engines.map((engine) => world.db.transaction((tx) => engine.enqueue(tx, [{ ...poll, data: {} }]))),
    );
    expect(runs).toBe(1);
    gate.resolve();
    await until(() => runs === 2);
    for (const engine of engines) await engine.tick();
    expect(runs).toBe(2);
  });

  it("do upkeep once each time", async () => {
    let times = 0;
    await startAll(3, (engine) => engine.cron("sweep", "* * * * * *", async () => void times++));
    for (let second = 1; second <= 3; second++) {
      await skipTime(world.db, 1_000);
      world.clock.advance(1_000);
      for (const engine of engines) await engine.tick();
      await until(() => times === second);
      for (const engine of engines) await engine.tick();
    }
    expect(times).toBe(3);
  });

  it("commit nothing of a job that another has taken over", async () => {
    await world.db.run("create table notes (text text)");
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let started = 0;
    await startAll(2, (engine) =>
      engine.work("deliver", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, async (job) => {
        const nth = started++;
        await gates[nth]!.promise;
        const text = `run ${nth + 1}${job.interrupted ? ", interrupted" : ""}`;
        await job.transaction(async (tx) => {
          await tx.run("insert into notes values (?)", [`before the end of ${text}`]);
        });
        return { done: true, commit: async (tx) => void (await tx.run("insert into notes values (?)", [text])) };
      }),
    );
    await enqueue([{}]);
    await until(() => started === 1);
    // As if the first had been away for longer than its lease: the database has seen no sign of life.
    await world.db.run(`update ${SCHEMA}.job set heartbeat_on = heartbeat_on - interval '1 hour'`);
    await skipTime(world.db, LEASE_MS);
    await world.monitor();
    await until(() => started === 2);
    gates[0]!.resolve();
    await until(() =>
      world.logged.some((line) => line.includes("a job took longer than its lease; another process has it")),
    );
    gates[1]!.resolve();
    await Promise.all(engines.map((engine) => engine.stop()));
    expect(await world.db.all("select text from notes")).toEqual([
      { text: "before the end of run 2, interrupted" },
      { text: "run 2, interrupted" },
    ]);
  });

  it("go on by themselves when the server has dropped every connection", async () => {
    const ran: string[] = [];
    await startAll(2, (engine) =>
      engine.work("deliver", { concurrency: 2, perGroup: 2, deadlineMs: 60_000 }, async (job) => {
        ran.push(String(job.data.name));
        await pause();
        return { done: true };
      }),
    );
    await enqueue(Array.from({ length: 40 }, (_, i) => ({ data: { name: `before ${i}` }, group: `g${i % 5}` })));
    await until(() => ran.length > 5);
    await world.dropConnections();
    await enqueue([{ data: { name: "after" } }]);
    await until(() => new Set(ran).size === 41);
    expect(engines.every((engine) => engine.healthy())).toBe(true);
  });

  it("take over from a process that was killed, within half a minute", async () => {
    await enqueueAlone();
    const child = spawn(process.execPath, [join(import.meta.dirname, "orphan-worker.ts"), world.url], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    const killed = performance.now();
    const jobs: Job[] = [];
    await world.letTimePass();
    await startAll(1, (engine) =>
      engine.work(
        "deliver",
        { concurrency: 1, perGroup: 1, deadlineMs: 60_000 },
        async (job) => (jobs.push(job), { done: true }),
      ),
    );
    await expect.poll(() => jobs.length).toBe(1);
    expect(jobs[0]).toMatchObject({ data: { name: "orphan" }, attempt: 0, interrupted: true });
    expect(performance.now() - killed).toBeLessThan(30_000 * contention());
  });

  const enqueueAlone = async (): Promise<void> => {
    const engine = await world.engine();
    await world.db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: { name: "orphan" } }]));
    await engine.stop();
    await world.letTimePass();
  };
});
