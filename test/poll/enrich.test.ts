import { mkdtempSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { onPostgres } from "../postgres.ts";
import { soon } from "../fixtures/wait.ts";
import { OUTAGE_AFTER } from "../../runtime/read/outage.ts";
import { UNANSWERED_MS } from "../../runtime/poll/quarantine.ts";
import { PART } from "../../runtime/poll/records.ts";
import { createBench, type Bench } from "./harness.ts";
import { vendorManifest } from "./vendor.ts";

type Answer = "never" | { status: number; body?: string; headers?: Record<string, string> };

interface Enriched {
  bench: Bench;
  subscription: string;
  /** What the vendor answers instead of a record, by its id. */
  wrong: Map<string, (count: number) => Answer | undefined>;
  /** Ids in the order they were asked for. */
  asked: string[];
}

const once = { once: true };
const REFUSED = () => ({ status: 400 });
const SERVER_ERROR = () => ({ status: 500 });
const NO_PAUSE = "0";

/** A subscription of a stream that asks for each record once more; its first poll is over. */
async function enriched(
  stream: "history" | "snapshot" | "sync",
  enrich: object = {},
  {
    before = [],
    firstPoll = "baseline",
    wrong = new Map(),
    reported = [],
    store,
  }: {
    before?: readonly string[];
    firstPoll?: "baseline" | "emitAll";
    wrong?: Enriched["wrong"];
    reported?: readonly string[];
    store?: string;
  } = {},
): Promise<Enriched> {
  const manifest = vendorManifest() as { streams: Record<string, object> };
  const request = { method: "GET", path: "/one", query: { id: "$record#/id" } };
  Object.assign(manifest.streams[stream]!, {
    enrich: { request, into: "full", when: "!deleted", ...enrich },
  });
  const asked: string[] = [];
  const bench = await createBench({
    ...(store && { store }),
    random: 0, // Requests are repeated without a pause.
    manifest: JSON.parse(JSON.stringify(manifest)) as object,
    before: (vendor) => {
      vendor.pageSize = 1000;
      for (const id of before) vendor.put(id);
      vendor.instead = (url, response) => {
        if (url.pathname !== "/one") return false;
        const id = url.searchParams.get("id")!;
        asked.push(id);
        return respond(response, wrong.get(id)?.(asked.length));
      };
    },
  });
  onTestFinished(() => bench[Symbol.asyncDispose]());
  const subscription = await bench.subscribe(`${stream}_any`, { everySeconds: 600, firstPoll });
  expect(await changes(bench)).toEqual(reported);
  return { bench, subscription, wrong, asked };
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hookline-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function respond(response: ServerResponse, answer: Answer | undefined): boolean {
  if (answer === undefined) return false;
  if (answer === "never") return true;
  if (answer.status === 0) response.destroy();
  else {
    const headers = { "content-type": "application/json", "retry-after": NO_PAUSE, ...answer.headers };
    response.writeHead(answer.status, headers).end(answer.body ?? "{}");
  }
  return true;
}

/** Changes since the last look, as `created a`; marked where something is missing of the record. */
async function changes(bench: Bench): Promise<string[]> {
  return (await bench.events()).map(({ type, data }) => {
    const { change, resource, record } = data as {
      change?: string;
      resource?: { id: string };
      record?: { full?: unknown; enrichmentError?: { code: string } };
    };
    if (!resource) return type;
    const { full, enrichmentError } = record ?? {};
    const mark = enrichmentError ? ` without: ${enrichmentError.code}` : full ? "" : " bare";
    return `${change} ${resource.id}${change === "deleted" ? "" : mark}`;
  });
}

const ids = (count: number): string[] => Array.from({ length: count }, (_, i) => `r${i}`);
const createdOf = (names: readonly string[]): string[] => names.map((id) => `created ${id}`);
const countOf = (asked: readonly string[], id: string): number => asked.filter((one) => one === id).length;

describe("a page that costs more requests than a limit allows", () => {
  it("is read over several polls, each record once, and each is told once", async () => {
    const { bench, subscription, wrong, asked } = await enriched("history", once);
    const names = ids(PART * 2 + 50);
    for (const id of names) bench.vendor.put(id);
    // The vendor asks to wait at every 70th request.
    for (const id of names)
      wrong.set(id, (count) => (count % 70 === 0 ? { status: 429, headers: { "retry-after": "60" } } : undefined));
    const told: string[] = [];
    let polls = 0;
    do {
      await bench.poll(subscription);
      const now = await changes(bench);
      expect(now.length).toBeGreaterThan(0);
      told.push(...now);
      bench.clock.advance(60_000);
      expect((await bench.streamOf(subscription)).consecutiveErrors).toBe(0);
    } while ((await bench.streamOf(subscription)).checkpoint !== null && ++polls < 10);
    expect(told.toSorted()).toEqual(createdOf(names).toSorted());
    expect(asked.length).toBeLessThan(names.length + 20);
    expect((await bench.streamOf(subscription)).quarantined).toBe(0);
  });

  it("goes on behind its last part after a stop, and tells nothing twice", async () => {
    const store = onPostgres ? {} : { store: `sqlite:${temporaryFolder()}/hookline.db` };
    const { bench, subscription, wrong, asked } = await enriched("history", once, store);
    const names = ids(PART + 50);
    for (const id of names) bench.vendor.put(id);
    for (const id of names) wrong.set(id, (count) => (count > PART + 20 ? "never" : undefined));
    bench.clock.advance(1000);
    await bench.runtime.subscriptions.poll(subscription);
    const tick = (bench.runtime.engine as unknown as { tick(): Promise<void> }).tick();
    await soon(() => expect(asked.length).toBeGreaterThan(PART + 20));
    expect((await bench.streamOf(subscription)).checkpoint?.done).toHaveLength(PART);
    await bench.runtime.engine.stop(10);
    await tick;
    wrong.clear();
    asked.length = 0;
    await bench.restart();
    await bench.poll(subscription);
    expect((await changes(bench)).toSorted()).toEqual(createdOf(names).toSorted());
    expect(asked.length).toBeLessThanOrEqual(50);
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual([]);
  });

  it("of a complete read marks what it has, so that nothing is taken for deleted", async () => {
    const names = ids(PART * 2);
    const { bench, subscription, wrong } = await enriched("snapshot", {}, { before: names });
    bench.vendor.put("r7", { name: "changed" });
    bench.vendor.remove("r8");
    let left = 130;
    for (const id of names)
      wrong.set(id, () => (left-- <= 0 ? { status: 429, headers: { "retry-after": "60" } } : undefined));
    await bench.poll(subscription);
    bench.clock.advance(60_000);
    wrong.clear();
    await bench.poll(subscription);
    expect((await changes(bench)).toSorted()).toEqual(["deleted r8", "updated r7"]);
  });
});

describe("a record that cannot be had", () => {
  it.each([
    ["a server error", { status: 500 }, 5, "vendor_error"],
    ["a refusal", { status: 400, body: '{"message":"Invalid id value"}' }, 3, "vendor_error"],
    ["an empty answer", { status: 200, body: "" }, 3, "unexpected_answer"],
    ["null", { status: 200, body: "null" }, 3, "unexpected_answer"],
    ["an error within a success", { status: 200, body: '{"error":{"message":"no"}}' }, 3, "unexpected_answer"],
    ["a broken connection", { status: 0 }, 5, "network"],
  ])(
    "because of %s holds nothing back, and is told without its enrichment in the end",
    async (_name, answer, tries, code) => {
      const { bench, subscription, wrong } = await enriched("history", once);
      wrong.set("bad", () => answer);
      for (const id of ["a", "bad", "b"]) bench.vendor.put(id);
      await bench.poll(subscription);
      expect(await changes(bench)).toEqual(["created a", "created b"]);
      for (let tried = 1; tried < tries; tried++) {
        const { quarantine, state, lastError } = await bench.runtime.subscriptions.health(subscription);
        expect({ state, lastError }).toEqual({ state: "active", lastError: null });
        expect(quarantine).toMatchObject({
          count: 1,
          records: [{ key: "bad", state: "retrying", tries: tried, error: { code } }],
        });
        bench.vendor.put(`good${tried}`);
        await bench.poll(subscription);
        const expected = tried + 1 < tries ? [] : [`created bad without: ${code}`];
        expect((await changes(bench)).toSorted()).toEqual([...expected, `created good${tried}`]);
      }
      expect((await bench.runtime.subscriptions.health(subscription)).quarantine).toEqual({ count: 0, records: [] });
      await bench.poll(subscription);
      expect(await changes(bench)).toEqual([]);
    },
  );

  it("is told once, whole, when it can be had before that", async () => {
    const { bench, subscription, wrong } = await enriched("history", once);
    wrong.set("bad", REFUSED);
    bench.vendor.put("bad");
    await bench.poll(subscription);
    wrong.clear();
    await bench.poll(subscription);
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["created bad"]);
    expect((await bench.streamOf(subscription)).quarantined).toBe(0);
  });

  it("is set aside where the manifest says so, shown, and tried again when somebody asks for a poll", async () => {
    const onError = JSON.parse('{"invalidInput": {"tries": 2, "then": "setAside"}}') as object;
    const { bench, subscription, wrong, asked } = await enriched("history", { ...once, onError });
    wrong.set("bad", REFUSED);
    bench.vendor.put("bad");
    await bench.poll(subscription);
    bench.clock.advance(600_000);
    await bench.settle();
    const { quarantine } = await bench.runtime.subscriptions.health(subscription);
    expect(quarantine).toMatchObject({ count: 1, records: [{ key: "bad", state: "setAside", tries: 2 }] });
    const before = asked.length;
    bench.clock.advance(600_000);
    await bench.settle();
    expect(asked.length).toBe(before);
    wrong.clear();
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["created bad"]);
    expect((await bench.runtime.subscriptions.health(subscription)).quarantine.count).toBe(0);
  });

  it("and is deleted meanwhile is dropped without a word", async () => {
    const { bench, subscription, wrong } = await enriched("sync");
    wrong.set("bad", REFUSED);
    bench.vendor.put("bad");
    await bench.poll(subscription);
    bench.vendor.remove("bad");
    await bench.poll(subscription);
    wrong.clear();
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual([]);
    expect((await bench.streamOf(subscription)).quarantined).toBe(0);
  });

  it("and was there before the subscription makes no event when it can be had", async () => {
    const wrong: Enriched["wrong"] = new Map([["bad", REFUSED]]);
    const { bench, subscription } = await enriched("snapshot", {}, { before: ["a", "bad"], wrong });
    await bench.poll(subscription);
    wrong.clear();
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual([]);
    bench.vendor.put("bad", { name: "changed" });
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["updated bad"]);
  });

  it("is part of a backfill when it can be had", async () => {
    const wrong: Enriched["wrong"] = new Map([["bad", REFUSED]]);
    const more = { before: ["a", "bad"], wrong, firstPoll: "emitAll", reported: ["created a"] } as const;
    const { bench, subscription } = await enriched("snapshot", {}, more);
    wrong.clear();
    await bench.poll(subscription);
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["created bad"]);
  });

  it("and is known is not taken for deleted, however often its list is read", async () => {
    const { bench, subscription, wrong } = await enriched("snapshot", {}, { before: ["a", "bad", "c"] });
    wrong.set("bad", REFUSED);
    for (let poll = 1; poll < 3; poll++) await bench.poll(subscription);
    expect(await changes(bench)).toEqual([]);
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["updated bad without: vendor_error"]);
    for (let poll = 0; poll < 7; poll++) await bench.poll(subscription);
    expect(await changes(bench)).toEqual([]);
    wrong.clear();
    await bench.poll(subscription);
    await bench.poll(subscription);
    expect(await changes(bench)).toEqual(["updated bad"]);
  });
});

