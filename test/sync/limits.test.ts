import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { NewJob, WorkOptions } from "../../runtime/engine/engine.ts";
import { sqlite } from "../../runtime/store/dialects.ts";
import type { Database } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import type { Snapshot } from "../../runtime/sync/access.ts";
import type { Work } from "../../runtime/sync/context.ts";
import type { SyncCore } from "../../runtime/sync/core.ts";
import { enqueueLinks } from "../../runtime/sync/jobs.ts";
import { keysOf } from "../../runtime/sync/keys.ts";
import { matchAll } from "../../runtime/sync/matching.ts";
import { insertLinks, newLink } from "../../runtime/sync/model/links.ts";
import { addCounts, newSync, nextWriteAt, syncs, type SyncRecord } from "../../runtime/sync/model/syncs.ts";
import { syncModule } from "../../runtime/sync/module.ts";
import { bySide } from "../../runtime/sync/sides.ts";
import { alike } from "../../runtime/sync/values.ts";
import { outcomeOf, workSyncs } from "../../runtime/sync/work.ts";
import { openBench, type Bench } from "./harness.ts";

const MINUTE = 60_000;

async function emptyStore(): Promise<Database> {
  const db = await openDatabase("sqlite::memory:");
  onTestFinished(() => db.close());
  await migrate(db);
  for (const migration of syncModule.tables) for (const statement of migration(sqlite)) await db.run(statement);
  return db;
}

const syncOf = (changes: Partial<SyncRecord> = {}): SyncRecord => ({
  id: "sync_1",
  user: "u_1",
  resource: "contact",
  left: "con_1",
  right: "con_2",
  direction: "both",
  conflicts: "newest",
  deletes: "propagate",
  fields: {},
  everySeconds: null,
  writesPerMinute: null,
  phase: "matching",
  status: "active",
  problem: null,
  pulled: 0,
  pushed: 0,
  conflictCount: 0,
  lastSyncAt: null,
  windowStart: 0,
  windowWrites: 0,
  createdAt: 0,
  updatedAt: 0,
  ...changes,
});

describe("the input of a sync", () => {
  const faultsOf = (more: object): string[] =>
    newSync.faults({ resource: "contact", left: "con_1", right: "con_2", ...more }).map(({ pointer }) => pointer);
  const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `f${i}`);

  it.each([
    ["/writesPerMinute", { writesPerMinute: 1 }, { writesPerMinute: 0 }],
    ["/writesPerMinute", { writesPerMinute: 100_000 }, { writesPerMinute: 100_001 }],
    ["/everySeconds", { everySeconds: 1 }, { everySeconds: 0 }],
    ["/everySeconds", { everySeconds: 31_536_000 }, { everySeconds: 31_536_001 }],
    ["/fields/include", { fields: { include: names(100) } }, { fields: { include: names(101) } }],
    ["/fields/exclude", { fields: { exclude: names(100) } }, { fields: { exclude: names(101) } }],
  ])("is refused at %s beyond its bound, and taken at it", (pointer, taken, refused) => {
    expect(faultsOf(taken)).toEqual([]);
    expect(faultsOf(refused)).toEqual([pointer]);
  });
});

describe("the writes of a minute", () => {
  it("are used up by the last one allowed, until the minute is over", () => {
    const sync = syncOf({ writesPerMinute: 3, windowStart: 1000, windowWrites: 2 });
    expect(nextWriteAt(sync, 1001)).toBe(undefined);
    const full = { ...sync, windowWrites: 3 };
    expect(nextWriteAt(full, 1000 + MINUTE - 1)).toBe(1000 + MINUTE);
    expect(nextWriteAt(full, 1000 + MINUTE)).toBe(undefined);
    expect(nextWriteAt({ ...full, writesPerMinute: null }, 1001)).toBe(undefined);
  });

  it("are counted for a minute, then from nothing", async () => {
    const db = await emptyStore();
    await syncs.insert(db, syncOf());
    const count = (now: number) =>
      db.transaction((tx) => addCounts(tx, "sync_1", { writes: ["left", "right"], conflicts: 1 }, now));
    await count(MINUTE * 10);
    await count(MINUTE * 11 - 1);
    expect(await syncs.find(db, "sync_1")).toMatchObject({ windowStart: MINUTE * 10, windowWrites: 4 });
    await count(MINUTE * 11);
    expect(await syncs.find(db, "sync_1")).toMatchObject({
      windowStart: MINUTE * 11,
      windowWrites: 2,
      pulled: 3,
      pushed: 3,
      conflictCount: 3,
      lastSyncAt: MINUTE * 11,
    });
  });
});

