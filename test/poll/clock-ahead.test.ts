import { afterEach, describe, expect, it } from "vitest";
import type { StreamRecord } from "../../runtime/model/streams.ts";
import { AHEAD_MS, atLatest, isAhead } from "../../runtime/poll/set-back.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const MINUTE = 60_000;
const DAY = 1440 * MINUTE;
const NOW = Date.parse("2026-01-01T00:00:00Z");

const past = { at: NOW - DAY, since: NOW - DAY, startedAt: NOW - DAY, progressAt: NOW - DAY, toldSince: { s: NOW } };
const stream = {
  ...Object.fromEntries(
    ["cursorAt", "baselinedAt", "lastPollAt", "lastSuccessAt", "verifiedAt", "expectedSince", "lastEventAt"].map(
      (name) => [name, NOW - DAY],
    ),
  ),
  deletionsAcceptedAt: null,
  checkpoint: past,
  doubt: past,
  lastError: past,
  missed: null,
} as unknown as StreamRecord;

describe("a stored time that lies ahead", () => {
  it.each([
    ...Object.keys(stream).filter((name) => typeof stream[name as "cursorAt"] === "number"),
    "deletionsAcceptedAt",
    "checkpoint.startedAt",
    "checkpoint.progressAt",
    "doubt.since",
    "lastError.at",
  ])("counts as now: %s", (path) => {
    const [name, inner] = path.split(".") as [keyof StreamRecord, string?];
    const withTime = (at: number): StreamRecord => {
      const value = inner === undefined ? at : { ...(stream[name] as object), [inner]: at };
      return { ...stream, [name]: value };
    };
    expect([isAhead(withTime(NOW + AHEAD_MS), NOW), isAhead(withTime(NOW + AHEAD_MS + 1), NOW)]).toEqual([false, true]);
    expect(atLatest(withTime(NOW + DAY), NOW)).toEqual(withTime(NOW));
    expect(atLatest(withTime(NOW - 1), NOW)).toEqual(withTime(NOW - 1));
  });

  it.each(["since", "cursorAt", "whole.at", "error.at", "vanishedAt", "toldSince.sub_1"])(
    "counts as now of a list that cannot be had: %s",
    (path) => {
      const [name, inner] = path.split(".") as [string, string?];
      const withTime = (at: number): StreamRecord => {
        const list = {
          since: NOW - DAY,
          cursorAt: NOW - DAY,
          error: null,
          [name]: inner ? { count: 1, [inner]: at } : at,
        };
        return { ...stream, missed: [list] } as unknown as StreamRecord;
      };
      expect([isAhead(withTime(NOW + AHEAD_MS), NOW), isAhead(withTime(NOW + AHEAD_MS + 1), NOW)]).toEqual([
        false,
        true,
      ]);
      expect(atLatest(withTime(NOW + DAY), NOW)).toEqual(withTime(NOW));
      expect(atLatest(withTime(NOW - 1), NOW)).toEqual(withTime(NOW - 1));
    },
  );
});

describe.each([
  ["a day", DAY],
  ["a year", 365 * DAY],
])("after a clock that was ahead by %s", (_, ahead) => {
  let bench: Bench;
  afterEach(() => bench[Symbol.asyncDispose]());

  /** A stream that is read while the clock is ahead, which is set back then. */
  async function readAhead(trigger: string, manifest: object = vendorManifest()): Promise<string> {
    bench = await createBench({ manifest, before: (vendor) => ["a", "b", "c"].forEach((id) => vendor.put(id)) });
    const subscription = await bench.subscribe(trigger);
    bench.clock.advance(ahead);
    bench.vendor.put("b", { name: "B" });
    await bench.poll(subscription);
    expect(await bench.seen()).toContain("item.any b");
    bench.clock.advance(-ahead);
    return subscription;
  }

  it("deletions from a list of pages are told at once, and nothing twice", async () => {
    const subscription = await readAhead("snapshot_any");
    bench.vendor.remove("c");
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any c"]);
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual([]);
  });

  it("what increments do not show is compared in time", async () => {
    const { since } = (vendorManifest() as { streams: Record<string, object> }).streams;
    const manifest = vendorManifest({ streams: { since: { ...since, verifyEvery: "PT6H" } } });
    const subscription = await readAhead("since_any", manifest);
    await bench.poll(subscription);
    bench.vendor.remove("c");
    bench.clock.advance(12 * 60 * MINUTE);
    await bench.poll(subscription);
    expect((await bench.seen()).filter((event) => event.startsWith("item"))).toEqual(["item.any c"]);
  });

  it("its poll is planned again, and a pause that began then leaves a gap", async () => {
    const subscription = await readAhead("sync_any");
    const other = await bench.subscribe("sync_any");
    await bench.poll(other);
    bench.clock.advance(ahead);
    await bench.runtime.subscriptions.pause(subscription);
    bench.clock.advance(-ahead);
    bench.vendor.put("a", { name: "A" });
    await bench.poll(other);
    await bench.seen();
    await bench.runtime.subscriptions.resume(subscription);
    const gaps = (await bench.events()).filter(({ type }) => type === "stream.gap").map(({ data }) => data);
    expect(gaps).toMatchObject([{ subscription, reason: "paused" }]);
    const { nextPollAt } = await bench.streamOf(subscription);
    expect(nextPollAt! - bench.clock.now()).toBeLessThanOrEqual(MINUTE);
  });

  it("deletions that a person accepted then are not accepted ever after", async () => {
    bench = await createBench();
    bench.vendor.pageSize = 1000;
    for (let n = 0; n < 30; n++) bench.vendor.put(`r${n}`);
    const subscription = await bench.subscribe("snapshot_any");
    bench.clock.advance(ahead);
    await bench.runtime.subscriptions.resume(subscription, { accept: true });
    await bench.settle();
    bench.clock.advance(-ahead);
    await bench.poll(subscription);
    for (const id of bench.vendor.items.keys()) bench.vendor.remove(id);
    bench.clock.advance(MINUTE);
    await bench.poll(subscription);
    bench.clock.advance(2 * MINUTE);
    await bench.poll(subscription);
    expect((await bench.seen()).filter((event) => event.startsWith("item"))).toEqual([]);
    expect((await bench.streamOf(subscription)).doubt).toMatchObject({ isHeld: true });
  });
});
