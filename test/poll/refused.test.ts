import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

type Refusal = (response: ServerResponse) => void;

const withStatus =
  (status: number, body: object = { message: "Nope" }): Refusal =>
  (response) =>
    void response
      // Longer than a request waits for.
      .writeHead(status, { "content-type": "application/json", ...(status === 429 && { "retry-after": "60" }) })
      .end(JSON.stringify(body));

const isWithCursor = ({ url }: IncomingMessage): boolean => /[?&](syncToken|updatedMin|start)=/.test(url!);

/** A stream whose first poll is over, at a vendor that refuses requests from now on. */
async function refusing(trigger: string, refuse: Refusal, isRefused = isWithCursor): Promise<[Bench, string]> {
  const bench = await createBench({ random: 0, before: (vendor) => vendor.put("a") });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe(trigger, { everySeconds: 600 });
  expect(await bench.seen()).toEqual([]);
  bench.vendor.refuses = (request, response) => {
    if (!isRefused(request)) return false;
    refuse(response);
    return true;
  };
  bench.vendor.put("b");
  bench.vendor.requests.length = 0;
  return [bench, subscription];
}

describe("a cursor that is refused in words that are no expiry", () => {
  it.each([
    ["400", "sync_any", withStatus(400)],
    ["403", "sync_any", withStatus(403)],
    ["404", "sync_any", withStatus(404)],
    ["409", "since_any", withStatus(409)],
    ["418", "sync_any", withStatus(418)],
    ["200 without the declared list", "sync_any", withStatus(200, { error: "bad token" })],
  ])("leads to a compared read of everything at the third refusal: %s", async (_, trigger, refuse) => {
    const [bench, subscription] = await refusing(trigger, refuse);
    for (let tries = 1; tries < 3; tries++) {
      await bench.poll(subscription);
      expect(await bench.seen()).toEqual([]);
      expect((await bench.streamOf(subscription)).refusals).toBe(tries);
    }
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any b"]);
    const stream = await bench.streamOf(subscription);
    expect(stream).toMatchObject({ refusals: 0, consecutiveErrors: 0, checkpoint: null });
    expect(stream.cursor).not.toBeNull();
  });

  it.each([401, 402, 429, 408, 500])("is kept when the answer is not about it: %d", async (status) => {
    const [bench, subscription] = await refusing("sync_any", withStatus(status));
    for (let tries = 0; tries < 4; tries++) {
      bench.clock.advance(3_600_000);
      await bench.poll(subscription);
    }
    expect(bench.vendor.requests.every((request) => request.includes("syncToken="))).toBe(true);
    expect((await bench.streamOf(subscription)).refusals).toBe(0);
  });

  it("is left out for a server error once nothing has succeeded for a day", async () => {
    const [bench, subscription] = await refusing("sync_any", withStatus(500));
    bench.clock.advance(24 * 3_600_000 - 5000);
    for (let tries = 0; tries < 3; tries++) await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).refusals).toBe(0);
    bench.clock.advance(5000);
    for (let tries = 0; tries < 3; tries++) await bench.poll(subscription);
    expect(await bench.seen()).toContain("item.any b");
  });

  it("is kept when the list is refused without it too", async () => {
    const [bench, subscription] = await refusing("sync_any", withStatus(400), ({ url }) => url!.startsWith("/sync"));
    const { cursor } = await bench.streamOf(subscription);
    for (let tries = 0; tries < 4; tries++) await bench.poll(subscription);
    const withoutCursor = bench.vendor.requests.filter((request) => !isWithCursor({ url: request } as IncomingMessage));
    expect(withoutCursor).toHaveLength(1);
    expect((await bench.streamOf(subscription)).cursor).toEqual(cursor);
    bench.vendor.refuses = () => false;
    bench.vendor.remove("a");
    bench.vendor.requests.length = 0;
    await bench.poll(subscription);
    expect((await bench.seen()).toSorted()).toEqual(["item.any a", "item.any b"]);
    expect(bench.vendor.requests[0]).toContain("syncToken=");
  });

  it("reports nothing that was forgotten because it is old", async () => {
    const since = {
      title: "Items",
      request: { method: "GET", path: "/since" },
      records: { select: "$response.body#/items", primaryKey: "/id", remember: "P7D" },
      pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
      cursor: { type: "updatedSince", from: "$record#/updated", to: "query.updatedMin" },
      resource: { type: "item", map: { id: "$record#/id" } },
    };
    const bench = await createBench({ manifest: vendorManifest({ streams: { since } }), before: (v) => v.put("a") });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("since_any", { everySeconds: 86_400 });
    for (let day = 0; day < 10; day++) {
      bench.clock.advance(86_400_000);
      bench.vendor.put("newest", { updated: bench.clock.now() });
      await bench.settle();
    }
    await bench.seen();
    bench.vendor.put("b", { updated: bench.clock.now() });
    bench.vendor.refuses = (request, response) => {
      if (isWithCursor(request)) withStatus(400)(response);
      return isWithCursor(request);
    };
    for (let tries = 0; tries < 3; tries++) await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any b"]);
  });

  it("is kept where a new one is refused too, and nothing but a cursor can be had", async () => {
    const history = {
      title: "History",
      request: { method: "GET", path: "/history" },
      records: { select: "$response.body#/items", primaryKey: "/id" },
      pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
      cursor: {
        type: "sequence",
        baseline: { request: { method: "GET", path: "/profile" }, from: "$response.body#/number" },
        from: "$response.body#/number",
        to: "query.start",
      },
      resource: { type: "item", map: { id: "$record#/id" } },
    };
    const bench = await createBench({ manifest: vendorManifest({ streams: { history } }), before: (v) => v.put("a") });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    const subscription = await bench.subscribe("history_any", { everySeconds: 600 });
    const { cursor } = await bench.streamOf(subscription);
    bench.vendor.put("b");
    bench.vendor.refuses = ({ url }, response) => {
      if (!url!.startsWith("/history")) return false;
      withStatus(400)(response);
      return true;
    };
    for (let tries = 0; tries < 4; tries++) await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).cursor).toEqual(cursor);
    bench.vendor.refuses = () => false;
    await bench.poll(subscription);
    expect(await bench.seen()).not.toContain("stream.gap");
  });
});
