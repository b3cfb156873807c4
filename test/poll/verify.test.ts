import { describe, expect, it, onTestFinished } from "vitest";
import type { Stream } from "../../schemas/manifest.ts";
import type { StreamRecord } from "../../runtime/model/streams.ts";
import { isToBeVerified } from "../../runtime/poll/verify.ts";
import { createBench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const DAY = 86_400_000;
const now = Date.parse("2026-11-21T12:00:00Z");

const since: Stream["cursor"] = { type: "updatedSince", from: "$record#/updated", to: "query.since" };
const each: Stream["each"] = { request: { method: "GET", path: "/lists" }, select: "$response.body", into: "list" };
const definition = (more: Partial<Stream> = {}): Stream => ({
  title: "Items",
  request: { method: "GET", path: "/items" },
  records: { select: "$response.body#/items", primaryKey: "/id" },
  cursor: since,
  ...more,
});
const stream = (more: Partial<StreamRecord> = {}): StreamRecord =>
  ({ id: 1, lastSuccessAt: now, verifiedAt: now, ...more }) as StreamRecord;

/** After how many days a stream that was verified now is verified again; Infinity when not within 30 days. */
function daysUntil(stream: StreamRecord, of: Stream): number {
  for (let hours = 0; hours <= 30 * 24; hours++) {
    const at = now + hours * 3_600_000;
    if (isToBeVerified({ ...stream, lastSuccessAt: Math.max(now, at - 3_600_000) }, of, at)) return hours / 24;
  }
  return Infinity;
}

describe("a compared read of everything", () => {
  it.each<[string, Partial<Stream>, number]>([
    ["updatedSince", {}, 7],
    ["keyset", { cursor: { type: "keyset", values: ["$record#/t"], to: "body.after" } }, 7],
    ["updatedSince with deleted", { deleted: "deleted" }, Infinity],
    ["updatedSince with deleted and one cursor for several lists", { deleted: "deleted", each }, 7],
    [
      "updatedSince with deleted and a cursor for each of several lists",
      { deleted: "deleted", each, cursor: { ...since, per: "item" } },
      Infinity,
    ],
    ["updatedSince that forgets", { records: { ...definition().records, remember: "P7D" } }, Infinity],
    ["syncToken", { cursor: { type: "syncToken", from: "$response.body#/t", to: "query.t" } }, Infinity],
    ["snapshot", { cursor: { type: "snapshot" } }, Infinity],
    ["a declared interval", { deleted: "deleted", verifyEvery: "P2D" }, 2],
  ])("is due within the interval: %s", (_, more, days) => {
    const until = daysUntil(stream(), definition(more));
    expect(until).toBeGreaterThan(0);
    expect(until === Infinity).toBe(days === Infinity);
    expect(until).toBeLessThanOrEqual(days);
  });

  it("comes at a time of its own for each stream, also where none was ever verified", () => {
    const streams = Array.from({ length: 700 }, (_, n) => stream({ id: n + 1, verifiedAt: null }));
    const days = streams.map((one) => Math.floor(daysUntil(one, definition())));
    for (let day = 0; day < 7; day++) {
      const share = days.filter((each) => each === day).length;
      expect(share).toBeGreaterThan(70);
      expect(share).toBeLessThan(130);
    }
  });

  it("is due after a pause as long as tombstones are kept", () => {
    const declared = definition({ deleted: "deleted", tombstones: "P30D" });
    const after = (ms: number) => isToBeVerified(stream({ lastSuccessAt: now - ms }), declared, now);
    expect(after(30 * DAY - 1)).toBe(false);
    expect(after(30 * DAY)).toBe(true);
  });

  it("reports deletions that increments do not show, once", async () => {
    const bench = await createBench({ before: (vendor) => ["a", "b", "c"].forEach((id) => vendor.put(id)) });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("since_any", { everySeconds: 86_400 });
    bench.vendor.remove("a");
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual([]);
    bench.clock.advance(7 * DAY);
    await bench.settle();
    expect((await bench.seen()).filter((event) => event.startsWith("item."))).toEqual(["item.any a"]);
    bench.vendor.requests.length = 0;
    await bench.poll(subscription);
    expect(bench.vendor.requests.every((request) => request.includes("updatedMin="))).toBe(true);
    expect(await bench.seen()).toEqual([]);
  });
});

describe("a read that stopped between two pages", () => {
  it.each([
    ["goes on as long as the vendor keeps tombstones", 29, []],
    ["gives way to a compared read once the vendor has forgotten deletions", 30, ["item.any a", "stream.gap"]],
  ])("%s", async (_, days, told) => {
    const { since } = (vendorManifest() as { streams: Record<string, object> }).streams;
    const streams = { since: { ...since, deleted: "deleted", tombstones: "P30D" } };
    const bench = await createBench({
      manifest: vendorManifest({ streams }),
      before: (vendor) => ["a", "b", "c", "d"].forEach((id) => vendor.put(id)),
    });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const { vendor } = bench;
    const subscription = await bench.subscribe("since_any", { everySeconds: 365 * 86_400 });
    const begun = bench.clock.now();
    for (const id of ["b", "c", "d"]) vendor.put(id, { name: "new" });
    vendor.faults.push(() => false);
    vendor.fail(409);
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).checkpoint).toMatchObject({ complete: false });
    await bench.seen();
    vendor.remove("a");
    bench.clock.set(begun + days * DAY);
    const events = await bench.seen();
    expect(events.filter((event) => event === "item.any a" || event === "stream.gap")).toEqual(told);
    expect(events).toContain("item.any d");
  });
});

