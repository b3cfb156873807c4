import { describe, expect, it } from "vitest";
import { LONGEST_RETRY_AFTER } from "../../runtime/core/retry-after.ts";
import { knownByKeys } from "../../runtime/model/known.ts";
import { saveQuarantine, type QuarantinedRecord } from "../../runtime/model/quarantine.ts";
import { MARKED_EVERY_MS } from "../../runtime/poll/changes.ts";
import { MOST_RETRIED, Quarantine } from "../../runtime/poll/quarantine.ts";
import type { Reading } from "../../runtime/poll/reading.ts";
import { isLost, LOST_MS } from "../../runtime/poll/watch.ts";
import type { Enricher } from "../../runtime/read/enrich.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createBench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

describe("a poll is planned once more", () => {
  const hour = 3_600_000;
  const isLostAt = (nextPollAt: number | null, everyMs = hour): boolean =>
    isLost({ nextPollAt, lastError: null }, { since: NOW - everyMs, dueAt: NOW }, NOW);

  it(`when it is more than ${LOST_MS / 60_000} minutes late, or not planned`, () => {
    expect(LOST_MS).toBe(300_000);
    expect([isLostAt(NOW - LOST_MS), isLostAt(NOW - LOST_MS - 1), isLostAt(null)]).toEqual([false, true, true]);
  });

  it("when it is planned for later than a vendor may ask for, and than its schedule", () => {
    const latest = NOW + LONGEST_RETRY_AFTER + LOST_MS;
    expect([isLostAt(latest), isLostAt(latest + 1)]).toEqual([false, true]);
    const everyMs = 2 * LONGEST_RETRY_AFTER;
    const scheduled = NOW + everyMs + LOST_MS;
    expect([isLostAt(scheduled, everyMs), isLostAt(scheduled + 1, everyMs)]).toEqual([false, true]);
  });
});

describe("what a window lists", () => {
  it("is marked as seen once its mark is older than half a day", async () => {
    const { window } = (vendorManifest() as { streams: Record<string, { cursor: object }> }).streams;
    const cursor = { ...window!.cursor, aheadSeconds: 31_536_000 };
    await using bench = await createBench({
      manifest: vendorManifest({ streams: { window: { ...window, cursor } } }),
      before: (vendor) => vendor.put("a", { updated: NOW + 300 * 86_400_000 }),
    });
    const subscription = await bench.subscribe("window_any", { everySeconds: 31_536_000 });
    const { id, cursorAt } = await bench.streamOf(subscription);
    const seenAfter = async (passed: number): Promise<number> => {
      bench.clock.set(cursorAt! + passed);
      await bench.runtime.subscriptions.poll(subscription);
      await bench.settle();
      return (await knownByKeys(bench.runtime.db, id, ["a"])).get("a")!.seen - cursorAt!;
    };
    expect(MARKED_EVERY_MS).toBe(43_200_000);
    expect(await seenAfter(MARKED_EVERY_MS)).toBe(0);
    expect(await seenAfter(MARKED_EVERY_MS + 1)).toBe(MARKED_EVERY_MS + 1);
  });
});

describe("quarantined records", () => {
  it.each([
    [MOST_RETRIED, 50],
    [MOST_RETRIED + 1, 50],
    [MOST_RETRIED - 1, 49],
  ])("of %i, one poll tries %i", async (count, tried) => {
    await using db = Object.assign(await openDatabase("sqlite::memory:"), {
      async [Symbol.asyncDispose]() {
        await db.close();
      },
    });
    await migrate(db);
    const held = Array.from({ length: count }, (_, n): QuarantinedRecord => {
      const listedBy = { mode: "diff", startedAt: NOW, joining: [] } as const;
      const error = { code: "vendor_error", message: "no" };
      const row = { stream: 1, key: `k${n}`, record: { n }, tries: 1, setAside: false, error, failedAt: NOW + n };
      return { ...row, listedBy: { ...listedBy, joining: [] } };
    });
    await db.transaction((tx) => saveQuarantine(tx, 1, { held, released: [] }));
    const asked: unknown[] = [];
    const enricher = {
      all: async (records: unknown[]) => {
        asked.push(...records);
        return { outcomes: records.map((record) => ({ kind: "had", record })), stopped: undefined };
      },
    } as unknown as Enricher;
    const reading = { db, stream: { id: 1, quarantined: count }, source: { signal: new AbortController().signal } };
    await new Quarantine(reading as unknown as Reading).retry(enricher);
    expect(asked).toEqual(held.slice(0, tried).map(({ record }) => record));
  });
});
