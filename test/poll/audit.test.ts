import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { KeySet } from "../../runtime/poll/audit/key-set.ts";
import { RunningAudits } from "../../runtime/poll/audit/running.ts";
import type { SubscriptionAudit } from "../../runtime/poll/audit/view.ts";
import type { SqlValue } from "../../runtime/store/database.ts";
import { patientAudits } from "./audits.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest, type Vendor } from "./vendor.ts";

const DAY = 86_400_000;
/** Milliseconds for which a change may be missing from the increments. */
const LATE = 600_000;
const IDS = ["a", "b", "c", "d", "e"];
const NONE = { count: 0, keys: [] };

const putAll = (vendor: Vendor): void => IDS.forEach((id) => vendor.put(id));

/** A subscription whose first poll is over. */
async function polled(
  trigger: string,
  { before = putAll, ...options }: Parameters<typeof createBench>[0] = {},
): Promise<{
  bench: Bench;
  subscription: string;
  audit: () => Promise<SubscriptionAudit>;
  /** An audit that has the time to wait for what increments may show late. */
  settled: () => Promise<SubscriptionAudit>;
}> {
  const bench = await createBench({ before, random: 0, ...options });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe(trigger, { everySeconds: 86_400 });
  await bench.events();
  // What was there then is older than what increments may show late.
  bench.clock.advance(LATE + 60_000);
  return {
    bench,
    subscription,
    audit: () => bench.runtime.audits.audit(subscription),
    settled: () => patientAudits(bench).audits.audit(subscription, { timeoutSeconds: 601 }),
  };
}

/** Changes what is known, behind the product's back. */
async function tamper(bench: Bench, sql: string, ...params: SqlValue[]): Promise<void> {
  await bench.runtime.db.run(sql, params);
}

const one = (key: string) => ({ count: 1, keys: [key] });

/** Everything that is stored about streams, events and jobs. */
async function stored(bench: Bench): Promise<unknown> {
  const tables = ["streams", "known", "quarantine", "events", "subscriptions"];
  return Promise.all(tables.map((table) => bench.runtime.db.all(`select * from ${table} order by 1, 2`)));
}

