import { afterEach, describe, expect, it } from "vitest";
import { checkManifest } from "../../runtime/manifest/check.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { createBench, type Bench } from "../poll/harness.ts";
import { vendorManifest } from "../poll/vendor.ts";

const lists = {
  title: "Items of lists",
  each: {
    request: { method: "GET", path: "/snapshot" },
    pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
    select: "$response.body#/items",
    where: "input.only == `null` || item.id == input.only",
    into: "list",
  },
  input: { type: "object", properties: { only: { type: "string" } } },
  request: { method: "GET", path: "/one", query: { id: "$item#/id" } },
  records: { select: "$response.body", primaryKey: "/id", fingerprint: { $expr: "name" } },
  cursor: { type: "snapshot" },
  resource: { type: "item", map: { id: "$record#/id" } },
};

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function withLists(...ids: string[]): Promise<Bench> {
  const manifest = vendorManifest({ streams: { lists } });
  bench = await createBench({ manifest, before: (vendor) => ids.forEach((id) => vendor.put(id)) });
  return bench;
}

describe("a stream that is read for each item of a list", () => {
  it("asks for every page of items and then for each item's records, which carry their item", async () => {
    const { vendor, subscribe, poll, events } = await withLists("a", "b", "c");
    const subscription = await subscribe("lists_created");
    expect(await events()).toEqual([]);
    vendor.put("d");
    vendor.requests.length = 0;
    await poll(subscription);
    expect(vendor.requests.map((request) => request.replace("GET ", ""))).toEqual([
      "/snapshot",
      "/snapshot?page=2",
      ...["a", "b", "c", "d"].map((id) => `/one?id=${id}`),
    ]);
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event!.data).toMatchObject({ record: { id: "d", list: { id: "d", name: "d" } } });
  });

  it("reads no list of items one of which has no key, and reads all of them once it has", async () => {
    const { vendor, subscribe, poll, seen, streamOf } = await withLists("a", "b");
    const subscription = await subscribe("lists_updated");
    vendor.put("a", { name: "A" });
    for (const broken of [{ name: "no id" }, { id: null }, null]) {
      vendor.fail(200, { items: [vendor.items.get("a"), broken] });
      await poll(subscription);
      expect(await seen()).toEqual([]);
      expect((await streamOf(subscription)).lastError).toMatchObject({ code: "unexpected_answer" });
    }
    await poll(subscription);
    expect(await seen()).toEqual(["item.updated a"]);
  });

  it("reads only the items that its condition lets through", async () => {
    const { vendor, subscribe, poll, seen } = await withLists("a", "b");
    const subscription = await subscribe("lists_updated", { input: { only: "b" } });
    vendor.put("a", { name: "A" });
    vendor.put("b", { name: "B" });
    await poll(subscription);
    expect(await seen()).toEqual(["item.updated b"]);
  });

  it("tells that records are gone with their item, also when there is no item left", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withLists("a", "b");
    const subscription = await subscribe("lists_deleted");
    for (const id of ["a", "b"]) {
      vendor.remove(id);
      await poll(subscription);
      // Nothing is left of its list: that is read a second time before it is believed.
      expect(await seen()).toEqual([]);
      clock.advance(60_000);
      expect(await seen()).toEqual([`item.deleted ${id}`]);
    }
  });

  it("passes over an item that is deleted while others are read", async () => {
    const { vendor, clock, runtime, subscribe, poll, seen } = await withLists("a", "b", "c");
    const subscription = await subscribe("lists_any");
    vendor.put("c", { name: "C" });
    vendor.faults.push(
      () => false,
      () => false,
      () => {
        vendor.remove("a");
        return false;
      },
    );
    await poll(subscription);
    expect(await seen()).toEqual(["item.any c"]);
    clock.advance(60_000);
    expect(await seen()).toEqual(["item.any a"]);
    expect((await runtime.subscriptions.health(subscription)).lastError).toBeNull();
  });

  it("passes over an item that fails, and reads it at the next poll", async () => {
    const { vendor, subscribe, poll, seen } = await withLists("a", "b");
    const subscription = await subscribe("lists_updated");
    vendor.put("a", { name: "A" });
    vendor.put("b", { name: "B" });
    vendor.faults.push(() => false);
    vendor.fail(422, { message: "Not now" });
    await poll(subscription);
    expect(await seen()).toEqual(["item.updated b"]);
    await poll(subscription);
    expect(await seen()).toEqual(["item.updated a"]);
  });

  it("cannot have a cursor that is a place in one list", async () => {
    const cursor = { type: "syncToken", from: "$response.body#/next", to: "query.syncToken" };
    bench = await createBench();
    const faults = checkManifest(await loadManifest(vendorManifest({ streams: { lists: { ...lists, cursor } } })));
    expect(faults).toEqual([
      {
        pointer: "/streams/lists/each",
        message: '"syncToken" is a place in one list; with each, write "per": "item" in the cursor',
      },
    ]);
  });

  it("reads $item nowhere else", async () => {
    const { each: _, ...single } = lists;
    bench = await createBench();
    const faults = checkManifest(await loadManifest(vendorManifest({ streams: { lists: single } })));
    expect(faults.map(({ pointer, message }) => `${pointer}: ${message}`)).toEqual([
      expect.stringContaining('/streams/lists/request/query/id: expression "$item#/id": unknown root "$item"'),
    ]);
  });
});
