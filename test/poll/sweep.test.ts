import { describe, expect, it, onTestFinished } from "vitest";
import { remember, type Known } from "../../runtime/model/known.ts";
import { absentAfter, SWEEP_BATCH } from "../../runtime/poll/sweep.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import type { Database } from "../../runtime/store/database.ts";
import { storeOfTest } from "../postgres.ts";

const STREAM = 1;
const keyOf = (n: number): string => `k${String(n).padStart(5, "0")}`;

/** A store in which a stream has so many records, all last seen by an earlier read. */
async function withKnown(count: number): Promise<Database> {
  const db = await openDatabase(await storeOfTest());
  onTestFinished(() => db.close());
  await migrate(db);
  const records = Array.from({ length: count }, (_, n): Known => {
    return { key: keyOf(n), version: "v", seen: 1, watched: n === 0 ? { tag: "x" } : null, item: null };
  });
  await db.transaction((tx) => remember(tx, STREAM, records));
  return db;
}

const from = { sweepAfter: "", startedAt: 2 };

describe("a sweep", () => {
  it("looks at a thousand records in one go, and goes on after the last of them", async () => {
    expect(SWEEP_BATCH).toBe(1000);
    for (const count of [999, 1000, 1001]) {
      const db = await withKnown(count);
      const first = await absentAfter(db, STREAM, from, undefined);
      expect(first.keys).toHaveLength(Math.min(count, 1000));
      expect(first.next).toBe(count < 1000 ? null : keyOf(999));
      if (first.next === null) continue;
      const second = await absentAfter(db, STREAM, { ...from, sweepAfter: first.next }, undefined);
      expect(second).toMatchObject({ keys: count === 1000 ? [] : [keyOf(1000)], next: null });
    }
  });

  it("finds what the read has not marked, or what its only page did not hold", async () => {
    const db = await withKnown(3);
    const seen = { key: keyOf(1), version: "v", seen: 2, watched: null, item: null };
    await db.transaction((tx) => remember(tx, STREAM, [seen]));
    expect((await absentAfter(db, STREAM, from, undefined)).keys).toEqual([keyOf(0), keyOf(2)]);
    expect((await absentAfter(db, STREAM, from, new Set([keyOf(0)]))).keys).toEqual([keyOf(1), keyOf(2)]);
  });

  it("makes deletions of what is gone, with what was watched", async () => {
    const db = await withKnown(1);
    expect((await absentAfter(db, STREAM, from, undefined)).changes).toEqual([
      { kind: "deleted", key: keyOf(0), version: "v", changes: {}, previous: { tag: "x" }, seen: 1 },
    ]);
  });
});
