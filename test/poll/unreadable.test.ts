import { expect, it, onTestFinished } from "vitest";
import { createBench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

it("a record that the mapping cannot read is told without its resource, and stops no other", async () => {
  const { sync } = (vendorManifest() as { streams: Record<string, { records: object }> }).streams;
  const records = { ...sync!.records, timestamp: { $expr: "to_number(split(name, '-')[0])" } };
  const resource = { type: "item", map: { id: "$record#/id", words: { $expr: "split(name, ' ')" } } };
  const manifest = vendorManifest({ streams: { sync: { ...sync, records, resource } } });
  const bench = await createBench({ manifest });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe("sync_any");
  bench.vendor.put("a", { name: "one two" });
  bench.vendor.put("b", { name: 7 as unknown as string });
  bench.vendor.put("c", { name: "three" });
  await bench.poll(subscription);
  const told = (await bench.events()).map(({ data }) => data as Record<string, unknown>);
  expect(told.map(({ resource }) => resource)).toEqual([
    { type: "item", id: "a", words: ["one", "two"] },
    { type: "item", id: "b" },
    { type: "item", id: "c", words: ["three"] },
  ]);
  expect(told.map(({ resourceError }) => resourceError)).toEqual([
    undefined,
    { code: "invalid_expression", message: expect.stringContaining("split(name, ' ')") },
    undefined,
  ]);
  expect(told[1]).toMatchObject({ change: "created", record: { id: "b", name: 7 } });
  expect(await bench.runtime.subscriptions.health(subscription)).toMatchObject({ state: "active", lastError: null });
  await bench.poll(subscription);
  expect(await bench.seen()).toEqual([]);
});
