import { describe, expect, it } from "vitest";
import { knownAfter } from "../../runtime/model/known.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest, type Item } from "./vendor.ts";

/** Another version of the manifest takes over. */
async function upgrade(bench: Bench, migrate: "resync" | "keep"): Promise<void> {
  const manifest = vendorManifest() as { streams: { sync: object } };
  Object.assign(manifest.streams.sync, { cursorVersion: 2, migrate });
  await bench.restart(manifest);
}

describe("what a read has done that had not ended when the manifest changed", () => {
  it.each(["resync", "keep"] as const)("a deletion that it has held is settled by the next: %s", async (migrate) => {
    await using bench = await createBench({
      store: `sqlite:${temporaryFolder()}/hookline.db`,
      before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)),
    });
    const subscription = await bench.subscribe("sync_any");
    bench.vendor.fail(200, { items: [{ id: "a", deleted: true }], page: "p0" });
    bench.vendor.fail(200);
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual([]);
    await upgrade(bench, migrate);
    bench.vendor.fail(200, { items: migrate === "keep" ? [] : [bench.vendor.items.get("b")], next: "9" });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any a"]);
    const { id } = await bench.streamOf(subscription);
    expect((await knownAfter(bench.runtime.db, id, "", 10)).map(({ key, gone }) => [key, gone])).toEqual([["b", null]]);
  });

  it("what it has told a subscription that begins with what is there is not told again", async () => {
    await using bench = await createBench({
      store: `sqlite:${temporaryFolder()}/hookline.db`,
      before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)),
    });
    await bench.subscribe("sync_any");
    bench.vendor.fail(200, { items: [bench.vendor.items.get("a")], page: "p0" });
    bench.vendor.fail(200);
    const joining = await bench.subscribe("sync_any", { firstPoll: "emitAll" });
    expect(await bench.seen()).toEqual(["item.any a"]);
    await upgrade(bench, "resync");
    bench.vendor.put("a", { name: "A" });
    await bench.poll(joining);
    const told = (await bench.events()).map(({ data }) => {
      const { subscription, change, resource } = data as { subscription: string; change: string; resource: Item };
      return [subscription === joining ? "joining" : "other", change, resource.id].join(" ");
    });
    expect(told.toSorted()).toEqual(["joining created b", "joining updated a", "other updated a"]);
  });
});

describe("deletions that are held back when the manifest changes", () => {
  const health = (bench: Bench, subscription: string) => bench.runtime.subscriptions.health(subscription);

  it("are forgotten with everything else where nothing is kept", async () => {
    await using bench = await createBench({
      store: `sqlite:${temporaryFolder()}/hookline.db`,
      before: (vendor) => Array.from({ length: 30 }, (_, n) => vendor.put(`r${n}`)),
    });
    bench.vendor.pageSize = 1000;
    const subscription = await bench.subscribe("snapshot_any");
    for (const id of bench.vendor.items.keys()) bench.vendor.remove(id);
    for (let polls = 0; polls < 2; polls++) {
      bench.clock.advance(60_000);
      await bench.poll(subscription);
    }
    expect(await health(bench, subscription)).toMatchObject({ missing: { state: "held" } });
    const manifest = vendorManifest() as { streams: { snapshot: object } };
    Object.assign(manifest.streams.snapshot, { cursorVersion: 2, migrate: "rebaseline" });
    bench.vendor.fail(403);
    await bench.restart(manifest);
    await bench.poll(subscription);
    expect(await bench.seen()).toContain("stream.gap");
    expect(await health(bench, subscription)).toMatchObject({ missing: null });
    await bench.poll(subscription);
    expect(await health(bench, subscription)).toMatchObject({ missing: null, state: "active", lastError: null });
  });
});

describe("a new version of the manifest that forgets what is known", () => {
  it("leaves a gap since everything was compared last, not since increments were read", async () => {
    await using bench = await createBench({
      store: `sqlite:${temporaryFolder()}/hookline.db`,
      before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)),
    });
    const subscription = await bench.subscribe("since_any");
    const { verifiedAt } = await bench.streamOf(subscription);
    bench.vendor.remove("a");
    bench.clock.advance(60_000);
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).cursorAt).toBeGreaterThan(verifiedAt!);
    const manifest = vendorManifest() as { streams: { since: object } };
    Object.assign(manifest.streams.since, { cursorVersion: 2, migrate: "rebaseline" });
    await bench.restart(manifest);
    await bench.poll(subscription);
    const gaps = (await bench.events()).filter(({ type }) => type === "stream.gap").map(({ data }) => data);
    expect(gaps).toMatchObject([{ reason: "request_changed", from: new Date(verifiedAt!).toISOString() }]);
  });
});
