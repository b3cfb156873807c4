import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { openEngine } from "../../runtime/engine/open.ts";
import type { Sql } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { describeEngine, SettableClock, type EngineWorld } from "../contract/engine.ts";
import { capturedLog } from "../fixtures/captured-log.ts";
import { contention } from "../fixtures/contention.ts";
import { WAIT_MS } from "../fixtures/limits.ts";
import { until } from "../fixtures/wait.ts";

interface EmbeddedWorld extends EngineWorld {
  clock: SettableClock;
  engine(): Promise<JobEngine>;
}

async function makeWorld(): Promise<EmbeddedWorld> {
  const folder = mkdtempSync(join(tmpdir(), "hookline-engine-"));
  const { log, logged } = capturedLog();
  const open = async () => {
    const opened = await openDatabase(`sqlite:${join(folder, "hookline.db")}`, { log });
    await migrate(opened);
    return opened;
  };
  const clock = new SettableClock();
  let db = await open();
  let engines: JobEngine[] = [];
  return {
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
      clock.advance(milliseconds);
      for (const engine of engines) await engine.tick();
    },
    async crash() {
      engines = [];
      await db.close();
      db = await open();
    },
    async close() {
      await db.close();
      rmSync(folder, { recursive: true });
    },
  };
}

describeEngine("the embedded engine", makeWorld);

