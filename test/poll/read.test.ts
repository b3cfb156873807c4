import type { ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { knownAfter } from "../../runtime/model/known.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function withItems(...ids: string[]): Promise<Bench> {
  bench = await createBench({ before: (vendor) => ids.forEach((id) => vendor.put(id)) });
  return bench;
}

describe("a stream with a sync token", () => {
  it("begins silently, then tells created, updated and deleted from one read each", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a", "b", "c");
    const subscription = await subscribe("sync_created");
    await subscribe("sync_updated");
    await subscribe("sync_deleted");
    expect(await seen()).toEqual([]);

    vendor.put("d");
    vendor.put("a", { name: "A" });
    vendor.remove("b");
    vendor.requests.length = 0;
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.created d", "item.deleted b", "item.updated a"]);
    expect(vendor.requests.filter((request) => request.includes("syncToken=3"))).toHaveLength(2);

    await poll(subscription);
    expect(await seen()).toEqual([]);
  });

  it("tells records apart whose keys no store keeps, and goes on with the others", async () => {
    const { vendor, subscribe, poll, events } = await withItems("a");
    const subscription = await subscribe("sync_any");
    const told = async (): Promise<string[]> => {
      const keys = (await events()).map(({ data }) => (data as { resource: { id: string } }).resource.id);
      return keys.map((key) => key.slice(0, 4)).toSorted();
    };
    for (const id of ["b\0x", "b\ufffdx", "b\ud83dx", "c"]) vendor.put(id);
    await poll(subscription);
    expect(await told()).toEqual(["b\0x", "b\ufffdx", "b\ufffdx", "c"]);
    vendor.remove("b\0x");
    await poll(subscription);
    expect(await told()).toEqual(["b\0x"]);
    await poll(subscription);
    expect(await told()).toEqual([]);
  });

  it("emits after an expired token exactly what changed meanwhile, deletions included", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a", "b", "c", "d", "e");
    const subscription = await subscribe("sync_any");
    vendor.put("f");
    vendor.put("b", { name: "B" });
    vendor.remove("c");
    vendor.expire();
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.any b", "item.any c", "item.any f"]);
    vendor.put("g");
    await poll(subscription);
    expect(await seen()).toEqual(["item.any g"]);
  });

  it("reads everything when the token is older than the manifest allows, without a surprise", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems("a", "b");
    const subscription = await subscribe("sync_any");
    clock.advance(6 * 86_400_000);
    vendor.requests.length = 0;
    await poll(subscription);
    expect(vendor.requests).toEqual(["GET /sync"]);
    expect(await seen()).toEqual([]);
  });

  it("drops a change that does not matter to the fingerprint", async () => {
    const records = { select: "$response.body#/items", primaryKey: "/id", fingerprint: { $expr: "[name]" } };
    const manifest = vendorManifest() as { streams: Record<string, Record<string, unknown>> };
    manifest.streams.sync!.records = records;
    delete manifest.streams.sync!.watch;
    for (const name of ["tag_added", "tag_removed", "status_changed"])
      delete (manifest as never as { triggers: Record<string, unknown> }).triggers[name];
    bench = await createBench({ manifest, before: (vendor) => vendor.put("a") });
    const subscription = await bench.subscribe("sync_updated");
    bench.vendor.put("a", { status: "noise" });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual([]);
    bench.vendor.put("a", { name: "new" });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.updated a"]);
  });

  it("follows a record to its new key", async () => {
    const { vendor, subscribe, poll, events } = await withItems("old");
    const subscription = await subscribe("sync_any");
    vendor.remove("old");
    vendor.put("new", { name: "old", previousIds: ["old"] });
    await poll(subscription);
    expect((await events()).map((e) => [e.type, (e.data as { change: string }).change])).toEqual([
      ["item.any", "updated"],
    ]);
  });

  it("tells what was added to and removed from watched values, and from what to what", async () => {
    const { vendor, subscribe, poll, events } = await withItems("a");
    const subscription = await subscribe("tag_added");
    await subscribe("tag_removed");
    await subscribe("status_changed");
    vendor.put("a", { tags: ["x", "y"], status: "draft" });
    await poll(subscription);
    vendor.put("a", { tags: ["y"], status: "won" });
    await poll(subscription);
    vendor.put("a", { status: "lost" });
    await poll(subscription);
    const told = (await events()).map((e) => [e.type, (e.data as { changes: unknown }).changes]);
    expect(told).toEqual([
      ["item.tag_added", { tags: { added: ["x", "y"], removed: [] }, status: { from: "open", to: "draft" } }],
      ["item.status_changed", { tags: { added: ["x", "y"], removed: [] }, status: { from: "open", to: "draft" } }],
      ["item.tag_removed", { tags: { added: [], removed: ["x"] }, status: { from: "draft", to: "won" } }],
      ["item.status_changed", { status: { from: "won", to: "lost" } }],
    ]);
  });

  it("is read once however many subscriptions there are, and numbers changes in order", async () => {
    const { vendor, subscribe, poll, events } = await withItems("a");
    const first = await subscribe("sync_created");
    for (let i = 0; i < 4; i++) await subscribe("sync_any");
    vendor.requests.length = 0;
    vendor.put("b");
    vendor.put("c");
    await poll(first);
    expect(vendor.requests).toHaveLength(1);
    const sequences = (await events()).map((e) => (e.data as { sequence: number }).sequence);
    expect(sequences).toHaveLength(10);
    expect(new Set(sequences)).toEqual(new Set([1, 2]));
  });
});