describe("an audit of what is known", () => {
  it.each([
    ["sync", null],
    ["snapshot", null],
    ["since", expect.any(String)],
    ["search", expect.any(String)],
  ])("proves that nothing is lost of %s, and changes nothing", async (stream, verifiesAt) => {
    const { bench, subscription, audit } = await polled(`${stream}_any`);
    bench.vendor.put("b", { name: "changed" });
    await bench.poll(subscription);
    await bench.events();
    const before = await stored(bench);
    const beganAt = new Date(bench.clock.now()).toISOString();
    expect(await audit()).toEqual({
      subscription,
      subscriptions: [subscription],
      connection: bench.connection,
      stream,
      verdict: "proved",
      beganAt,
      endedAt: beganAt,
      read: 5,
      known: 5,
      lagSeconds: 0,
      missing: NONE,
      extra: NONE,
      stale: NONE,
      pending: NONE,
      unverified: NONE,
      verifiesAt,
      unsettled: NONE,
      held: NONE,
      quarantined: NONE,
      unread: NONE,
      notAudited: [],
    });
    expect(await stored(bench)).toEqual(before);
    expect(await bench.seen()).toEqual([]);
  });

  it("takes a record that is over for no loss, whether it is listed or not", async () => {
    const { snapshot } = (vendorManifest() as { streams: Record<string, object> }).streams;
    const manifest = vendorManifest({ streams: { snapshot: { ...snapshot, ended: "status == 'over'" } } });
    const { bench, subscription, audit } = await polled("snapshot_any", { manifest });
    bench.vendor.put("b", { status: "over" });
    await bench.poll(subscription);
    bench.vendor.items.delete("b");
    await bench.poll(subscription);
    expect(await audit()).toMatchObject({ verdict: "proved", read: 4, known: 4, extra: NONE });
  });

  it("names the keys that are missing, extra and stale when no poll will tell of them", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    await tamper(bench, "delete from known where key = 'a'");
    await tamper(bench, "update known set version = 'another' where key = 'c'");
    await tamper(bench, "update known set key = 'z' where key = 'e'");
    // Nothing but a wait says how old a difference is.
    expect(await audit()).toMatchObject({
      verdict: "partial",
      read: 5,
      known: 4,
      missing: NONE,
      extra: NONE,
      stale: NONE,
      unsettled: { count: 4, keys: ["a", "c", "e", "z"] },
    });
    const { audits, waits } = patientAudits(bench);
    const losses = { missing: { count: 2, keys: ["a", "e"] }, stale: one("c"), extra: one("z") };
    const all = { verdict: "different", read: 5, known: 4, ...losses, pending: NONE, unsettled: NONE };
    const told: number[] = [];
    const onWait = (milliseconds: number): void => void told.push(milliseconds);
    expect(await audits.audit(subscription, { timeoutSeconds: 601 }, {}, { onWait })).toMatchObject(all);
    expect([waits, told]).toEqual([[LATE], [LATE]]);
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual([]);
    expect(await audits.audit(subscription, { timeoutSeconds: 601 })).toMatchObject(all);
  });

  it("settles nothing in ten minutes that increments may show in that time, and waits no longer than it may", async () => {
    const { bench, subscription } = await polled("sync_any");
    const { audits, waits } = patientAudits(bench);
    await tamper(bench, "delete from known where key = 'a'");
    // A change that leaves the record's own time as it was, and that the increments show late.
    const { updated } = bench.vendor.items.get("b")!;
    bench.vendor.put("b", { name: "changed", updated });
    const shown = bench.vendor.items.get("b")!;
    bench.vendor.instead = (url, response) => {
      if (!url.searchParams.has("syncToken")) return false;
      const items = waits.length === 0 ? [] : [shown];
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ items, next: "99" }));
      return true;
    };
    const given = { timeoutSeconds: 600 };
    const early = { verdict: "partial", missing: NONE, stale: NONE, pending: NONE, unsettled: { count: 2 } };
    expect(await audits.audit(subscription, given)).toMatchObject(early);
    expect(waits).toEqual([]);
    const waited = await audits.audit(subscription, { timeoutSeconds: 601 });
    expect(waited).toMatchObject({ missing: one("a"), stale: NONE, pending: one("b"), unsettled: NONE });
    expect(waits).toEqual([LATE]);
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any b"]);
  });

  it.each(["since", "search"])("names at once what increments of %s can no longer list", async (stream) => {
    const { bench, subscription, audit } = await polled(`${stream}_any`);
    bench.vendor.now += 60_000;
    bench.vendor.put("newest");
    await bench.poll(subscription);
    // The overlap of the increments ends here, and the list still shows what bears just this time.
    const state = bench.vendor.items.get("newest")!.updated;
    const begin = state - (stream === "since" ? 5000 : 2000);
    bench.vendor.put("older", { updated: begin - 1 });
    bench.vendor.put("other", { updated: begin });
    expect(await audit()).toMatchObject({ verdict: "different", missing: one("older"), pending: one("other") });
  });

  it("calls different nothing that the next poll reports because it compares everything", async () => {
    const { bench, subscription, audit } = await polled("since_any");
    bench.vendor.now += 60_000;
    bench.vendor.put("newest");
    await bench.poll(subscription);
    await bench.seen();
    await tamper(bench, "delete from known where key = 'b'");
    const { verifiesAt } = await audit();
    const due = Date.parse(verifiesAt!);
    await tamper(bench, "update streams set next_poll_at = ?", due - 1);
    expect(await audit()).toMatchObject({ verdict: "different", missing: one("b"), pending: NONE });
    await tamper(bench, "update streams set next_poll_at = ?", due);
    expect(await audit()).toMatchObject({ verdict: "proved", missing: NONE, pending: one("b") });
  });

  it("counts what any of its reads has listed", async () => {
    const { bench, settled } = await polled("sync_any");
    await tamper(bench, "delete from known where key = 'a'");
    onRequest(
      bench,
      (url) => url.searchParams.has("syncToken"),
      () => {
        bench.vendor.remove("e");
        bench.vendor.put("f");
        bench.vendor.put("g");
      },
    );
    expect(await settled()).toMatchObject({ verdict: "different", missing: one("a"), read: 7, known: 4 });
  });

  it("calls a view that is filtered unsettled: what comes into it need not have changed", async () => {
    const { bench, subscription, audit, settled } = await polled("since_any");
    bench.vendor.now += 60_000;
    bench.vendor.put("newest");
    await bench.poll(subscription);
    await tamper(bench, "delete from known where key = 'a'");
    expect(await audit()).toMatchObject({ missing: one("a"), unsettled: NONE });
    await tamper(bench, `update streams set input = '{"tag":"vip"}' where stream = 'since'`);
    expect(await audit()).toMatchObject({ verdict: "partial", missing: NONE, unsettled: one("a") });
    expect(await settled()).toMatchObject({ missing: one("a") });
  });

  it("sees what is watched and known otherwise", async () => {
    const { bench, settled } = await polled("sync_any");
    await tamper(bench, `update known set watched = '{"tags":["vip"],"status":"open"}' where key = 'd'`);
    expect(await settled()).toMatchObject({ verdict: "different", stale: one("d"), missing: NONE, extra: NONE });
  });

  it("calls what the next poll tells of pending, and not a loss", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    bench.vendor.put("new");
    bench.vendor.put("b", { name: "changed" });
    bench.vendor.remove("c");
    const found = await audit();
    expect(found).toMatchObject({ verdict: "proved", missing: NONE, extra: NONE, stale: NONE, pending: { count: 3 } });
    expect(found.pending.keys.toSorted()).toEqual(["b", "c", "new"]);
    await bench.poll(subscription);
    expect((await bench.seen()).toSorted()).toEqual(["item.any b", "item.any c", "item.any new"]);
    expect(await audit()).toMatchObject({ verdict: "proved", pending: NONE, read: 5, known: 5 });
  });

  it("tells a loss from a pending change of the same time", async () => {
    const { bench, settled } = await polled("sync_any");
    bench.vendor.put("b", { name: "changed" });
    await tamper(bench, "update known set version = 'another' where key in ('b', 'c')");
    expect(await settled()).toMatchObject({ verdict: "different", stale: one("c"), pending: one("b") });
  });

  it("knows a record by the key it had before", async () => {
    const { bench, audit } = await polled("sync_any");
    bench.vendor.remove("a");
    bench.vendor.put("a2", { previousIds: ["a"] });
    expect(await audit()).toMatchObject({ verdict: "proved", pending: one("a2"), extra: NONE });
  });

  it("calls every difference pending where each poll reads everything, which then tells of it", async () => {
    const { bench, subscription, audit } = await polled("snapshot_any");
    await tamper(bench, "delete from known where key = 'a'");
    await tamper(bench, "update known set version = 'another' where key = 'c'");
    const found = await audit();
    expect(found).toMatchObject({ verdict: "proved", pending: { count: 2, keys: ["a", "c"] }, missing: NONE });
    await bench.poll(subscription);
    expect((await bench.seen()).toSorted()).toEqual(["item.any a", "item.any c"]);
    expect(await audit()).toMatchObject({ pending: NONE });
  });

  it("calls every difference pending once the cursor has expired, as then everything is compared", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    await tamper(bench, "delete from known where key = 'a'");
    bench.vendor.expire();
    expect(await audit()).toMatchObject({ verdict: "proved", pending: one("a"), missing: NONE });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any a"]);
  });

  it("calls deletions unverified where increments do not show them, and says when polls compare everything", async () => {
    const { bench, subscription, audit } = await polled("since_any");
    bench.vendor.now += 60_000;
    bench.vendor.put("later");
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any later"]);
    bench.vendor.put("later", { name: "changed" });
    await tamper(bench, "delete from known where key = 'b'");
    bench.vendor.remove("a");
    const found = await audit();
    expect(found).toMatchObject({
      verdict: "different",
      missing: one("b"),
      extra: NONE,
      unverified: one("a"),
      pending: one("later"),
    });
    const verifiesAt = Date.parse(found.verifiesAt!);
    expect(verifiesAt - bench.clock.now()).toBeLessThanOrEqual(7 * DAY);
    bench.clock.set(verifiesAt);
    await bench.settle();
    expect((await bench.seen()).filter((event) => event.startsWith("item.")).toSorted()).toEqual([
      "item.any a",
      "item.any b",
      "item.any later",
    ]);
    expect(await audit()).toMatchObject({ verdict: "proved", unverified: NONE, missing: NONE });
  });

  it("reports deletions in doubt as held", async () => {
    const many = Array.from({ length: 60 }, (_, n) => `m${n}`);
    const { bench, subscription, audit } = await polled("snapshot_any", {
      before: (vendor) => many.forEach((id) => vendor.put(id)),
    });
    for (const id of many.slice(0, 40)) bench.vendor.items.delete(id);
    expect(await audit()).toMatchObject({ verdict: "proved", pending: { count: 40 }, held: NONE });
    await bench.poll(subscription);
    bench.clock.advance(60_000);
    await bench.poll(subscription);
    expect((await bench.streamOf(subscription)).doubt).toMatchObject({ isHeld: true });
    const found = await audit();
    expect(found).toMatchObject({ verdict: "partial", read: 20, known: 60, extra: NONE, pending: NONE });
    expect(found.held.count).toBe(40);
  });

  it("shows the lag of a stream", async () => {
    const { bench, audit } = await polled("sync_any");
    await bench.runtime.engine.stop();
    bench.clock.advance(2 * DAY);
    expect((await audit()).lagSeconds).toBe(DAY / 1000 + 660);
  });
});

