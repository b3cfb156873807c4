import { describe, expect, it, onTestFinished } from "vitest";
import { memoryCounter, sharedCounter, type Counter } from "../../runtime/vendor/counter.ts";
import { createLog } from "../../runtime/core/log.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestStore } from "../postgres.ts";

const log = createLog({ level: "silent" });

/** Counters of one limit in several processes on one store. */
async function processes(count: number, window: { points: number; seconds: number }) {
  const { url, drop } = await createTestStore();
  onTestFinished(drop);
  const all = Array.from({ length: count }, async () => {
    const db = await openDatabase(url, { log });
    onTestFinished(() => db.close());
    return { db, counter: sharedCounter(db, log)("acme:0", window) };
  });
  return Promise.all(all);
}

/** How many of so many takes got a place. */
async function taken(counters: readonly Counter[], takes: number, key = "con_1"): Promise<number> {
  let places = 0;
  for (let i = 0; i < takes; i++) if ((await counters[i % counters.length]!.take(key)) === 0) places++;
  return places;
}

describe("the uses of a limit", () => {
  it.each([10, 90, 1000])("are never more than %i over all processes, and no place is lost", async (points) => {
    const some = await processes(3, { points, seconds: 600 });
    const counters = some.map(({ counter }) => counter);
    expect(await taken(counters, points * 2)).toBe(points);
    expect(await counters[0]!.take("con_1")).toBeGreaterThan(60_000);
    expect(await counters[0]!.take("con_2")).toBe(0);
  });

  it.each([
    [95, 4],
    [100, 5],
    [199, 9],
    [220, 10],
    [1000, 10],
  ])("of %i are drawn %i at once: a twentieth, ten at most", async (points, drawn) => {
    const [one, other] = await processes(2, { points, seconds: 600 });
    expect(await one!.counter.take("con_1")).toBe(0);
    expect(await taken([other!.counter], points)).toBe(points - drawn);
  });

  it("that were drawn and not made are made later, those given back too", async () => {
    const [shared] = await processes(1, { points: 2, seconds: 60 });
    for (const each of [shared!.counter, memoryCounter("acme:1", { points: 2, seconds: 60 })]) {
      expect(await taken([each], 5)).toBe(2);
      await each.giveBack("con_1");
      expect(await taken([each], 5)).toBe(1);
    }
  });

  it("begin anew with the next window", async () => {
    const some = await processes(2, { points: 4, seconds: 1 });
    const counters = some.map(({ counter }) => counter);
    expect(await taken(counters, 8)).toBe(4);
    await expect.poll(() => taken(counters, 8)).toBeGreaterThan(0);
  });

  it("are counted by each process alone while the database cannot be reached", async () => {
    const [one] = await processes(1, { points: 3, seconds: 60 });
    await one!.db.run("drop table rate_limits");
    expect(await taken([one!.counter], 10)).toBe(3);
  });
});