describe("a sync token for each of several lists", () => {
  it("goes on in each list, reads a late one whole, and compares when one has vanished", async () => {
    const lists = {
      title: "Items of lists",
      each: { request: { method: "GET", path: "/lists" }, select: "$response.body#/lists", into: "list", key: "/name" },
      request: { method: "GET", path: "/items", query: { list: "$item#/name" } },
      records: { select: "$response.body#/items", primaryKey: ["/list/name", "/id"] },
      cursor: { type: "syncToken", from: "$response.body#/next", to: "query.token", per: "item" },
      deleted: "deleted",
      resource: { type: "item", map: { id: { $expr: "join('/', [list.name, id])" } } },
    };
    const contents: Record<string, string[]> = { x: ["1", "2"], y: ["1"] };
    const bench = await createBench({
      manifest: vendorManifest({ streams: { lists } }),
      before: (vendor) => {
        vendor.refuses = ({ url }, response) => {
          const { pathname, searchParams } = new URL(url!, vendor.url);
          const list = searchParams.get("list")!;
          const ids = contents[list] ?? [];
          const token = Number(searchParams.get("token") ?? 0);
          const body =
            pathname === "/lists"
              ? { lists: Object.keys(contents).map((name) => ({ name })) }
              : { items: ids.slice(token).map((id) => ({ id })), next: String(ids.length) };
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
          return true;
        };
      },
    });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("lists_any", { everySeconds: 600 });
    expect(await bench.seen()).toEqual([]);
    const poll = async (): Promise<[requests: string[], events: string[]]> => {
      bench.vendor.requests.length = 0;
      await bench.poll(subscription);
      return [bench.vendor.requests.map((line) => line.replace("GET /", "")), (await bench.seen()).toSorted()];
    };
    contents["x"]!.push("3");
    contents["z"] = ["1"];
    expect(await poll()).toEqual([
      ["lists", "items?list=x&token=2", "items?list=y&token=1", "items?list=z"],
      ["item.any x/3", "item.any z/1"],
    ]);
    delete contents["y"];
    const whole = ["lists", "items?list=x", "items?list=z"];
    expect(await poll()).toEqual([whole, []]);
    bench.vendor.requests.length = 0;
    bench.clock.advance(60_000);
    expect(await bench.seen()).toEqual(["item.any y|1"]);
    expect(bench.vendor.requests.map((line) => line.replace("GET /", ""))).toEqual(whole);
    expect(await poll()).toEqual([["lists", "items?list=x&token=3", "items?list=z&token=1"], []]);
  });
});

describe("a list that begins with the newest", () => {
  it("is read until the cursor is reached, and as a whole where it is compared", async () => {
    const newest = {
      title: "Newest first",
      request: { method: "GET", path: "/newest" },
      records: { select: "$response.body#/items", primaryKey: "/id" },
      pagination: { type: "offset", to: "query.offset", pageSize: { param: "query.limit", value: 2 }, stop: "empty" },
      cursor: { type: "updatedSince", from: "$record#/updated", order: "descending" },
      resource: { type: "item", map: { id: "$record#/id" } },
    };
    const bench = await createBench({
      manifest: vendorManifest({ streams: { newest } }),
      before: (vendor) => {
        for (const id of ["a", "b", "c", "d", "e"]) vendor.put(id);
        vendor.refuses = ({ url }, response) => {
          const offset = Number(new URL(url!, vendor.url).searchParams.get("offset"));
          const items = [...vendor.items.values()].sort((a, b) => b.updated - a.updated).slice(offset, offset + 2);
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items }));
          return true;
        };
      },
    });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("newest_any", { everySeconds: 86_400 });
    const poll = async (): Promise<[requests: number, events: string[]]> => {
      bench.vendor.requests.length = 0;
      await bench.poll(subscription);
      return [bench.vendor.requests.length, (await bench.seen()).toSorted()];
    };
    expect(await bench.seen()).toEqual([]);
    expect(await poll()).toEqual([1, []]);
    for (const id of ["f", "g", "a"]) bench.vendor.put(id);
    expect(await poll()).toEqual([3, ["item.any a", "item.any f", "item.any g"]]);
    bench.vendor.remove("b");
    expect(await poll()).toEqual([1, []]);
    bench.clock.advance(7 * DAY);
    expect((await poll())[1].filter((event) => event.startsWith("item."))).toEqual(["item.any b"]);
  });
});