describe("an audit of a stream with several lists", () => {
  it("tells losses of each list from changes of each, and from moves between them", async () => {
    const lists = {
      title: "Items of lists",
      each: { request: { method: "GET", path: "/lists" }, select: "$response.body#/lists", into: "list", key: "/name" },
      request: { method: "GET", path: "/items", query: { list: "$item#/name" } },
      records: { select: "$response.body#/items", primaryKey: "/id", timestamp: "$record#/at" },
      cursor: { type: "syncToken", from: "$response.body#/next", to: "query.token", per: "item" },
      deleted: "deleted",
      resource: { type: "item", map: { id: "$record#/id" } },
    };
    type Entry = { id: string; at: number; deleted?: boolean };
    const at = Date.parse("2026-01-01T00:00:00Z");
    const log: Record<string, Entry[]> = {
      x: ["x1", "x2", "x3", "moved"].map((id) => ({ id, at })),
      y: [
        { id: "y1", at },
        { id: "moved", at, deleted: true },
      ],
    };
    const { bench, subscription, audit, settled } = await polled("lists_any", {
      manifest: vendorManifest({ streams: { lists } }),
      before: (vendor) => {
        vendor.instead = ({ pathname, searchParams }, response) => {
          const entries = log[searchParams.get("list")!] ?? [];
          const token = searchParams.get("token");
          const latest = new Map(entries.slice(Number(token)).map((entry) => [entry.id, entry]));
          const items = [...latest.values()];
          const all = { lists: Object.keys(log).map((name) => ({ name })) };
          const body = pathname === "/lists" ? all : { items, next: String(entries.length) };
          response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(body));
          return true;
        };
      },
    });
    expect(await audit()).toMatchObject({ verdict: "proved", read: 5, known: 5 });
    await tamper(bench, "delete from known where key = 'x1'");
    log["y"]!.push({ id: "y2", at });
    log["x"]!.push({ id: "x2", at, deleted: true });
    log["y"]!.push({ id: "x2", at });
    log["x"]!.push({ id: "x3", at, deleted: true });
    const found = await settled();
    expect(found).toMatchObject({ verdict: "different", read: 5, missing: one("x1"), extra: NONE, stale: NONE });
    expect(found.pending.keys.toSorted()).toEqual(["x2", "x3", "y2"]);
    await bench.poll(subscription);
    expect((await bench.seen()).toSorted()).toEqual(["item.any x2", "item.any x3", "item.any y2"]);
    expect(await settled()).toMatchObject({ verdict: "different", missing: one("x1"), pending: NONE });
  });
});