describe("a record that is gone before it can be had", () => {
  const gapsOf = async (bench: Bench) =>
    (await bench.events()).flatMap(({ type, data }) => {
      const { reason, from, to } = data as Record<string, string>;
      return type === "stream.gap" ? [{ reason, from, to }] : [];
    });

  it("leaves a gap where nothing else shows it, also after it could not be had for a while", async () => {
    const { bench, subscription, wrong } = await enriched("history", once);
    const from = new Date(bench.clock.now()).toISOString();
    wrong.set("a", SERVER_ERROR);
    bench.vendor.put("a");
    await bench.poll(subscription);
    const to = new Date(bench.clock.now()).toISOString();
    expect(await gapsOf(bench)).toEqual([]);
    await bench.poll(subscription);
    wrong.clear();
    bench.vendor.items.delete("a");
    await bench.poll(subscription);
    expect(await gapsOf(bench)).toEqual([{ reason: "gone_unread", from, to }]);
    await bench.poll(subscription);
    expect(await gapsOf(bench)).toEqual([]);
  });

  it("leaves none where a list shows what is there: it was deleted, and so much is told", async () => {
    const { bench, subscription, wrong } = await enriched("snapshot", {}, { before: ["a", "b"] });
    wrong.set("a", () => ({ status: 404 }));
    wrong.set("c", () => ({ status: 404 }));
    bench.vendor.put("c");
    await bench.poll(subscription);
    expect(await gapsOf(bench)).toEqual([]);
  });
});