describe("the first poll", () => {
  it("emits everything there is when asked to, marked as backfill, to that subscription alone", async () => {
    const { subscribe, events } = await withItems("a", "b", "c");
    await subscribe("sync_created");
    const eager = await subscribe("sync_created", { firstPoll: "emitAll" });
    const all = (await events()).map((e) => e.data as { backfill: boolean; subscription: string; change: string });
    expect(all).toHaveLength(3);
    expect(all.every((data) => data.backfill && data.subscription === eager && data.change === "created")).toBe(true);
  });

  it("emits what changed since a time when asked to", async () => {
    const { vendor, subscribe, seen } = await withItems("a", "b", "c");
    const since = new Date(vendor.items.get("b")!.updated).toISOString();
    await subscribe("sync_created", { firstPoll: { since } });
    expect(await seen()).toEqual(["item.created b", "item.created c"]);
  });

  it("of a later subscription is silent too, whatever the stream has yet to tell the others", async () => {
    const { vendor, subscribe, events } = await withItems("a");
    const first = await subscribe("sync_created");
    vendor.put("b");
    const second = await subscribe("sync_created");
    const told = (await events()).map((e) => (e.data as { subscription: string }).subscription);
    expect(told).toEqual([first]);
    expect(second).not.toBe(first);
  });
});

describe("a snapshot", () => {
  it("tells deletions from absence, over one page and over many", async () => {
    const { vendor, subscribe, poll, seen, events } = await withItems("a", "b", "c", "d", "e");
    const subscription = await subscribe("snapshot_any");
    vendor.remove("b");
    vendor.put("e", { name: "E" });
    vendor.put("f");
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.any b", "item.any e", "item.any f"]);
    vendor.pageSize = 100;
    vendor.remove("a");
    await poll(subscription);
    const [gone] = await events();
    expect(gone!.data).toMatchObject({ change: "deleted", resource: { type: "item", id: "a" } });
    expect(gone!.data).not.toHaveProperty("record");
  });

  it("takes an incomplete list for no reason to tell a deletion", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems("a", "b", "c", "d", "e");
    const subscription = await subscribe("snapshot_any");
    await seen();
    vendor.faults.push(() => false);
    vendor.fail(400, { error: "no more" });
    await poll(subscription);
    expect((await seen()).filter((line) => line.startsWith("item."))).toEqual([]);
    clock.advance(3_600_000);
    await poll(subscription);
    expect((await seen()).filter((line) => line.startsWith("item."))).toEqual([]);
  });
});

