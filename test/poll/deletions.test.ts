import { describe, expect, it, onTestFinished } from "vitest";
import { createBench, type Bench } from "./harness.ts";
import type { Item } from "./vendor.ts";

/** A stream read as a whole at every poll, whose first poll is over. */
async function benchWith(count: number, trigger = "snapshot_any"): Promise<{ bench: Bench; subscription: string }> {
  const bench = await createBench();
  onTestFinished(() => bench[Symbol.asyncDispose]());
  bench.vendor.pageSize = 1000;
  for (let i = 0; i < count; i++) bench.vendor.put(`r${i}`);
  const subscription = await bench.subscribe(trigger, { everySeconds: 600 });
  expect(await seen(bench)).toEqual([]);
  return { bench, subscription };
}

/** Changes since the last look as `deleted key`, and operational events by type. */
async function seen(bench: Bench): Promise<string[]> {
  return (await bench.events()).map(({ type, data }) => {
    const { change, resource } = data as { change?: string; resource?: { id: string } };
    return resource ? `${change} ${resource.id}` : type;
  });
}

/** Lets the time of the second read come. */
async function secondRead({ clock, settle }: Bench): Promise<void> {
  clock.advance(60_000);
  await settle();
}

const removeAll = ({ vendor }: Bench): void => {
  for (const id of vendor.items.keys()) vendor.remove(id);
};

