import { afterEach, describe, expect, it } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import type { StreamRecord } from "../../runtime/model/streams.ts";
import { readStream } from "../../runtime/poll/read.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

/** A read whose process dies before its last transaction. */
async function readAndDie(stream: StreamRecord): Promise<void> {
  const { runtime, connection, clock } = bench;
  const compiled = runtime.connectors.get("acme")!.streams.get(stream.stream)!;
  await readStream({
    db: runtime.db,
    transaction: (work) => runtime.db.transaction(work),
    emit: async () => {},
    log: createLog({ level: "silent" }),
    now: () => clock.now(),
    connector: "acme",
    user: "u_1",
    stream,
    compiled,
    requestHash: stream.requestHash!,
    subscribers: [],
    releasesDeletions: true,
    source: {
      client: await runtime.accounts.client(connection),
      scope: {},
      signal: new AbortController().signal,
    },
  });
}

describe("a complete read of one page whose process died before the end", () => {
  it("takes nothing that is still there for deleted", async () => {
    bench = await createBench({ before: (vendor) => ["a", "b", "c"].forEach((id) => vendor.put(id)) });
    const { vendor, clock, subscribe, poll, seen, streamOf } = bench;
    vendor.pageSize = 100;
    const subscription = await subscribe("snapshot_any");
    clock.advance(1000);
    vendor.put("d");
    await readAndDie(await streamOf(subscription));
    vendor.remove("b");
    await poll(subscription);
    expect((await seen()).toSorted()).toEqual(["item.any b"]);
    expect((await streamOf(subscription)).checkpoint).toBeNull();
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
    const { vendor, subscribe, poll, seen, streamOf } = bench;
    const subscription = await subscribe("snapshot_any");
    expect(await streamOf(subscription)).toMatchObject({
      baselinedAt: null,
      checkpoint: { page: { token: "4" } },
    });
    vendor.requests.length = 0;
    await poll(subscription);
    expect(vendor.requests).toEqual(["GET /snapshot?page=4"]);
    expect(await streamOf(subscription)).toMatchObject({ checkpoint: null, consecutiveErrors: 0 });
    expect(await seen()).toEqual([]);
  });
});
