import { copyFileSync, rmSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { events as stored } from "../../runtime/model/events.ts";
import { activeSubscriptions, type NewSubscription } from "../../runtime/model/subscriptions.ts";
import { tellingsByKeys } from "../../runtime/model/tellings.ts";
import { readStream } from "../../runtime/poll/read.ts";
import { toSubscriber } from "../../runtime/poll/subscriber.ts";
import { temporaryFolder } from "../faults/scenes.ts";
import { onPostgres } from "../postgres.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest, type Item } from "./vendor.ts";

/** So that a record can be again as it once was. */
const AT = 5;

let bench: Bench;
afterEach(() => bench[Symbol.asyncDispose]());

interface Told {
  id: string;
  what: string;
}

async function told(): Promise<Told[]> {
  return (await bench.events()).map(({ id, type, data }) => {
    const { change, resource } = data as { change?: string; resource?: { id: string } };
    return { id, what: change === undefined ? type : `${change} ${resource!.id}` };
  });
}

/** Opens a runtime whose subscription has read these items. */
async function reading(items: string[], trigger = "sync_any", more: Partial<NewSubscription> = {}): Promise<string> {
  const store = onPostgres ? {} : { store: `sqlite:${temporaryFolder()}/hookline.db` };
  bench = await createBench({ ...store, before: (vendor) => items.forEach((id) => vendor.put(id, { updated: AT })) });
  return bench.subscribe(trigger, more);
}

/** What one poll tells after changes at the vendor. */
async function after(subscription: string, ...changes: (() => void)[]): Promise<Told[]> {
  for (const change of changes) change();
  await bench.poll(subscription);
  return told();
}

const put = (id: string, changes: Partial<Item> = {}) => bench.vendor.put(id, { updated: AT, ...changes });
const remove = (id: string) => bench.vendor.remove(id);
const what = (all: readonly Told[]): string[] => all.map((one) => one.what);
const distinct = (all: readonly Told[]): number => new Set(all.map(({ id }) => id)).size;
const idsIn = async (): Promise<string[]> =>
  (await stored.all(bench.runtime.db, "order by position")).map(({ id }) => id);
const counts = async (subscription: string, ...keys: string[]): Promise<object> => {
  const { id } = await bench.streamOf(subscription);
  return Object.fromEntries(await tellingsByKeys(bench.runtime.db, id, keys));
};
const rows = async (): Promise<number> =>
  (await bench.runtime.db.get<{ n: number }>("select count(*) as n from tellings"))!.n;

describe("events of one record", () => {
  it("are each another one when it goes from A to B and back to A", async () => {
    const subscription = await reading([]);
    const all = [
      ...(await after(subscription, () => put("a", { name: "A" }))),
      ...(await after(subscription, () => put("a", { name: "B" }))),
      ...(await after(subscription, () => put("a", { name: "A" }))),
      ...(await after(subscription, () => put("a", { name: "B" }))),
    ];
    expect(what(all)).toEqual(["created a", "updated a", "updated a", "updated a"]);
    expect(distinct(all)).toBe(4);
    expect(await idsIn()).toEqual(expect.arrayContaining(all.map(({ id }) => id)));
  });

  it("are each another one when it is created, deleted and created again as it was", async () => {
    const subscription = await reading([]);
    const all: Told[] = [];
    for (const change of [() => put("a"), () => remove("a"), () => put("a"), () => remove("a")])
      all.push(...(await after(subscription, change)));
    expect(what(all)).toEqual(["created a", "deleted a", "created a", "deleted a"]);
    expect(distinct(all)).toBe(4);
  });

  it("count on under another key, and do not begin again under the first", async () => {
    const subscription = await reading(["a"]);
    const rename = (from: string, to: string) => () => {
      remove(from);
      put(to, { name: "same", previousIds: [from] });
    };
    const all = await after(subscription, () => put("a", { name: "same" }));
    expect(await counts(subscription, "a", "b")).toEqual({ a: 1 });
    all.push(...(await after(subscription, rename("a", "b"))));
    expect(await counts(subscription, "a", "b")).toEqual({ a: 1, b: 2 });
    for (const [from, to] of [
      ["b", "a"],
      ["a", "b"],
    ] as const)
      all.push(...(await after(subscription, rename(from, to))));
    expect(await counts(subscription, "a", "b")).toEqual({ a: 3, b: 4 });
    expect(what(all)).toEqual(["updated a", "updated b", "updated a", "updated b"]);
    expect(distinct(all)).toBe(4);
  });

  it("are another one after a new baseline, though the change is the same as before it", async () => {
    const subscription = await reading(["a"]);
    const all = await after(subscription, () => put("a", { name: "B" }));
    put("a", { name: "A" });
    const manifest = vendorManifest() as { streams: { sync: { request: object } } };
    manifest.streams.sync.request = { ...manifest.streams.sync.request, query: { view: "full" } };
    await bench.restart(manifest);
    expect(what(await after(subscription))).toEqual(["stream.gap"]);
    all.push(...(await after(subscription, () => put("a", { name: "B" }))));
    expect(what(all)).toEqual(["updated a", "updated a"]);
    expect(distinct(all)).toBe(2);
  });

  it("are one for each subscription, and counted once", async () => {
    const subscription = await reading(["a"]);
    await bench.subscribe("sync_updated");
    expect(distinct(await after(subscription, () => put("a", { name: "B" })))).toBe(2);
    expect(await counts(subscription, "a")).toEqual({ a: 1 });
  });
});

describe("the count of what was told", () => {
  it("is written for records with events alone: not by a silent read, and not for what concerns nobody", async () => {
    const subscription = await reading(["a", "b"], "sync_deleted");
    put("a", { name: "A" });
    await bench.poll(subscription);
    expect(await rows()).toBe(0);
    remove("a");
    await bench.poll(subscription);
    expect(await rows()).toBe(1);
  });

  it("goes with the stream when nobody reads it any more, and with the connection", async () => {
    const first = await reading(["a"]);
    const second = await bench.subscribe("snapshot_any");
    put("a", { name: "B" });
    await bench.poll(first);
    await bench.poll(second);
    expect(await rows()).toBe(2);
    await bench.runtime.subscriptions.remove(first);
    expect(await rows()).toBe(1);
    await bench.runtime.accounts.remove(bench.connection);
    expect(await rows()).toBe(0);
  });
});

describe.skipIf(onPostgres)("a service that goes on with a backup of its store", () => {
  it("gives the same transition the same id, and one that takes several together a new one", async () => {
    const subscription = await reading(["a", "b", "c"]);
    const file = `${temporaryFolder()}/backup.db`;
    const first = await after(subscription, () => put("a", { name: "A1" }));
    await bench.runtime.db.run("vacuum into ?", [file]);

    const original = [
      ...(await after(subscription, () => put("a", { name: "A2" }))),
      ...(await after(
        subscription,
        () => put("b", { name: "B1" }),
        () => put("c", { name: "C1" }),
      )),
      ...(await after(
        subscription,
        () => remove("b"),
        () => put("c", { name: "C2" }),
        () => put("d"),
      )),
    ];
    expect(distinct([...first, ...original])).toBe(7);

    const { file: live } = (await bench.runtime.db.get<{ file: string }>(
      "select file from pragma_database_list where name = 'main'",
    ))!;
    await bench.restart(undefined, () => {
      for (const suffix of ["-wal", "-shm"]) rmSync(live + suffix, { force: true });
      copyFileSync(file, live);
    });
    const restored = await after(subscription);

    const idsOf = (all: readonly Told[], wanted: string) =>
      all.filter((one) => one.what === wanted).map(({ id }) => id);
    expect(what(restored).toSorted()).toEqual(["created d", "deleted b", "updated a", "updated c"]);
    for (const same of ["updated a", "created d"]) expect(idsOf(restored, same)).toEqual(idsOf(original, same));
    // The deletion was of what had become of b meanwhile, and the two changes of c are one now.
    for (const other of ["deleted b", "updated c"]) {
      expect(idsOf(original, other)).not.toContain(idsOf(restored, other)[0]);
    }
  });
});

describe("a backfill", () => {
  const ids = ["a", "b", "c", "d", "e"];
  const emitAll: Partial<NewSubscription> = { firstPoll: "emitAll" };

  it.each([
    ["goes on at the page where its process ended", () => {}],
    ["begins again because its page token is refused", () => bench.vendor.fail(404, { error: "no such page" })],
  ])("that %s tells each record once, in a process that knows nothing of what was told", async (_, before) => {
    await reading(ids, "snapshot_any");
    bench.vendor.faults.push(
      () => false,
      () => false,
    );
    bench.vendor.fail(200, null);
    const subscription = await bench.subscribe("snapshot_created", emitAll);
    const all = await told();
    expect(what(all)).toEqual(["created a", "created b", "created c", "created d"]);
    await bench.restart();
    before();
    bench.clock.advance(3_600_000);
    all.push(...(await after(subscription)).filter((one) => one.what.startsWith("created")));
    expect(what(all)).toEqual(ids.map((id) => `created ${id}`));
    expect(distinct(all)).toBe(5);
  });

  it("tells a record once that a moving list shows twice, on one page and on two", async () => {
    await reading(["a"], "snapshot_any");
    const item = (id: string) => ({ id, name: id, tags: [], status: "open", updated: AT });
    bench.vendor.fail(200, { items: [item("a"), item("b"), item("a")], page: "1" });
    bench.vendor.fail(200, { items: [item("b"), item("c")] });
    const subscription = await bench.subscribe("snapshot_created", emitAll);
    const all = (await bench.events()).map(({ data }) => data as { subscription: string; resource: { id: string } });
    expect(all.filter((one) => one.subscription === subscription).map(({ resource }) => resource.id)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  it("tells everything once more when the subscription gets another input, and again when it gets the first one back", async () => {
    const manifest = vendorManifest() as { triggers: Record<string, object>; streams: Record<string, object> };
    const input = { type: "object", properties: { view: { type: "string" } } };
    const trigger = manifest.triggers["snapshot_created"]!;
    manifest.triggers["snapshot_created"] = { ...trigger, input, streamInput: { view: "$input#/view" } };
    bench = await createBench({ manifest, before: (vendor) => ["a", "b"].forEach((id) => vendor.put(id)) });
    // It keeps the first stream alive.
    await bench.subscribe("snapshot_created", { input: { view: "x" } });
    const subscription = await bench.subscribe("snapshot_created", { ...emitAll, input: { view: "x" } });
    const all = await told();
    for (const view of ["y", "x"]) {
      await bench.runtime.subscriptions.update(subscription, { input: { view } });
      all.push(...(await told()));
    }
    expect(what(all)).toEqual(["created a", "created b", "created a", "created b", "created a", "created b"]);
    expect(distinct(all)).toBe(6);
  });
});

describe("a gap", () => {
  it("is told once, though its process ends between the page that shows it and the end of the read", async () => {
    const subscription = await reading(["a", "b", "c"]);
    const { vendor, runtime, connection, clock } = bench;
    const gone = { id: "a", deleted: true };
    const item = (id: string) => ({ ...vendor.items.get(id)! });
    clock.advance(1000);
    const pages = [
      { items: [item("b"), gone], page: "p" },
      { items: [item("c"), { name: "keyless" }], next: "9" },
    ];
    vendor.fail(400, { error: { reason: "EXPIRED" } });
    for (const page of pages) vendor.fail(200, page);
    const stream = await bench.streamOf(subscription);
    const connector = runtime.connectors.get("acme")!;
    await readStream({
      db: runtime.db,
      transaction: (work) => runtime.db.transaction(work),
      emit: runtime.emit,
      log: createLog({ level: "silent" }),
      now: () => clock.now(),
      connector: "acme",
      user: "u_1",
      stream,
      compiled: connector.streams.get("sync")!,
      requestHash: stream.requestHash!,
      subscribers: (await activeSubscriptions(runtime.db, [stream.id])).map((one) =>
        toSubscriber(connector, one, runtime.log),
      ),
      releasesDeletions: true,
      source: {
        client: await runtime.accounts.client(connection),
        scope: {},
        signal: new AbortController().signal,
      },
    });
    // What the read leaves to be committed last is lost.
    const gaps = async () => stored.all(runtime.db, "where type = 'stream.gap'");
    expect(await gaps()).toHaveLength(0);
    expect((await bench.streamOf(subscription)).checkpoint).toMatchObject({ page: { token: "p" }, holds: true });
    vendor.fail(200, pages[1]);
    expect(what(await after(subscription)).toSorted()).toEqual(["deleted a", "stream.gap"]);
    expect((await bench.streamOf(subscription)).checkpoint).toBeNull();
    expect(await gaps()).toHaveLength(1);
  });
});