describe("errors that are no record's fault", () => {
  it.each([
    ["no connection", 0],
    ["no answer in time", 408],
  ])("are no try of a record: with %s the poll fails, and nothing is told for lack of it", async (_name, status) => {
    const { bench, subscription, wrong } = await enriched("history", once);
    for (const id of ["a", "b"]) {
      wrong.set(id, () => ({ status }));
      bench.vendor.put(id);
    }
    for (let poll = 0; poll < 8; poll++) await bench.poll(subscription);
    expect((await changes(bench)).filter((event) => event.includes(" "))).toEqual([]);
    wrong.clear();
    await bench.poll(subscription);
    expect((await changes(bench)).filter((event) => event.includes(" ")).toSorted()).toEqual([
      "created a",
      "created b",
    ]);
  });

  it("count as tries once no request for a record has got an answer for a day, while its list did", async () => {
    expect(UNANSWERED_MS).toBe(86_400_000);
    const { bench, subscription, wrong } = await enriched("history", once);
    const told = async () => (await changes(bench)).filter((event) => event.includes(" "));
    const triesNow = async () => {
      const { quarantine } = await bench.runtime.subscriptions.health(subscription);
      return quarantine.records.map(({ tries }) => tries);
    };
    for (const id of ["a", "b"]) {
      wrong.set(id, () => ({ status: 0 }));
      bench.vendor.put(id);
    }
    await bench.poll(subscription);
    const begun = bench.clock.now();
    bench.clock.set(begun + UNANSWERED_MS - 2000);
    await bench.poll(subscription);
    expect(await triesNow()).toEqual([0, 0]);
    // The vendor is down as a whole: nobody asks for records.
    bench.vendor.refuses = (_, response) => {
      response.destroy();
      return true;
    };
    bench.clock.set(begun + 3 * UNANSWERED_MS);
    for (let poll = 0; poll < 8; poll++) await bench.poll(subscription);
    expect(await triesNow()).toEqual([0, 0]);
    bench.vendor.refuses = () => false;
    for (let poll = 1; poll < 5; poll++) {
      await bench.poll(subscription);
      expect(await triesNow()).toEqual([poll, poll]);
    }
    expect(await told()).toEqual([]);
    await bench.poll(subscription);
    expect((await told()).toSorted()).toEqual(["created a without: network", "created b without: network"]);
  });

  it.each([
    ["the grant", 401],
    ["a limit", 429],
  ])("end the poll when it is %s, and leave the records for the next one", async (_name, status) => {
    const { bench, subscription, wrong } = await enriched("history", once);
    wrong.set("a", () => ({ status, headers: { "retry-after": "60" } }));
    bench.vendor.put("a");
    await bench.poll(subscription);
    const stream = await bench.streamOf(subscription);
    expect(stream.lastError).not.toBeNull();
    expect(stream.quarantined).toBe(0);
  });

  it(`leave the others for the next poll after ${OUTAGE_AFTER} failures in a row`, async () => {
    const { bench, subscription, wrong, asked } = await enriched("history", { ...once, concurrency: 1 });
    const names = ids(40);
    for (const id of names) {
      wrong.set(id, SERVER_ERROR);
      bench.vendor.put(id);
    }
    await bench.poll(subscription);
    expect(new Set(asked).size).toBe(OUTAGE_AFTER);
    expect(await bench.streamOf(subscription)).toMatchObject({ consecutiveErrors: 1, quarantined: OUTAGE_AFTER });
    wrong.clear();
    await bench.poll(subscription);
    expect((await changes(bench)).toSorted()).toEqual(createdOf(names).toSorted());
    expect(countOf(asked, "r39")).toBe(1);
  });
});

describe("a record that cannot be read", () => {
  it("is set aside, and the others of its list go on", async () => {
    const manifest = vendorManifest() as { streams: Record<string, { records: object }> };
    manifest.streams["snapshot"]!.records = {
      select: "$response.body#/items",
      primaryKey: "/id",
      fingerprint: { $expr: "sort(tags)" },
    };
    const bench = await createBench({ manifest });
    onTestFinished(() => bench[Symbol.asyncDispose]());
    bench.vendor.pageSize = 10;
    const subscription = await bench.subscribe("snapshot_any", { everySeconds: 600 });
    for (const id of ["a", "odd", "b"]) bench.vendor.put(id);
    bench.vendor.put("odd", { tags: [{}, 1] as unknown as string[] });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any a", "item.any b"]);
    await bench.poll(subscription);
    await bench.poll(subscription);
    const { quarantine } = await bench.runtime.subscriptions.health(subscription);
    expect(quarantine).toMatchObject({ count: 1, records: [{ key: "odd", state: "setAside", tries: 3 }] });
    bench.vendor.put("odd", { tags: ["x"] });
    await bench.poll(subscription);
    expect(await bench.seen()).toEqual(["item.any odd"]);
  });
});
