import { describe, expect, it, onTestFinished } from "vitest";
import { soon } from "../fixtures/wait.ts";
import type { VendorClient } from "../../runtime/accounts/client.ts";
import { createLog } from "../../runtime/core/log.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { ensureStream, streamsByIds, type Checkpoint } from "../../runtime/model/streams.ts";
import { MIN_SECONDS } from "../../runtime/poll/check.ts";
import { readStream } from "../../runtime/poll/read.ts";
import { MOST_PAGES } from "../../runtime/poll/page-limit.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createBench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

/** Reads a snapshot of so many pages, of one record each; gives what is stored then. */
async function readPages(count: number): Promise<{ asked: number; checkpoint: Checkpoint | null }> {
  const db = await openDatabase("sqlite::memory:");
  onTestFinished(() => db.close());
  await migrate(db);
  const compiled = compileConnector(await loadManifest(vendorManifest())).streams.get("snapshot")!;
  const key = { connection: "con_1", stream: "snapshot", input: {}, inputHash: "-", cursorVersion: 1 };
  const stream = await db.transaction((tx) => ensureStream(tx, key));
  let asked = 0;
  const client: Pick<VendorClient, "send"> = {
    send: async () => {
      const body = { items: [{ id: `i${asked}` }], ...(++asked < count && { page: String(asked) }) };
      return { status: 200, headers: {}, body, url: "" };
    },
  };
  await readStream({
    db,
    transaction: (work) => db.transaction(work),
    emit: async () => {},
    log: createLog({ level: "silent" }),
    now: () => 1_000,
    connector: "acme",
    user: "u_1",
    stream,
    compiled,
    requestHash: "hash",
    subscribers: [],
    releasesDeletions: true,
    source: { client: client as VendorClient, scope: {}, signal: new AbortController().signal },
  });
  const [stored] = await streamsByIds(db, [stream.id]);
  return { asked, checkpoint: stored!.checkpoint };
}

describe("one poll", () => {
  it("reads at most a thousand pages, and leaves a checkpoint where there are more", async () => {
    expect(MOST_PAGES).toBe(1000);
    expect(await readPages(1000)).toMatchObject({ asked: 1000, checkpoint: { page: null, sweepAfter: "i999" } });
    expect(await readPages(1001)).toMatchObject({ asked: 1000, checkpoint: { page: { token: "1000" } } });
  });
});

describe("polls of one connection", () => {
  it("are two at once at most", async () => {
    await using bench = await createBench({ before: (vendor) => vendor.put("a") });
    const { vendor, runtime, subscribe, settle } = bench;
    const subscriptions = await Promise.all(["sync_any", "snapshot_any", "since_any"].map((name) => subscribe(name)));
    let open = 0;
    let most = 0;
    const held: (() => void)[] = [];
    for (const _ of subscriptions) {
      vendor.faults.push((_request, response) => {
        most = Math.max(most, ++open);
        held.push(() => {
          open--;
          response.setHeader("content-type", "application/json").end(JSON.stringify({ items: [], next: "1" }));
        });
        return true;
      });
    }
    for (const id of subscriptions) await runtime.subscriptions.poll(id);
    await soon(() => expect(open).toBe(2));
    await (runtime.engine as JobEngine).tick();
    expect(vendor.faults).toHaveLength(1);
    held.shift()!();
    await soon(() => expect(held).toHaveLength(2));
    for (const answer of held) answer();
    await settle();
    expect([most, open]).toEqual([2, 0]);
  });
});

describe("a recovery after an expired cursor", () => {
  it("looks ten minutes further back than the last success: a vendor's clock may be behind ours", async () => {
    const manifest = vendorManifest() as { streams: Record<string, { cursor: { recover: object } }> };
    manifest.streams["history"]!.cursor.recover = {
      request: { method: "GET", path: "/recent", query: { since: "$cursor.sinceSeconds" } },
      pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
    };
    await using bench = await createBench({ manifest });
    const { vendor, clock, subscribe, poll, seen } = bench;
    const subscription = await subscribe("history_any");
    const lastSuccess = clock.now();
    vendor.put("in time", { updated: lastSuccess - 600_000 });
    vendor.put("too early", { updated: lastSuccess - 601_000 });
    vendor.expire();
    await poll(subscription);
    expect(await seen()).toEqual(["item.any in time", "stream.gap"]);
  });
});

describe("a vendor that refuses", () => {
  it.each([
    ["with a limit, and does not say for how long", 429, 1],
    ["with a server error", 500, 3],
  ])("%s is asked again no more often than the schedule says", async (_, status, requests) => {
    await using bench = await createBench({ random: 0 });
    const { vendor, clock, subscribe, settle } = bench;
    const subscription = await subscribe("sync_any", { everySeconds: 3600 });
    vendor.refuses = (_request, response) => {
      response.writeHead(status, { "content-type": "application/json" }).end("{}");
      return true;
    };
    vendor.requests.length = 0;
    for (let hour = 1; hour <= 2; hour++) {
      const { nextPollAt } = await bench.streamOf(subscription);
      clock.set(nextPollAt!);
      await settle();
      for (let minute = 1; minute < 60; minute++) {
        clock.advance(60_000);
        if (minute % 10 === 1) await settle();
      }
      expect(vendor.requests).toHaveLength(hour * requests);
    }
  });
});

describe("an interval", () => {
  it.each([
    ["of the manifest", 90, 90],
    ["of a minute where the manifest says nothing", undefined, 60],
  ])("is not shorter than that %s", async (_name, minSeconds, least) => {
    expect(MIN_SECONDS).toBe(60);
    const manifest = vendorManifest() as { triggers: Record<string, { schedule: object }> };
    manifest.triggers["sync_any"]!.schedule = { default: "*/5 * * * *", ...(minSeconds && { minSeconds }) };
    await using bench = await createBench({ manifest });
    const { connection, runtime } = bench;
    const wanted = (everySeconds: number) =>
      runtime.subscriptions.create({ connection, trigger: "sync_any", everySeconds });
    await expect(wanted(least - 1)).rejects.toMatchObject({
      code: "invalid_input",
      message: `subscription/everySeconds: must be at least ${least} for sync_any`,
    });
    expect(await wanted(least)).toMatchObject({ everySeconds: least });
  });
});
