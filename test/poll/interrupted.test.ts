import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { StreamRead } from "../../runtime/poll/read.ts";
import { streamsByIds } from "../../runtime/store/streams.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A read whose process dies before its last transaction. */
async function readAndDie(stream: number): Promise<void> {
  const { runtime, connection, clock } = bench;
  const [record] = await streamsByIds(runtime.db, [stream]);
  const compiled = runtime.connectors.get("acme")!.streams.get(record!.stream)!;
  await new StreamRead({
    db: runtime.db,
    emit: async () => {},
    transaction: (work) => runtime.db.transaction(work),
    log: createLog({ level: "silent" }),
    now: () => clock.now(),
    stream: record!,
    compiled,
    requestHash: record!.requestHash!,
    subscribers: [],
    source: {
      client: await runtime.connect.client(connection),
      scope: {},
      scopes: [],
      signal: new AbortController().signal,
    },
    context: { connector: "acme", connection, user: "u_1", stream, compiled },
  }).run();
}

describe("a complete read of one page whose process died before the end", () => {
  it("takes nothing that is still there for deleted", async () => {
    bench = await createBench({ before: (vendor) => ["a", "b", "c"].forEach((id) => vendor.put(id)) });
    const { vendor, clock, runtime, subscribe, poll, seen } = bench;
    vendor.pageSize = 100;
    const subscription = await subscribe("snapshot_any");
    const { stream } = await runtime.subscriptions.get(subscription);
    clock.advance(1000);
    vendor.put("d");
    await readAndDie(stream);
    vendor.remove("b");
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.any b"]);
    const [ended] = await streamsByIds(runtime.db, [stream]);
    expect(ended!.checkpoint).toBeNull();
  });
});

describe("a list with more pages than one poll may read", () => {
  it("is read on where it stopped by the next poll, and tells nothing until it is complete", async () => {
    const manifest = vendorManifest() as { streams: Record<string, { pagination: object }> };
    manifest.streams.snapshot!.pagination = { ...manifest.streams.snapshot!.pagination, maxPages: 2 };
    bench = await createBench({
      manifest,
      before: (vendor) => ["a", "b", "c", "d", "e"].forEach((id) => vendor.put(id)),
    });
    const { vendor, runtime, subscribe, poll, seen } = bench;
    const subscription = await subscribe("snapshot_any");
    const { stream } = await runtime.subscriptions.get(subscription);
    expect((await streamsByIds(runtime.db, [stream]))[0]).toMatchObject({
      baselinedAt: null,
      checkpoint: { page: { token: "4" } },
    });
    vendor.requests.length = 0;
    await poll(subscription);
    expect(vendor.requests).toEqual(["GET /snapshot?page=4"]);
    expect((await streamsByIds(runtime.db, [stream]))[0]).toMatchObject({ checkpoint: null, consecutiveErrors: 0 });
    expect(await seen()).toEqual([]);
  });
});