describe("an audit of a vendor that changes meanwhile", () => {
  it("takes nothing for lost that was there for a moment", async () => {
    const { bench, audit } = await polled("sync_any");
    bench.vendor.put("moment");
    onRequest(
      bench,
      (url) => url.searchParams.has("syncToken"),
      () => bench.vendor.remove("moment"),
    );
    expect(await audit()).toMatchObject({ verdict: "proved", missing: NONE, pending: NONE });
  });

  it("takes nothing for gone that a moving list has not shown", async () => {
    const { bench, audit } = await polled("sync_any");
    const isSecondPage = (url: URL): boolean =>
      url.searchParams.get("page") === "2" && !url.searchParams.has("syncToken");
    onRequest(bench, isSecondPage, () => bench.vendor.remove("a"));
    bench.vendor.requests.length = 0;
    expect(await audit()).toMatchObject({ verdict: "proved", extra: NONE, pending: NONE });
    expect(bench.vendor.requests.filter((request) => request === "GET /sync")).toHaveLength(2);
  });

  it("does not count what a poll tells of beside it", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    bench.vendor.put("b", { name: "changed" });
    bench.vendor.requests.length = 0;
    let isHeld = false;
    bench.vendor.instead = (url, response) => {
      if (isHeld || !url.searchParams.has("syncToken")) return false;
      isHeld = true;
      void (async () => {
        await bench.poll(subscription);
        await pipe(url, response);
      })();
      return true;
    };
    expect(await audit()).toMatchObject({ verdict: "proved", pending: NONE, stale: NONE, missing: NONE });
    expect(isHeld).toBe(true);
    expect(bench.vendor.requests.filter((request) => request === "GET /sync")).toHaveLength(1);
    expect(await bench.seen()).toEqual(["item.any b"]);
  });

  it("believes the later page of what two pages say of a record", async () => {
    const { bench, audit } = await polled("sync_any");
    const { items } = bench.vendor;
    const [d, e] = [items.get("d")!, items.get("e")!];
    items.delete("d");
    items.delete("e");
    items.set("a tombstone", { id: "e", deleted: true } as never);
    items.set("d", d).set("e", e);
    expect(await audit()).toMatchObject({ verdict: "proved", extra: NONE, unsettled: NONE });
  });

  it("reports nothing when what is known was replaced meanwhile", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    let isHeld = false;
    bench.vendor.instead = (url, response) => {
      if (isHeld || url.searchParams.get("page") !== "2") return false;
      isHeld = true;
      void (async () => {
        await tamper(bench, "update streams set baselined_at = baselined_at + 1");
        await pipe(url, response);
      })();
      return true;
    };
    await expect(audit()).rejects.toMatchObject({
      code: "conflict",
      message: `What is known of subscription ${subscription}'s stream was replaced while it was audited; audit it again`,
    });
  });

  it("begins a list again whose pages the vendor no longer knows", async () => {
    const { bench, audit } = await polled("sync_any");
    let refused = 0;
    bench.vendor.instead = (url, response) => {
      if (refused > 0 || url.searchParams.get("page") !== "4") return false;
      refused++;
      response.writeHead(404, { "content-type": "application/json" }).end("{}");
      return true;
    };
    expect(await audit()).toMatchObject({ verdict: "proved", read: 5 });
    expect(refused).toBe(1);
  });

  it("waits for a limit, and goes on at the page", async () => {
    const { bench, subscription } = await polled("sync_any");
    const { audits, waits } = patientAudits(bench);
    let limited = 0;
    bench.vendor.instead = (url, response) => {
      if (limited > 0 || url.searchParams.get("page") !== "2") return false;
      limited++;
      response.writeHead(429, { "content-type": "application/json", "retry-after": "45" }).end("{}");
      return true;
    };
    bench.vendor.requests.length = 0;
    expect(await audits.audit(subscription)).toMatchObject({ verdict: "proved", read: 5 });
    expect(waits).toEqual([45_000]);
    expect(bench.vendor.requests).toEqual(["GET /sync", "GET /sync?page=2", "GET /sync?page=2", "GET /sync?page=4"]);
    limited = 0;
    const short = audits.audit(subscription, { timeoutSeconds: 45 });
    await expect(short).rejects.toMatchObject({ code: "rate_limited" });
  });
});

