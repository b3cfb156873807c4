import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it, onTestFinished } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

let bench: Bench;
afterEach(async () => {
  await bench[Symbol.asyncDispose]();
});

async function withItems(...ids: string[]): Promise<Bench> {
  bench = await createBench({ before: (vendor) => ids.forEach((id) => vendor.put(id)) });
  return bench;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const refusal = async (work: Promise<unknown>): Promise<HooklineError> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(HooklineError);
  return error as HooklineError;
};

describe("making a subscription", () => {
  it("names the nearest trigger for one that does not exist", async () => {
    const { runtime, connection } = await withItems();
    const error = await refusal(runtime.subscriptions.create({ connection, trigger: "sync_creatd" }));
    expect(error.code).toBe("invalid_input");
    expect(error.faults).toEqual([
      { pointer: "/trigger", message: 'Trigger "sync_creatd" does not exist; did you mean "sync_created"?' },
    ]);
  });

  it("tells everything that is wrong at once, with pointers", async () => {
    const { runtime, connection } = await withItems();
    const error = await refusal(
      runtime.subscriptions.create({
        connection,
        trigger: "snapshot_any",
        where: "record.",
        firstPoll: { since: "2026-01-01T00:00:00Z" },
        endpoint: "ep_none",
        everySeconds: 0,
      }),
    );
    expect(error.faults.map((fault) => fault.pointer)).toEqual(["/where", "/firstPoll", "/endpoint", "/everySeconds"]);
    const messages = error.faults.map((fault) => fault.message).join("\n");
    expect(messages).toMatch(/records of snapshot do not say when they changed; use "emitAll" or "baseline"/);
    expect(messages).toMatch(/Endpoint ep_none does not exist; list them to find the right id/);
    expect(messages).toMatch(/must be at least 1/);
  });

  it("refuses an endpoint that does not take the trigger's events", async () => {
    const { runtime, connection } = await withItems();
    const { id } = await runtime.endpoints.create({ url: "https://example.com/hook", events: ["group.*"] });
    const error = await refusal(runtime.subscriptions.create({ connection, trigger: "sync_created", endpoint: id }));
    expect(error.faults[0]!.message).toBe(
      `endpoint ${id} takes group.*, not item.created; add it to the endpoint's events`,
    );
  });

  it("refuses a connection that does not exist", async () => {
    const { runtime } = await withItems();
    const error = await refusal(runtime.subscriptions.create({ connection: "con_none", trigger: "sync_created" }));
    expect(error.faults).toEqual([
      { pointer: "/connection", message: "Connection con_none does not exist; list them to find the right id" },
    ]);
  });
});

