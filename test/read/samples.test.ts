import { expect, it, onTestFinished } from "vitest";
import { createBench, type Bench } from "../poll/harness.ts";
import { Lists, LIST_STREAMS } from "../poll/list-vendor.ts";
import { vendorManifest } from "../poll/vendor.ts";

async function benchOf(streams: Record<string, object>): Promise<Bench> {
  const bench = await createBench({ manifest: vendorManifest({ streams }) });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  return bench;
}

const sampleOf = ({ runtime, connection }: Bench, trigger: string) =>
  runtime.samples.get(connection, trigger, { live: true });
const snapshot = (vendorManifest() as { streams: Record<string, object> }).streams["snapshot"]!;

it("a sample leaves out a record that cannot be had, and says which and why", async () => {
  const enrich = { request: { method: "GET", path: "/one", query: { id: "$record#/id" } } };
  const bench = await benchOf({ snapshot: { ...snapshot, enrich } });
  for (const id of ["a", "b"]) bench.vendor.put(id);
  bench.vendor.instead = (url, response) => {
    if (url.searchParams.get("id") !== "a") return false;
    response.writeHead(400, { "content-type": "application/json" }).end('{"message":"Invalid id value"}');
    return true;
  };
  const { live, data, leftOut } = await sampleOf(bench, "snapshot_any");
  expect(live).toBe(true);
  expect(data).toMatchObject([{ record: { id: "b" } }]);
  expect(leftOut).toEqual([
    { key: "a", error: { code: "vendor_error", message: expect.stringContaining("Invalid id value") as unknown } },
  ]);
});

it("a sample shows a record that the mapping cannot read without its resource", async () => {
  const resource = { type: "item", map: { id: "$record#/id", words: { $expr: "split(name, ' ')" } } };
  const bench = await benchOf({ snapshot: { ...snapshot, resource } });
  bench.vendor.put("a", { name: 7 as unknown as string });
  bench.vendor.put("b", { name: "one two" });
  expect((await sampleOf(bench, "snapshot_any")).data).toMatchObject([
    { record: { id: "a" }, resourceError: { code: "invalid_expression" } },
    { record: { id: "b" }, resource: { words: ["one", "two"] } },
  ]);
});

it("a sample of several lists passes over one that cannot be had, and fails when none can", async () => {
  const bench = await benchOf(LIST_STREAMS);
  const lists = new Lists(bench.vendor);
  for (const list of lists.names) lists.put(list, `${list}1`);
  lists.fail("x", { status: 403 });
  expect(await sampleOf(bench, "tokens_any")).toMatchObject({
    data: [{ record: { id: "y1" } }],
    leftOut: [{ key: "x", error: { code: "vendor_error" } }],
  });
  for (const list of lists.names) lists.fail(list, { status: 403 });
  await expect(sampleOf(bench, "tokens_any")).rejects.toMatchObject({ code: "vendor_error" });
});