describe("an audit of a vendor with limits", () => {
  it("asks for no record twice after it has waited at one", async () => {
    const enrich = {
      request: { method: "GET", path: "/one", query: { id: "$record#/id" } },
      into: "full",
      concurrency: 1,
    };
    const { bench, subscription } = await polled("sync_any", { manifest: changed("sync", { enrich }) });
    const { audits, waits } = patientAudits(bench);
    bench.vendor.pageSize = 1000;
    const asked: string[] = [];
    bench.vendor.instead = ({ pathname, searchParams }, response) => {
      if (pathname !== "/one") return false;
      asked.push(searchParams.get("id")!);
      if (asked.length !== 3) return false;
      response.writeHead(429, { "content-type": "application/json", "retry-after": "45" }).end("{}");
      return true;
    };
    expect(await audits.audit(subscription)).toMatchObject({ verdict: "proved", read: 5 });
    expect(waits).toEqual([45_000]);
    expect(asked).toEqual(["a", "b", "c", "c", "d", "e"]);
  });

  it("uses no more of them than polls may", async () => {
    const manifest = {
      ...vendorManifest(),
      rateLimits: [{ points: 4, seconds: 600, per: "connection", pollShare: 0.5 }],
    };
    const before = (vendor: Vendor): void => {
      vendor.pageSize = 1000;
      putAll(vendor);
    };
    const { bench, audit } = await polled("sync_any", { manifest, before });
    expect(await audit()).toMatchObject({ verdict: "proved", read: 5 });
    const asked = bench.vendor.requests.length;
    await expect(audit()).rejects.toMatchObject({ code: "rate_limited" });
    expect(bench.vendor.requests).toHaveLength(asked);
  });
});