describe("the embedded engine", () => {
  let world: EmbeddedWorld;
  let engine: JobEngine;
  let ran: string[];

  beforeEach(async () => {
    world = await makeWorld();
    engine = await world.engine();
    ran = [];
    engine.work(
      "deliver",
      { concurrency: 4, perGroup: 2, deadlineMs: 60_000 },
      async (job) => (ran.push(String(job.data.name)), { done: true }),
    );
  });
  afterEach(async () => {
    await engine.stop(0);
    await world.close();
  });
  const enqueue = (name: string, runAt: number) =>
    world.db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: { name }, runAt }]));

  it("minds a job that is enqueued while it looks for the next time", async () => {
    await engine.start();
    await engine.tick();
    const get = world.db.get.bind(world.db);
    world.db.get = async (...args) => {
      const answer = await get(...args);
      world.db.get = get;
      await enqueue("meanwhile", world.clock.now() + 50);
      return answer as never;
    };
    await engine.tick();
    world.clock.advance(60);
    const enqueued = performance.now();
    await until(() => ran.length > 0);
    expect(ran).toEqual(["meanwhile"]);
    expect(performance.now() - enqueued, "sooner than the heartbeat would find it").toBeLessThan(4_000 * contention());
  });

  it("divides its slots between the groups that wait", async () => {
    const running: string[] = [];
    engine.work("flow", { concurrency: 4, perGroup: 4, deadlineMs: 60_000 }, async (job, _loaded, signal) => {
      running.push(job.group);
      return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    });
    await engine.start();
    const jobs = ["a", "a", "a", "a", "b", "b"].map((group) => ({ queue: "flow" as const, group, data: {} }));
    await world.db.transaction((tx) => engine.enqueue(tx, jobs));
    await until(() => running.length === 4);
    expect(running.sort()).toEqual(["a", "a", "b", "b"]);
  });

  it("claims what it could not while the store was in trouble, once that is over", async () => {
    await engine.start();
    await engine.tick();
    const relaxed = world.db.relaxed.bind(world.db);
    world.db.relaxed = (work) =>
      relaxed(async (tx) => {
        await work(tx);
        throw new HooklineError("store_unusable", "no disk today");
      });
    await world.db.transaction((tx) => engine.enqueue(tx, [{ queue: "deliver", data: { name: "a" } }]));
    await until(() => world.logged.some((line) => line.includes("no disk today")));
    expect(ran).toEqual([]);
    world.db.relaxed = relaxed;
    await engine.tick();
    await until(() => ran.length === 1);
    expect(ran).toEqual(["a"]);
  });

  it("commits what has ended although more of its queue run on", async () => {
    engine.work("flow", { concurrency: 2, perGroup: 2, deadlineMs: 60_000 }, async ({ data }) => {
      if (data.name === "slow") await new Promise(() => {});
      return { done: true };
    });
    await engine.start();
    const jobs = ["slow", "quick"].map((name) => ({ queue: "flow" as const, data: { name } }));
    await world.db.transaction((tx) => engine.enqueue(tx, jobs));
    const left = async () => (await world.db.all<{ data: string }>("select data from jobs")).map(({ data }) => data);
    while ((await left()).length > 1) await sleep(1);
    expect(await left()).toEqual(['{"name":"slow"}']);
  });

  it("does not wait for the disk with what may be done again", async () => {
    engine.work("sync", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, async ({ data }) => ({
      done: true,
      relaxed: data.again === true,
    }));
    await engine.start();
    await engine.tick();
    const waits: boolean[] = [];
    const { transaction } = world.db;
    world.db.transaction = (work) => (waits.push(true), transaction.call(world.db, work) as never);
    for (const again of [true, false]) {
      await transaction.call(world.db, (tx) => engine.enqueue(tx, [{ queue: "sync", data: { again } }]));
      await engine.tick();
      await engine.tick();
      expect(await world.db.get("select count(*) as n from jobs")).toEqual({ n: 0 });
      expect(waits).toHaveLength(again ? 0 : 1);
    }
  });

  it("keeps what handlers came to while the store is in trouble, and commits it when that is over", async () => {
    const { page_count: pages } = (await world.db.get<{ page_count: number }>("pragma page_count"))!;
    await world.db.run("create table ballast (bytes blob)");
    engine.work("sync", { concurrency: 1, perGroup: 1, deadlineMs: 60_000 }, async () => ({
      done: true,
      commit: async (tx) => void (await tx.run("insert into ballast values (?)", [new Uint8Array(1_000_000)])),
    }));
    await engine.start();
    await world.db.get(`pragma max_page_count = ${pages + 20}`);
    await world.db.transaction((tx) => engine.enqueue(tx, [{ queue: "sync", data: {} }]));
    await until(() => world.logged.some((line) => line.includes("the disk is full")));
    expect(await world.db.get("select count(*) as n from ballast")).toEqual({ n: 0 });
    await world.db.get("pragma max_page_count = 100000");
    await engine.tick();
    expect(await world.db.get("select count(*) as n from ballast")).toEqual({ n: 1 });
    expect(await world.db.get("select count(*) as n from jobs")).toEqual({ n: 0 });
  });

  it("keeps no process alive by itself", async () => {
    const idle = spawn(process.execPath, [join(import.meta.dirname, "idle-worker.ts")], {
      stdio: "inherit",
      timeout: WAIT_MS,
    });
    expect(await once(idle, "exit")).toEqual([0, null]);
  });

  it("asks the store nothing while nothing is due", async () => {
    await engine.start();
    await engine.tick();
    let questions = 0;
    for (const method of ["all", "get", "run", "transaction"] as const) {
      const original = world.db[method].bind(world.db) as (...args: unknown[]) => Promise<never>;
      world.db[method] = (...args: unknown[]) => (questions++, original(...args));
    }
    await enqueue("far", world.clock.now() + 3_600_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(questions).toBe(1);
  });

  it("looks for what nobody has told of with one statement, however many queues there are", async () => {
    await engine.start();
    await engine.rest();
    const asked: string[] = [];
    for (const method of ["all", "get", "run", "transaction", "relaxed"] as const) {
      const original = world.db[method].bind(world.db) as (...args: unknown[]) => Promise<never>;
      Object.assign(world.db, {
        [method]: (first: unknown, ...rest: unknown[]) => (asked.push(method), original(first, ...rest)),
      });
    }
    await engine.tick();
    expect(asked).toEqual(["get"]);
  });

  it("finds and claims due jobs by index alone, so that waiting jobs cost nothing", async () => {
    const asked: string[] = [];
    const listen = <T extends Sql>(sql: T): T => {
      for (const method of ["all", "get"] as const) {
        const original = sql[method].bind(sql) as (...args: unknown[]) => Promise<never>;
        sql[method] = (text: string, ...rest: unknown[]) => (asked.push(text), original(text, ...rest));
      }
      return sql;
    };
    const relaxed = world.db.relaxed.bind(world.db);
    listen(world.db).relaxed = (work) => relaxed((tx) => work(listen(tx)));
    await enqueue("a", world.clock.now());
    await engine.start();
    await until(() => ran.length === 1);
    const steps: string[] = [];
    for (const text of new Set(asked)) {
      const parameters = Array<null>(text.split("?").length - 1).fill(null);
      const plan = await world.db.all<{ detail: string }>(`explain query plan ${text}`, parameters);
      steps.push(...plan.map((step) => step.detail));
    }
    expect(steps.filter((step) => step.includes("jobs_due"))).not.toEqual([]);
    // A `select` without a `from` "scans" one row that it makes up.
    const scans = steps.filter((step) => step.startsWith("SCAN") && step !== "SCAN CONSTANT ROW");
    expect([...scans, ...steps.filter((step) => step.includes("FOR ORDER BY"))]).toEqual([]);
  });
});
