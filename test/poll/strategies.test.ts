import { afterEach, describe, expect, it } from "vitest";
import { knownAfter } from "../../runtime/model/known.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const resource = { type: "item", map: { id: "$record#/id" } };
const records = { select: "$response.body#/items", primaryKey: "/id", fingerprint: { $expr: "id" } };

const streams = {
  excerpt: {
    title: "The first two",
    request: { method: "GET", path: "/snapshot" },
    enrich: { request: { method: "GET", path: "/one", query: { id: "$record#/id" } }, into: "whole", once: true },
    records: { ...records, remember: "P30D" },
    cursor: { type: "snapshot", partial: true },
    resource,
  },
  soon: {
    title: "Soon",
    input: { type: "object", properties: { ahead: { type: "integer" } } },
    request: { method: "GET", path: "/window" },
    records,
    cursor: {
      type: "window",
      from: "query.from",
      to: "query.to",
      behindSeconds: 0,
      aheadSeconds: "$input.ahead",
      format: "epochMillis",
    },
    resource,
  },
  facts: {
    title: "Facts",
    request: { method: "GET", path: "/history" },
    records,
    pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
    cursor: {
      type: "sequence",
      baseline: { request: { method: "GET", path: "/profile" }, from: "$response.body#/number" },
      from: "$response.body#/number",
      to: "query.start",
    },
    resource,
  },
};

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function withItems(...ids: string[]): Promise<Bench> {
  bench = await createBench({
    manifest: vendorManifest({ streams }),
    before: (vendor) => ids.forEach((id) => vendor.put(id)),
  });
  return bench;
}

const looks = (requests: string[]) => requests.filter((request) => request.startsWith("GET /one"));

describe("a partial snapshot", () => {
  it("takes what is no longer shown neither for deleted nor, when it is back, for new", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a", "b", "c");
    const subscription = await subscribe("excerpt_any");
    const a = vendor.items.get("a")!;
    vendor.remove("a");
    await poll(subscription);
    expect(await seen()).toEqual(["item.any c"]);
    vendor.items.clear();
    vendor.put("c");
    vendor.put(a.id);
    await poll(subscription);
    expect(await seen()).toEqual([]);
  });
});

describe("enriching once", () => {
  it("looks closer at new records only, and at none in a silent first poll", async () => {
    const { vendor, subscribe, poll, events } = await withItems("a", "b", "c");
    const subscription = await subscribe("excerpt_created");
    expect(looks(vendor.requests)).toEqual([]);
    vendor.remove("a");
    await poll(subscription);
    const [event, ...others] = await events();
    expect(others).toEqual([]);
    expect(event!.data).toMatchObject({ record: { id: "c", whole: { id: "c", name: "c" } } });
    await poll(subscription);
    expect(looks(vendor.requests)).toEqual(["GET /one?id=c"]);
  });

  it("looks closer at everything for a subscriber who begins with everything", async () => {
    const { vendor, subscribe, seen } = await withItems("a", "b");
    await subscribe("excerpt_created", { firstPoll: "emitAll" });
    expect((await seen()).sort()).toEqual(["item.created a", "item.created b"]);
    expect(looks(vendor.requests)).toHaveLength(2);
  });
});

describe("a window whose span the subscriber chooses", () => {
  it("tells what comes into it", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems();
    const near = await subscribe("soon_created", { input: { ahead: 60 } });
    const far = await subscribe("soon_created", { input: { ahead: 3600 } });
    vendor.put("x", { updated: clock.now() + 600_000 });
    await poll(near);
    expect(await seen()).toEqual([]);
    await poll(far);
    expect(await seen()).toEqual(["item.created x"]);
    clock.advance(560_000);
    await poll(near);
    expect(await seen()).toContain("item.created x");
  });
});

describe("a window after a clock that was ahead by days", () => {
  it("is around the time that is right now", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems();
    const subscription = await subscribe("soon_created", { input: { ahead: 3600 } });
    clock.advance(30 * 86_400_000);
    await poll(subscription);
    clock.advance(-30 * 86_400_000);
    await seen();
    vendor.put("x", { updated: clock.now() + 600_000 });
    await poll(subscription);
    expect(await seen()).toContain("item.created x");
  });
});

describe("a record of a window", () => {
  it("that a read leaves out is not new when the next one lists it, and is forgotten once its time is long over", async () => {
    const { vendor, clock, runtime, subscribe, poll, seen, streamOf } = await withItems();
    const subscription = await subscribe("soon_created", { input: { ahead: 3600 }, everySeconds: 86_400 });
    const changes = async () => (await seen()).filter((type) => type.startsWith("item."));
    vendor.put("x", { updated: clock.now() + 1_800_000 });
    await poll(subscription);
    expect(await changes()).toEqual(["item.created x"]);
    for (const id of ["out", "in", "out again"]) {
      if (id.startsWith("out")) vendor.fail(200, { items: [] });
      await poll(subscription);
      expect(await changes()).toEqual([]);
      // An empty span is no reason to read again.
      expect(await streamOf(subscription)).toMatchObject({ doubt: null });
    }
    const known = async () => knownAfter(runtime.db, (await streamOf(subscription)).id, "", 10);
    clock.advance(86_400_000);
    await poll(subscription);
    expect(await known()).toHaveLength(1);
    clock.advance(86_400_000);
    await poll(subscription);
    expect(await known()).toEqual([]);
  });

  it("that is listed for longer than it is remembered without stays known", async () => {
    const { vendor, clock, subscribe, poll, seen } = await withItems();
    const subscription = await subscribe("soon_created", { input: { ahead: 3 * 86_400 }, everySeconds: 86_400 });
    const changes = async () => (await seen()).filter((type) => type.startsWith("item."));
    vendor.put("x", { updated: clock.now() + 2 * 86_400_000 });
    await poll(subscription);
    expect(await changes()).toEqual(["item.created x"]);
    for (let day = 0; day < 6; day++) {
      vendor.items.get("x")!.updated += 86_400_000;
      clock.advance(86_400_000);
      await poll(subscription);
    }
    expect(await changes()).toEqual([]);
  });
});

describe("an expired number with nothing to say what it has missed", () => {
  it("is reported as a gap once, and the stream goes on", async () => {
    const { vendor, clock, subscribe, poll, events, seen } = await withItems("a");
    const subscription = await subscribe("facts_created");
    const from = new Date(clock.now()).toISOString();
    vendor.put("b");
    vendor.expire();
    await poll(subscription);
    const told = await events();
    expect(told.map(({ type }) => type)).toEqual(["stream.gap"]);
    expect(told[0]!.data).toMatchObject({ stream: "facts", subscription, reason: "cursor_expired", from });
    vendor.put("c");
    await poll(subscription);
    expect(await seen()).toEqual(["item.created c"]);
  });
});