describe("an audit that cannot look at everything", () => {
  it("compares nothing of a list of changes, and says so", async () => {
    const { bench, audit } = await polled("history_any");
    bench.vendor.requests.length = 0;
    expect(await audit()).toMatchObject({
      verdict: "notAudited",
      read: 0,
      known: null,
      missing: null,
      extra: null,
      stale: null,
      notAudited: [
        "All records of history: the vendor lists only what changed since a cursor, and nothing shows what it had before",
      ],
    });
    expect(bench.vendor.requests).toEqual([]);
  });

  it("looks for nothing extra in a time span", async () => {
    const { audit } = await polled("window_any", {
      before: (vendor) => vendor.put("a", { updated: Date.parse("2026-01-01T00:30:00Z") }),
    });
    expect(await audit()).toMatchObject({
      verdict: "partial",
      read: 1,
      missing: NONE,
      extra: null,
      notAudited: ["Records outside of the time span that the stream reads, and those that left it or are gone since"],
    });
  });

  it("looks for nothing extra in an excerpt", async () => {
    const { bench, audit } = await polled("snapshot_any", {
      manifest: changed("snapshot", { cursor: { type: "snapshot", partial: true } }),
    });
    bench.vendor.remove("a");
    expect(await audit()).toMatchObject({
      verdict: "partial",
      read: 4,
      known: 5,
      extra: null,
      pending: NONE,
      notAudited: ["Known records that are not listed: the manifest declares that the list shows only some"],
    });
  });

  it("does not call missing what is forgotten by declaration", async () => {
    const records = {
      select: "$response.body#/items",
      primaryKey: "/id",
      timestamp: "$record#/updated",
      remember: "P30D",
    };
    const { bench, audit } = await polled("sync_any", { manifest: changed("sync", { records }) });
    bench.clock.advance(30 * DAY - 3_600_000 + 10_000);
    await tamper(bench, "delete from known where key in ('a', 'e')");
    bench.vendor.put("a", { updated: bench.clock.now() - 30 * DAY + 3_600_000 - 1 });
    bench.vendor.put("e", { updated: bench.clock.now() - 30 * DAY + 3_600_000 });
    const found = await audit();
    expect(found).toMatchObject({ pending: one("e"), missing: NONE });
    expect(found.notAudited).toEqual([
      "1 listed records that are older than P30D or give no time, as long as the manifest has records remembered",
    ]);
  });

  it("takes nothing for gone while a listed record has no key", async () => {
    const { bench, audit } = await polled("sync_any");
    bench.vendor.items.set("a", { name: "without" } as never);
    expect(await audit()).toMatchObject({
      verdict: "partial",
      read: 4,
      known: 5,
      extra: null,
      notAudited: ["1 listed records without a key, and known records that are not listed: each may be one of these"],
    });
  });

  it("reports quarantined records as such, and those that only it could not read", async () => {
    const broken = new Set<string>(["b"]);
    const enrich = {
      request: { method: "GET", path: "/one", query: { id: "$record#/id" } },
      into: "full",
      when: "!deleted",
    };
    const { bench, subscription, audit } = await polled("sync_any", {
      manifest: changed("sync", { enrich }),
      before: (vendor) => {
        vendor.pageSize = 1000;
        putAll(vendor);
        vendor.instead = ({ pathname, searchParams }, response) => {
          if (pathname !== "/one" || !broken.has(searchParams.get("id")!)) return false;
          response.writeHead(400, { "content-type": "application/json" }).end("{}");
          return true;
        };
      },
    });
    expect((await bench.streamOf(subscription)).quarantined).toBe(1);
    broken.add("c");
    expect(await audit()).toMatchObject({
      verdict: "partial",
      read: 5,
      missing: NONE,
      extra: NONE,
      stale: NONE,
      quarantined: one("b"),
      unread: one("c"),
    });
    broken.clear();
    expect(await audit()).toMatchObject({ verdict: "partial", quarantined: one("b"), unread: NONE, stale: NONE });
    await bench.poll(subscription);
    expect(await audit()).toMatchObject({ verdict: "proved", quarantined: NONE });
  });

  it("reports as unread what could not be confirmed because it could no longer be read", async () => {
    const enrich = { request: { method: "GET", path: "/one", query: { id: "$record#/id" } }, into: "full" };
    const { bench, audit } = await polled("sync_any", { manifest: changed("sync", { enrich }) });
    await tamper(bench, "delete from known where key = 'b'");
    let asked = 0;
    bench.vendor.instead = ({ pathname, searchParams }, response) => {
      if (pathname !== "/one" || searchParams.get("id") !== "b" || ++asked === 1) return false;
      response.writeHead(400, { "content-type": "application/json" }).end("{}");
      return true;
    };
    expect(await audit()).toMatchObject({ verdict: "partial", missing: NONE, unread: one("b") });
  });

  it("looks for nothing extra that a second read cannot confirm, for want of keys", async () => {
    const { bench, settled } = await polled("sync_any");
    await tamper(bench, "update known set key = 'z' where key = 'e'");
    const isIncrement = (url: URL): boolean => url.searchParams.has("syncToken");
    onRequest(bench, isIncrement, () => bench.vendor.items.set("a", { name: "without" } as never));
    expect(await settled()).toMatchObject({ verdict: "different", missing: one("e"), extra: null, unsettled: NONE });
  });

  it("fails as a poll does with an answer without its declared shape, and reports nothing", async () => {
    const { bench, audit } = await polled("sync_any");
    for (const page of [null, "4"]) {
      bench.vendor.instead = (url, response) => {
        if (url.searchParams.get("page") !== page) return false;
        response.writeHead(200, { "content-type": "application/json" }).end('{"error":{"code":503}}');
        return true;
      };
      await expect(audit()).rejects.toMatchObject({ code: "unexpected_answer" });
    }
  });

  it("fails with a conflict before there is anything to compare with", async () => {
    const { bench, subscription } = await polled("sync_any");
    bench.vendor.refuses = (_request, response) => {
      response.writeHead(500).end();
      return true;
    };
    const waiting = await bench.subscribe("snapshot_any");
    const first = bench.runtime.audits.audit(waiting);
    await expect(first).rejects.toMatchObject({
      code: "conflict",
      message: `The first read of subscription ${waiting}'s stream has not ended, so there is nothing to compare with; audit it once its health is active`,
    });
    await bench.runtime.engine.stop();
    await tamper(bench, "update streams set request_hash = 'other' where stream = 'sync'");
    await expect(bench.runtime.audits.audit(subscription)).rejects.toMatchObject({
      code: "conflict",
      message: `Subscription ${subscription}'s stream was last read by another version of the manifest; audit it after the next poll`,
    });
  });
});