describe("the other cursors", () => {
  it.each(["since", "search"])("%s: tells new and changed records once, although it reads an overlap", async (name) => {
    const { vendor, subscribe, poll, seen } = await withItems("a", "b", "c");
    const subscription = await subscribe(`${name}_any`);
    vendor.put("d");
    vendor.put("a", { name: "A" });
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.any a", "item.any d"]);
    await poll(subscription);
    await poll(subscription);
    expect(await seen()).toEqual([]);
  });

  it("finds a record that became visible late with an earlier time", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a");
    const subscription = await subscribe("since_any");
    vendor.put("b");
    await poll(subscription);
    vendor.put("late", { updated: vendor.items.get("b")!.updated - 4000 });
    await poll(subscription);
    expect(await seen()).toEqual(["item.any b", "item.any late"]);
  });

  it("a sequence starts from its baseline without listing anything, and goes on from there", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a", "b", "c");
    vendor.requests.length = 0;
    const subscription = await subscribe("history_any");
    expect(vendor.requests).toEqual(["GET /profile"]);
    for (const id of ["d", "e", "f"]) vendor.put(id);
    await poll(subscription);
    expect(await seen()).toEqual(["item.any d", "item.any e", "item.any f"]);
  });

  it("a sequence that expired lists what it missed, and takes the new number first", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a");
    const subscription = await subscribe("history_any");
    vendor.put("b");
    await poll(subscription);
    expect(await seen()).toEqual(["item.any b"]);
    vendor.put("c");
    vendor.expire();
    vendor.requests.length = 0;
    await poll(subscription);
    expect(vendor.requests.map((request) => request.split("?")[0])).toEqual([
      "GET /history",
      "GET /profile",
      "GET /snapshot",
      "GET /snapshot",
    ]);
    expect(await seen()).toContain("item.any c");
    expect(vendor.requests).toHaveLength(4);
  });

  it("a window tells what enters it and is silent about what leaves it", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems();
    vendor.put("soon", { updated: clock.now() + 1_800_000 });
    vendor.put("later", { updated: clock.now() + 7_200_000 });
    const subscription = await subscribe("window_any");
    expect(await seen()).toEqual([]);
    clock.advance(3_600_000);
    await poll(subscription);
    expect(await seen()).toEqual(["item.any later"]);
    clock.advance(7_200_000);
    await poll(subscription);
    expect(await seen()).toEqual([]);
  });
});

describe("a read that is interrupted", () => {
  it("goes on at the page where it stopped", async () => {
    const { vendor, runtime, clock, subscribe, seen } = await withItems("a", "b", "c", "d", "e");
    vendor.faults.push(
      () => false,
      () => false,
    );
    vendor.fail(409);
    const subscription = await subscribe("sync_any");
    const interrupted = await bench.streamOf(subscription);
    expect(interrupted.checkpoint?.page).toEqual({ token: "4" });
    expect(await knownAfter(runtime.db, interrupted.id, "", 10)).toHaveLength(4);
    vendor.requests.length = 0;
    clock.advance(60_000);
    await bench.settle();
    expect(vendor.requests).toEqual(["GET /sync?page=4"]);
    expect(await bench.streamOf(subscription)).toMatchObject({ checkpoint: null, cursor: "5", consecutiveErrors: 0 });
    expect(await seen()).toEqual([]);
  });

  it("starts anew when the vendor no longer knows the page", async () => {
    const { vendor, clock, subscribe } = await withItems("a", "b", "c");
    vendor.faults.push(() => false);
    vendor.fail(409);
    const subscription = await subscribe("sync_any");
    vendor.requests.length = 0;
    vendor.fail(400, { error: "unknown page" });
    clock.advance(60_000);
    await bench.settle();
    expect(vendor.requests).toEqual(["GET /sync?page=2", "GET /sync", "GET /sync?page=2"]);
    expect(await bench.streamOf(subscription)).toMatchObject({ checkpoint: null, cursor: "3" });
  });

  it("takes the same page token twice for an error, not for a loop", async () => {
    const { vendor, runtime, subscribe } = await withItems("a", "b", "c");
    const looping = (_: unknown, response: ServerResponse): boolean => {
      response.setHeader("content-type", "application/json").end(JSON.stringify({ items: [{ id: "a" }], page: "1" }));
      return true;
    };
    vendor.faults.push(looping, looping);
    const subscription = await subscribe("sync_any");
    const health = await runtime.subscriptions.health(subscription);
    expect(health.lastError).toMatchObject({ code: "pagination_loop" });
    expect(health.lastError!.message).toMatch(/named the same next page twice: \{"token":"1"\}/);
  });
});