describe("a subscription", () => {
  it("hears only of what its own condition lets through, and a condition that cannot be evaluated lets nothing through", async () => {
    const { vendor, subscribe, poll, seen } = await withItems("a");
    const subscription = await subscribe("sync_created", { where: "starts_with(record.name, 'wanted')" });
    await subscribe("sync_created", { where: "abs(record.name) > `1`" });
    vendor.put("b", { name: "wanted" });
    vendor.put("c", { name: "other" });
    await poll(subscription);
    expect(await seen()).toEqual(["item.created b"]);
  });

  it("that comes to read another stream counts on from its last event", async () => {
    const { vendor, runtime, subscribe, poll, events } = await withItems("a");
    const subscription = await subscribe("sync_any");
    for (const id of ["b", "c"]) vendor.put(id);
    await poll(subscription);
    const sequences = async () => (await events()).map(({ data }) => (data as { sequence: number }).sequence);
    expect(await sequences()).toEqual([1, 2]);
    const { id: stream } = await bench.streamOf(subscription);
    await runtime.db.run("update subscriptions set stream = -1 where id = ?", [subscription]);
    await runtime.db.run("delete from streams where id = ?", [stream]);
    await runtime.subscriptions.update(subscription, { everySeconds: 60 });
    await poll(subscription);
    vendor.put("d");
    await poll(subscription);
    expect(await sequences()).toEqual([3]);
  });

  it.each([
    ["a page of several", { page: "2" }],
    ["the only page", { next: "9" }],
    ["what changed since", { next: "9" }],
  ])("that is removed while %s is read leaves nothing behind", async (what, answer) => {
    const { vendor, runtime, subscribe, connection, settle } = await withItems("a");
    const isIncrement = what === "what changed since";
    const before = isIncrement ? await subscribe("sync_any") : undefined;
    const [asked, answered] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    vendor.instead = (_url, response) => {
      vendor.instead = () => false;
      asked.resolve();
      const items = ["x", "y"].map((id) => ({ id, name: id }));
      void answered.promise.then(() =>
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items, ...answer })),
      );
      return true;
    };
    const id =
      before ?? (await runtime.subscriptions.create({ connection, trigger: "sync_any", firstPoll: "emitAll" })).id;
    if (isIncrement) await runtime.subscriptions.poll(id);
    await asked.promise;
    await runtime.subscriptions.remove(id);
    await runtime.db.run("delete from events");
    answered.resolve();
    await settle();
    for (const table of ["streams", "known", "tellings", "events"])
      expect(await runtime.db.get(`select count(*) as n from ${table}`)).toEqual({ n: 0 });
  });

  it("that is paused is not polled, and after its pause hears of everything in between", async () => {
    const { vendor, runtime, clock, subscribe, settle, seen } = await withItems("a");
    const subscription = await subscribe("sync_any");
    await runtime.subscriptions.pause(subscription);
    vendor.requests.length = 0;
    vendor.put("b");
    clock.advance(3_600_000);
    await settle();
    expect(vendor.requests).toEqual([]);
    expect((await runtime.subscriptions.health(subscription)).state).toBe("paused");
    expect((await refusal(runtime.subscriptions.poll(subscription))).message).toMatch(
      /is paused; resume it before polling/,
    );
    await runtime.subscriptions.resume(subscription);
    expect(await seen()).toEqual(["item.any b"]);
  });

  it("whose trigger the manifest no longer has is paused and told so, while the others of its stream are read on", async () => {
    const store = `sqlite:${join(temporaryFolder(), "hookline.db")}`;
    bench = await createBench({ store, before: (one) => one.put("a") });
    const { vendor, subscribe, poll, events, restart } = bench;
    const kept = await subscribe("sync_created");
    const lost = await subscribe("sync_any");
    await events();
    const whole = vendorManifest() as { triggers: Record<string, object> };
    const { sync_any: _gone, ...triggers } = whole.triggers;
    await restart({ ...whole, triggers });
    vendor.put("b");
    await poll(kept);
    const told = await events();
    expect(told).toHaveLength(2);
    expect(told).toContainEqual(
      expect.objectContaining({
        type: "subscription.degraded",
        data: expect.objectContaining({ subscription: lost, code: "trigger_missing" }),
      }),
    );
    expect(told).toContainEqual(expect.objectContaining({ type: "item.created" }));
    vendor.put("c");
    await poll(kept);
    expect(await bench.seen()).toEqual(["item.created c"]);
    expect((await refusal(bench.runtime.subscriptions.resume(lost))).message).toMatch(
      /trigger sync_any, which connector acme no longer has; restore the trigger in the manifest and resume/,
    );
    await restart();
    await bench.runtime.subscriptions.resume(lost);
    const [gap, ...more] = await events();
    expect(gap).toMatchObject({ type: "stream.gap", data: { subscription: lost, reason: "paused" } });
    expect(more).toEqual([]);
    vendor.put("d");
    await poll(lost);
    expect((await bench.seen()).toSorted()).toEqual(["item.any d", "item.created d"]);
  });

  it("that was paused while another read its stream is told that there is a gap", async () => {
    const { vendor, runtime, subscribe, poll, events } = await withItems("a");
    const other = await subscribe("sync_created");
    const subscription = await subscribe("sync_any");
    await runtime.subscriptions.pause(subscription);
    vendor.put("b");
    await poll(other);
    await events();
    await runtime.subscriptions.resume(subscription);
    const [gap] = await events();
    expect(gap).toMatchObject({ type: "stream.gap", data: { subscription, reason: "paused" } });
  });

  it.each([
    ["before its stream is degraded, and resumed before it recovers,", 1],
    ["after its stream is degraded, and resumed after it recovers,", 3],
  ])("that is paused %s is told of its trouble and its recovery alike", async (_, hour) => {
    const { vendor, runtime, clock, subscribe, settle, events, poll } = await withItems("a");
    const other = await subscribe("sync_any", { everySeconds: 3600 });
    const paused = await subscribe("sync_any", { everySeconds: 3600 });
    vendor.refuses = (_request, response) => {
      response.writeHead(403).end("{}");
      return true;
    };
    for (let passed = 1; passed <= 4; passed++) {
      clock.advance(3_600_000);
      await settle();
      if (passed === hour) await runtime.subscriptions.pause(paused);
    }
    vendor.refuses = () => false;
    if (hour === 3) await poll(other);
    await runtime.subscriptions.resume(paused);
    await poll(paused);
    const told = (await events()).filter(({ data }) => (data as { subscription?: string }).subscription === paused);
    expect(told.map(({ type }) => type).filter((type) => type.startsWith("subscription."))).toEqual([
      "subscription.degraded",
      "subscription.recovered",
    ]);
  });

  it("is degraded after three intervals without a success, and recovers, with one event each", async () => {
    const { vendor, runtime, clock, subscribe, settle, seen } = await withItems("a");
    const subscription = await subscribe("sync_any", { everySeconds: 3600 });
    const { lastSuccessAt } = await runtime.subscriptions.health(subscription);
    for (let i = 0; i < 40; i++) vendor.fail(403, { error: "no" });
    const told: string[] = [];
    const lags: number[] = [];
    const isNamed: boolean[] = [];
    for (let hour = 1; hour <= 5; hour++) {
      clock.set(Date.parse(lastSuccessAt!) + hour * 3_600_000);
      await settle();
      told.push(...(await seen()).map((event) => `${hour} ${event}`));
      const { lagSeconds, cause } = await runtime.subscriptions.health(subscription);
      lags.push(lagSeconds);
      isNamed.push(cause?.code === "vendor_error");
    }
    expect(told).toEqual(["3 subscription.degraded"]);
    expect(lags).toEqual([0, 3600, 7200, 10_800, 14_400]);
    expect(isNamed).toEqual([false, true, true, true, true]);
    expect((await runtime.subscriptions.health(subscription)).state).toBe("degraded");
    vendor.faults.length = 0;
    clock.advance(3_600_000);
    await settle();
    expect(await seen()).toEqual(["subscription.recovered"]);
    expect(await runtime.subscriptions.health(subscription)).toMatchObject({
      state: "active",
      lagSeconds: 0,
      consecutiveErrors: 0,
      lastError: null,
      cause: null,
    });
  });

  it("waits as long as a vendor's limit says, and counts it as no failure", async () => {
    const { vendor, runtime, clock, subscribe, settle } = await withItems("a");
    const subscription = await subscribe("sync_any");
    vendor.fail(429, {}, { "retry-after": "600" });
    clock.advance(60_000);
    await settle();
    const health = await runtime.subscriptions.health(subscription);
    expect(health).toMatchObject({ consecutiveErrors: 0, lastError: { code: "rate_limited" } });
    expect(Date.parse(health.nextPollAt!) - clock.now()).toBe(600_000);
  });

  it("continues after a restart where it stopped: nothing is told again, what changed in between is", async () => {
    const folder = temporaryFolder();
    bench = await createBench({ store: `sqlite:${folder}/hookline.db`, before: (vendor) => vendor.put("a") });
    const subscription = await bench.subscribe("sync_any");
    bench.vendor.put("b");
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any b"]);
    bench.vendor.put("c");
    await bench.restart();
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any c"]);
  });

  it("gets a baseline of its own when nobody read its stream any more", async () => {
    const { vendor, runtime, subscribe, seen } = await withItems("a");
    const first = await subscribe("sync_any");
    await runtime.subscriptions.remove(first);
    vendor.put("b");
    await subscribe("sync_any");
    expect(await seen()).toEqual([]);
  });
});