describe("an audit of a vendor that does not answer", () => {
  it("ends when its time is over or nobody waits for it, reports nothing, and runs once per stream", async () => {
    const { bench, subscription, audit } = await polled("sync_any");
    const hanging: ServerResponse[] = [];
    bench.vendor.instead = (_url, response) => hanging.push(response) > 0;
    const { audits } = bench.runtime;
    const late = audits.audit(subscription, { timeoutSeconds: 1 });
    await expect(audit()).rejects.toMatchObject({
      code: "conflict",
      message: `An audit of subscription ${subscription}'s stream is running; wait for its end`,
    });
    await expect(late).rejects.toMatchObject({
      code: "timeout",
      message: `The audit of subscription ${subscription} did not end within 1 s, so it reports nothing. Give a larger timeoutSeconds, or run hookline audit on the command line`,
    });
    const leaving = new AbortController();
    const left = audits.audit(subscription, {}, {}, { signal: leaving.signal });
    await expect.poll(() => hanging.length).toBe(2);
    leaving.abort(new Error("left"));
    await expect(left).rejects.toThrow("left");
    bench.vendor.instead = () => false;
    expect(await audit()).toMatchObject({ verdict: "proved" });
  });

  it("ends with the runtime", async () => {
    const { bench, audit } = await polled("sync_any");
    const hanging: ServerResponse[] = [];
    bench.vendor.instead = (_url, response) => hanging.push(response) > 0;
    const ended = audit().catch((error: unknown) => error);
    await expect.poll(() => hanging.length).toBe(1);
    await bench.restart();
    expect(await ended).toMatchObject({
      code: "stopped",
      message: "The runtime is stopping; the audit reports nothing",
    });
  });

  it.each([
    [0, "must be at least 1"],
    [86_401, "must be at most 86400"],
  ])("may not be given %s seconds", async (timeoutSeconds, message) => {
    const { bench, subscription } = await polled("sync_any");
    const refused = bench.runtime.audits.audit(subscription, { timeoutSeconds });
    await expect(refused).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/timeoutSeconds", message }],
    });
  });
});