describe("phone numbers", () => {
  const phones = (value: string) => [{ value }];
  it("are keys from seven digits on", () => {
    expect(keysOf({ phones: phones("123456") })).toEqual([]);
    expect(keysOf({ phones: phones("1234567") })).toEqual(["phone:1234567"]);
  });

  it("are the same when their last nine digits are", () => {
    expect(alike("phones", phones("0 123456789"), phones("9 123456789"))).toBe(true);
    expect(alike("phones", phones("0 023456789"), phones("0 123456789"))).toBe(false);
  });
});

describe("links to be reconciled", () => {
  it.each([
    [499, [499]],
    [500, [500, 0]],
    [501, [500, 1]],
  ])("are enqueued in batches: %i", async (count, batches) => {
    const db = await emptyStore();
    const failed = { error: { code: "conflict", message: "no", at: 1 } };
    await db.transaction((tx) =>
      insertLinks(
        tx,
        Array.from({ length: count }, () => ({ link: { ...newLink("sync_1", 1), ...failed } })),
      ),
    );
    const sizes: number[] = [];
    const engine = { enqueue: async (_: unknown, jobs: readonly NewJob[]) => void sizes.push(jobs.length) };
    await db.transaction((tx) => enqueueLinks(tx, engine, "sync_1", "failed"));
    expect(sizes).toEqual(batches);
  });
});

describe("the first comparison", () => {
  /** A job on a sync whose left side has so many records, and whose right side takes none. */
  async function workOf(count: number): Promise<{ work: Work; transactions: () => number; db: Database }> {
    const db = await emptyStore();
    const sync = syncOf({ direction: "right-to-left" });
    await syncs.insert(db, sync);
    const all = Array.from({ length: count }, (_, i): Snapshot => ({
      id: `left${i}`,
      record: {},
      fields: {},
      keys: [`email:${i}@example.com`],
      changedAt: undefined,
    }));
    let transactions = 0;
    const sides = bySide((side) => ({ all: async () => (side === "left" ? all : []) }));
    const clock = new ManualClock("2026-01-01T00:00:00Z");
    const core = { db, clock, engine: { enqueue: async () => {} }, sync, signal: new AbortController().signal };
    const transaction: Work["transaction"] = (write) => {
      transactions++;
      return db.transaction(write);
    };
    return { work: { ...core, sides, transaction } as unknown as Work, transactions: () => transactions, db };
  }

  it.each([
    [199, 2],
    [200, 2],
    [201, 3],
  ])("links %i records in %i transactions, the last of which ends it", async (count, expected) => {
    const { work, transactions, db } = await workOf(count);
    expect(await matchAll(work, 0)).toEqual({ done: true });
    expect(transactions()).toBe(expected);
    expect(await db.get("select count(*) as n from sync_links")).toEqual({ n: count });
    expect(await syncs.find(db, "sync_1")).toMatchObject({ phase: "syncing" });
  });

  it.each([
    [4, 16_000],
    [5, 32_000],
    [6, 32_000],
  ])("waits for its streams after attempt %i for about %i ms", async (attempt, pause) => {
    const { work, db } = await workOf(0);
    await db.run(
      `insert into subscriptions (id, connection, user_id, trigger_name, stream, input, first_poll, backfill, flow, status, degraded, created_at, updated_at)
       values ('sub_1', 'con_1', 'u_1', 'contact_changed', 1, '{}', '"baseline"', 'pending', 'sync_1', 'active', 0, 0, 0)`,
    );
    const outcome = await matchAll(work, attempt);
    if (!("runAgainAt" in outcome)) throw new Error("the comparison did not wait");
    const waited = outcome.runAgainAt - work.clock.now();
    expect(waited).toBeGreaterThanOrEqual(pause * 0.8);
    expect(waited).toBeLessThanOrEqual(pause * 1.2);
    expect(outcome.attempt).toBe("count");
  });
});

