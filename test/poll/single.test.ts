import { describe, expect, it } from "vitest";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

const input = { type: "object", required: ["id"], properties: { id: { type: "string" } } };
const single = {
  title: "One",
  input,
  request: { method: "GET", path: "/one", query: { id: "$input.id" } },
  records: { select: "$response.body", primaryKey: "$input.id", fingerprint: { $expr: "[name, status]" } },
  cursor: { type: "snapshot", single: true },
  accept: ["notFound"],
};

async function bench(stream: object): Promise<Bench> {
  const manifest = vendorManifest({ streams: { one: stream } }) as { triggers: Record<string, { input?: object }> };
  manifest.triggers.one_any!.input = input;
  return createBench({ manifest });
}

describe("a single record", () => {
  it("without an id is known by the input it was asked for by", async () => {
    await using b = await bench(single);
    b.vendor.put("a", { name: "first" });
    const subscription = await b.subscribe("one_any", { input: { id: "a" } });
    expect(await b.seen()).toEqual([]);
    b.vendor.put("a", { name: "second" });
    await b.poll(subscription);
    expect(await b.events()).toMatchObject([{ type: "item.any", data: { change: "updated", resource: { id: "a" } } }]);
  });

  it("that is not there yet is no failure, and fires when it appears and when it is gone", async () => {
    await using b = await bench(single);
    const subscription = await b.subscribe("one_any", { input: { id: "a" } });
    expect(await b.runtime.subscriptions.health(subscription)).toMatchObject({ state: "active", lastError: null });
    b.vendor.put("a");
    await b.poll(subscription);
    expect(await b.events()).toMatchObject([{ data: { change: "created", resource: { id: "a" } } }]);
    b.vendor.remove("a");
    await b.poll(subscription);
    expect(await b.events()).toMatchObject([{ data: { change: "deleted", resource: { id: "a" } } }]);
    await b.poll(subscription);
    expect(await b.events()).toEqual([]);
  });

  it("whose stream accepts no error fails when it is not there", async () => {
    const { accept: _, ...strict } = single;
    await using b = await bench(strict);
    const subscription = await b.subscribe("one_any", { input: { id: "a" } });
    const { lastError } = await b.runtime.subscriptions.health(subscription);
    expect(lastError).toMatchObject({
      code: "vendor_error",
      message: "acme /one: the vendor answered 404: no such item; check the id",
    });
  });

  it("is not taken for gone by an error that is not accepted", async () => {
    await using b = await bench(single);
    b.vendor.put("a");
    const subscription = await b.subscribe("one_any", { input: { id: "a" } });
    b.vendor.fail(403);
    await b.poll(subscription);
    expect(await b.events()).toEqual([]);
  });
});