describe("audits beside each other", () => {
  const audited = (stream: number, user: string) => ({ id: `sub_${stream}`, stream, user });

  it("are one of each stream, two of each user and four altogether, and leave room when they end", () => {
    const running = new RunningAudits();
    const ends = [1, 2].map((stream) => running.begin(audited(stream, "u_1")));
    const refused = (stream: number, user: string): unknown => {
      try {
        running.begin(audited(stream, user));
      } catch (error) {
        return error;
      }
      return undefined;
    };
    expect(refused(1, "u_2")).toMatchObject({ code: "conflict" });
    const message = (which: string) =>
      `${which} in this process, and each reads a whole account; ask again when one has ended`;
    const ofUser = message("2 audits of user u_1 are running");
    expect(refused(3, "u_1")).toMatchObject({ code: "rate_limited", retry: { after: 60_000 }, message: ofUser });
    running.begin(audited(3, "u_2"));
    running.begin(audited(4, "u_3"));
    const all = { code: "rate_limited", message: message("4 audits are running") };
    expect(refused(5, "u_4")).toMatchObject(all);
    ends[0]!();
    expect(refused(5, "u_1")).toBeUndefined();
    expect(refused(6, "u_4")).toMatchObject(all);
  });

  it("are refused over a user's two, and taken again once one has ended in whatever way", async () => {
    const { bench, subscription } = await polled("sync_any");
    const others: string[] = [];
    for (const stream of ["snapshot", "since"]) others.push(await bench.subscribe(`${stream}_any`));
    const hanging: ServerResponse[] = [];
    bench.vendor.instead = (_url, response) => hanging.push(response) > 0;
    const { audits } = bench.runtime;
    const leaving = new AbortController();
    const left = [subscription, others[0]!].map((id) => audits.audit(id, {}, {}, { signal: leaving.signal }));
    const ended = Promise.allSettled(left);
    await expect(audits.audit(others[1]!)).rejects.toMatchObject({ code: "rate_limited" });
    leaving.abort(new Error("left"));
    await ended;
    bench.vendor.instead = () => false;
    expect(await audits.audit(others[1]!)).toMatchObject({ verdict: "proved" });
  });
});

describe("a set of keys", () => {
  it("tells a hundred thousand apart", () => {
    const keys = new KeySet();
    const [listed, others] = ["c", "d"].map((of) => Array.from({ length: 100_000 }, (_, n) => `people/${of}${n}`));
    expect(listed!.every((key) => keys.add(key))).toBe(true);
    expect(listed!.every((key) => keys.has(key) && !keys.add(key))).toBe(true);
    expect(others!.some((key) => keys.has(key))).toBe(false);
  });
});

/** {@link vendorManifest} with other properties of one stream. */
function changed(stream: string, changes: object): object {
  const manifest = JSON.parse(JSON.stringify(vendorManifest())) as { streams: Record<string, object> };
  Object.assign(manifest.streams[stream]!, changes);
  return manifest;
}

/** Does something before the first request of a kind is answered. */
function onRequest(bench: Bench, concerns: (url: URL) => boolean, act: () => void): void {
  let isDone = false;
  bench.vendor.instead = (url) => {
    if (!isDone && concerns(url)) {
      isDone = true;
      act();
    }
    return false;
  };
}

/** Answers a request with what the vendor answers now. */
async function pipe(url: URL, response: ServerResponse): Promise<void> {
  const answer = await fetch(url);
  response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
}