describe("records that a complete read no longer lists", () => {
  it("are reported as deleted after a second read when none is left", async () => {
    const { bench, subscription } = await benchWith(1);
    bench.vendor.remove("r0");
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual([]);
    const since = new Date(bench.clock.now()).toISOString();
    const message = "1 of 1 records are no longer listed. They are reported as deleted once another read agrees";
    const missing = { state: "readAgain", missing: 1, known: 1, since, message };
    const health = async () => bench.runtime.subscriptions.health(subscription);
    expect(await health()).toMatchObject({ state: "active", lastError: null, missing });
    await secondRead(bench);
    expect(await seen(bench)).toEqual(["deleted r0"]);
    expect((await bench.streamOf(subscription)).doubt).toBeNull();
    expect(await health()).toMatchObject({ missing: null });
  });

  it("are found by a process whose clock is behind that of the one that read before it, in a list of several pages", async () => {
    const { bench, subscription } = await benchWith(5, "sync_any");
    const { vendor, clock } = bench;
    vendor.pageSize = 2;
    clock.advance(600_000);
    vendor.put("r1", { name: "new" });
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["updated r1"]);
    clock.advance(-300_000);
    vendor.put("r2", { name: "new" });
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["updated r2"]);
    vendor.remove("r1");
    vendor.expire();
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["deleted r1"]);
  });

  it("are looked for no more often than the schedule asks, where two reads never agree, and that is no success", async () => {
    const { bench, subscription } = await benchWith(60);
    const { vendor, clock, settle } = bench;
    const all = [...vendor.items.values()];
    let reads = 0;
    vendor.instead = (_url, response) => {
      const items = reads++ % 2 === 0 ? all.slice(0, 30) : all.slice(30);
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items }));
      return true;
    };
    const { lastSuccessAt: since } = await bench.streamOf(subscription);
    const pass = async (until: number): Promise<string[]> => {
      while (clock.now() < until) {
        clock.set(Math.min(clock.now() + 60_000, until));
        await settle();
      }
      return seen(bench);
    };
    const health = () => bench.runtime.subscriptions.health(subscription);
    expect(await pass(since! + 2 * 600_000)).toEqual([]);
    expect(await health()).toMatchObject({ state: "active", lagSeconds: 600, cause: { code: "doubted_list" } });
    expect(await pass(since! + 3 * 600_000)).toEqual([]);
    expect(await pass(since! + 3 * 600_000 + 6 * 60_000)).toEqual(["subscription.degraded"]);
    expect(await pass(since! + 60 * 60_000)).toEqual([]);
    expect(await health()).toMatchObject({ state: "degraded", cause: { code: "doubted_list" } });
    expect(reads).toBeLessThanOrEqual(8);
    vendor.instead = () => false;
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["subscription.recovered"]);
    expect(await health()).toMatchObject({ state: "active", cause: null, missing: null });
  });

  it("are not reported when the second read lists them again", async () => {
    const { bench, subscription } = await benchWith(30);
    const items = new Map(bench.vendor.items);
    bench.vendor.items.clear();
    await bench.poll(subscription);
    for (const [id, item] of items) bench.vendor.items.set(id, item);
    await secondRead(bench);
    expect(await seen(bench)).toEqual([]);
    bench.vendor.remove("r1");
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["deleted r1"]);
  });

  it("are held when most are gone, and reported once a person accepts that", async () => {
    const { bench, subscription } = await benchWith(30);
    removeAll(bench);
    bench.vendor.put("kept");
    await bench.poll(subscription);
    await secondRead(bench);
    expect(await seen(bench)).toEqual(["created kept", "subscription.degraded"]);
    const message =
      '30 of 31 records are no longer listed, in two reads. They are not reported as deleted until the subscription is resumed with {"accept": true}';
    const held = { state: "degraded", consecutiveErrors: 0, lastError: { code: "unusual_deletions", message } };
    expect((await bench.runtime.subscriptions.health(subscription)).missing).toMatchObject({
      state: "held",
      missing: 30,
      known: 31,
      message,
    });
    expect(await bench.runtime.subscriptions.health(subscription)).toMatchObject(held);
    // What else changes is reported meanwhile, and the hold lasts.
    bench.vendor.put("kept", { name: "renamed" });
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["updated kept"]);
    expect(await bench.runtime.subscriptions.health(subscription)).toMatchObject(held);
    await bench.runtime.subscriptions.resume(subscription, { accept: true });
    const reported = await seen(bench);
    expect(reported.filter((event) => event.startsWith("deleted"))).toHaveLength(30);
    expect(reported).toContain("subscription.recovered");
    expect(await bench.runtime.subscriptions.health(subscription)).toMatchObject({ state: "active", lastError: null });
  });

  it("are held whatever the pages repeat: a record listed twice is one record", async () => {
    const { bench, subscription } = await benchWith(60, "sync_any");
    const kept = ["r0", "r1", "r2", "r3"].map((id) => bench.vendor.items.get(id)!);
    const pages = [kept, kept.slice(0, 3), kept.slice(1), kept.slice(0, 2), kept.slice(2)];
    const answer = (): void => {
      for (const [index, items] of pages.entries()) {
        const isLast = index + 1 === pages.length;
        bench.vendor.fail(200, { items, ...(isLast ? { next: "9" } : { page: `p${index}` }) });
      }
    };
    bench.vendor.fail(400, { error: { reason: "EXPIRED" } });
    answer();
    await bench.poll(subscription);
    answer();
    await secondRead(bench);
    expect(await seen(bench)).toEqual(["subscription.degraded"]);
    expect((await bench.streamOf(subscription)).doubt).toMatchObject({ missing: 56, known: 60, isHeld: true });
  });

  it("that could be a record without a key leave a gap, since the next complete read is far", async () => {
    const { bench, subscription } = await benchWith(3, "sync_any");
    bench.vendor.remove("r0");
    bench.vendor.fail(400, { error: { reason: "EXPIRED" } });
    const items = [...bench.vendor.items.values(), { name: "without an id" }];
    bench.vendor.fail(200, { items, next: "9" });
    await bench.poll(subscription);
    const events = (await bench.events()).map(({ type, data }) => [type, (data as { reason?: string }).reason]);
    expect(events).toEqual([["stream.gap", "without_key"]]);
  });

  it("that could be a record without a key leave one gap and are named in health, where every read is a complete one", async () => {
    const { bench, subscription } = await benchWith(3);
    const { vendor, poll, events } = bench;
    const reasons = async () => (await events()).map(({ type, data }) => [type, (data as { reason?: string }).reason]);
    const health = async () => (await bench.runtime.subscriptions.health(subscription)).lastError;
    vendor.items.set("", { name: "without an id" } as Item);
    vendor.remove("r0");
    await poll(subscription);
    expect(await reasons()).toEqual([["stream.gap", "without_key"]]);
    const error = await health();
    expect(error).toMatchObject({ code: "without_key" });
    await poll(subscription);
    expect(await reasons()).toEqual([]);
    expect(await health()).toEqual(error);
    vendor.items.delete("");
    await poll(subscription);
    expect((await events()).map(({ type }) => type)).toEqual(["item.any"]);
    expect(await health()).toBeNull();
  });

  it.each(["snapshot_any", "sync_any"])("are looked for again wherever their keys lie: %s", async (trigger) => {
    const { bench, subscription } = await benchWith(1500, trigger);
    const keys = [...bench.vendor.items.keys()].toSorted();
    for (const id of keys.slice(1000)) bench.vendor.remove(id);
    bench.vendor.expiredBelow = Infinity;
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual([]);
    expect((await bench.streamOf(subscription)).doubt).toMatchObject({ missing: 500, known: 1500 });
    await secondRead(bench);
    expect(await seen(bench)).toHaveLength(500);
  });

  it("are held for a day at most, while all reads agree", async () => {
    const { bench, subscription } = await benchWith(30);
    removeAll(bench);
    await bench.poll(subscription);
    await secondRead(bench);
    expect(await seen(bench)).toEqual(["subscription.degraded"]);
    bench.clock.advance(23 * 3_600_000);
    await bench.settle();
    expect(await seen(bench)).toEqual([]);
    bench.clock.advance(3_600_000);
    await bench.settle();
    expect((await seen(bench)).filter((event) => event.startsWith("deleted"))).toHaveLength(30);
  });

  it("are held while increments continue, where a sync token had expired", async () => {
    const { bench, subscription } = await benchWith(30, "sync_any");
    removeAll(bench);
    bench.vendor.expiredBelow = Infinity;
    await bench.poll(subscription);
    bench.vendor.expiredBelow = 0;
    await secondRead(bench);
    expect(await seen(bench)).toEqual(["subscription.degraded"]);
    const { requests } = bench.vendor;
    requests.length = 0;
    bench.vendor.put("new");
    await bench.poll(subscription);
    expect(await seen(bench)).toEqual(["created new"]);
    expect(requests).toHaveLength(1);
    expect(requests[0]).toContain("syncToken=");
    await bench.runtime.subscriptions.resume(subscription, { accept: true });
    const reported = await seen(bench);
    expect(reported.filter((event) => event.startsWith("deleted"))).toHaveLength(30);
    expect(reported).toContain("subscription.recovered");
  });
});