describe("a manifest that changed the request", () => {
  const changed = (more: object): object =>
    vendorManifest({
      streams: {
        since: {
          title: "Items",
          request: { method: "GET", path: "/since", query: { view: "full" } },
          records: { select: "$response.body#/items", primaryKey: "/id" },
          pagination: { type: "token", from: "$response.body#/page", to: "query.page" },
          cursor: { type: "updatedSince", from: "$record#/updated", to: "query.updatedMin" },
          ...more,
        },
      },
    });
  const upgrade = async (manifest: object): Promise<string[]> => {
    const folder = temporaryFolder();
    bench = await createBench({ store: `sqlite:${folder}/hookline.db`, before: (vendor) => vendor.put("a") });
    const subscription = await bench.subscribe("since_any");
    await bench.seen();
    bench.vendor.put("b");
    await bench.restart(manifest);
    await bench.poll(subscription);
    const told = await bench.seen();
    bench.vendor.put("c");
    await bench.poll(subscription);
    return [...told, ...(await bench.seen())];
  };

  it("without a word takes a new baseline and reports the gap", async () => {
    expect(await upgrade(changed({}))).toEqual(["stream.gap", "item.any c"]);
  });

  it("with a declared resync compares everything with what is known", async () => {
    const manifest = changed({ cursorVersion: 2, migrate: "resync", watch: { tags: "tags", status: "status" } });
    expect(await upgrade(manifest)).toEqual(["item.any b", "item.any c"]);
  });

  it("with a declared keep goes on at the cursor, and knows records by what they were known by before", async () => {
    const records = {
      select: "$response.body#/items",
      primaryKey: ["/id", "/name"],
      fingerprint: { $expr: "[name]" },
      former: { primaryKey: "/id", fingerprint: { $expr: "@" } },
    };
    expect(await upgrade(changed({ cursorVersion: 2, migrate: "keep", records }))).toEqual([
      "item.any b|b",
      "item.any c|c",
    ]);
    expect(bench.vendor.requests.filter((line) => line.includes("view=full") && !line.includes("updatedMin"))).toEqual(
      [],
    );
  });
});

describe("a stream", () => {
  it("is read by nobody at the same time twice", async () => {
    const { vendor, runtime, subscribe, settle } = await withItems("a");
    const subscription = await subscribe("sync_any");
    let open = 0;
    let most = 0;
    for (let i = 0; i < 4; i++) {
      vendor.faults.push((_request, response) => {
        most = Math.max(most, ++open);
        setTimeout(() => {
          open--;
          response.setHeader("content-type", "application/json").end(JSON.stringify({ items: [], next: "1" }));
        }, 20);
        return true;
      });
    }
    await Promise.all(Array.from({ length: 4 }, () => runtime.subscriptions.poll(subscription)));
    await settle();
    expect(most).toBe(1);
    expect((await bench.streamOf(subscription)).consecutiveErrors).toBe(0);
  });
});