describe("the engine", () => {
  it("works on 16 syncs at once, and on one link of each", () => {
    const declared: [string, Pick<WorkOptions<unknown>, "concurrency" | "perGroup">][] = [];
    const engine = { work: (queue: string, options: WorkOptions<unknown>) => void declared.push([queue, options]) };
    workSyncs({ engine } as unknown as SyncCore);
    expect(declared).toMatchObject([["sync", { concurrency: 16, perGroup: 1 }]]);
  });
});

describe("waiting", () => {
  const mail = [{ value: "ada@example.com" }];
  /** Reads both sides, so that a write is due. */
  const read = async (bench: Bench, sync: string): Promise<void> => {
    bench.clock.advance(1000);
    await bench.runtime.syncs.run(sync);
    await bench.settle();
  };
  const posts = (bench: Bench): number => bench.right.writes.filter((write) => write.startsWith("POST")).length;

  it.each(["rate_limited", "quota_exceeded"] as const)(
    "for a vendor's limit (%s) takes a minute, or what it says",
    (code) => {
      expect(outcomeOf(new HooklineError(code, "no"), 3, 1000)).toEqual({ runAgainAt: 61_000, attempt: "keep" });
      const patient = new HooklineError(code, "no", { retry: {} });
      expect(outcomeOf(patient, 3, 1000)).toEqual({ runAgainAt: 61_000, attempt: "keep" });
      const told = new HooklineError(code, "no", { retry: { after: 5 } });
      expect(outcomeOf(told, 3, 1000)).toEqual({ runAgainAt: 1005, attempt: "keep" });
    },
  );

  it("for a creation whose outcome is not known takes a second", async () => {
    await using bench = await openBench();
    const { id } = await bench.sync();
    bench.left.add({ first: "Ada", emails: mail });
    bench.right.after = ({ method }, response) => {
      if (method !== "POST") return false;
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
      return true;
    };
    await read(bench, id);
    expect((await bench.runtime.syncs.get(id)).links).toMatchObject({ creating: 1 });
    bench.clock.advance(999);
    await bench.settle();
    expect((await bench.runtime.syncs.get(id)).links).toMatchObject({ creating: 1 });
    bench.clock.advance(1);
    await bench.settle();
    expect((await bench.runtime.syncs.get(id)).links).toMatchObject({ creating: 0, synced: 1 });
    expect(posts(bench)).toBe(1);
  });

  it.each([
    ["active", 2000],
    ["paused", MINUTE],
  ] as const)("for the first comparison of an %s sync takes %i ms", async (status, wait) => {
    await using bench = await openBench();
    const { id } = await bench.sync();
    const { db, clock } = bench.runtime;
    await syncs.change(db, { phase: "matching", status }, "id = ?", [id]);
    bench.left.add({ first: "Ada", emails: mail });
    for (const { id: subscription } of (await bench.runtime.subscriptions.list()).data) {
      await bench.runtime.subscriptions.poll(subscription);
    }
    await bench.settle();
    const jobs = await db.all<{ run_at: number }>("select run_at from jobs where queue = 'sync'");
    expect(jobs.map(({ run_at }) => run_at - clock.now())).toEqual([wait]);
  });
});
