import { describe, expect, it } from "vitest";
import { streams } from "../../runtime/model/streams.ts";
import { IS_LARGE } from "../fixtures/tier.ts";
import { withLists, type Answer, type ListBench } from "./list-vendor.ts";

const ALL: [string, Answer][] = [
  ["a refusal", { status: 403, body: { message: "no" } }],
  ["a bad request", { status: 400, body: { message: "bad" } }],
  ["a list that is not found", { status: 404, body: { message: "not here" } }],
  ["a body without its shape", { status: 200, body: { message: "maintenance" } }],
];
/** The quick test plays one of each kind of stream. */
const ANSWERS = IS_LARGE ? ALL : ALL.slice(0, 1);
/** It is asked for three times in each poll. */
const CRASHED: [string, Answer] = ["a server error", { status: 500, body: { message: "crashed" } }];
const STREAMS = ["whole", "tokens", "times", "shared"];
const BROKEN: Answer = { status: 403, body: { message: "no" } };

const healthOf = ({ bench, subscription }: ListBench) => bench.runtime.subscriptions.health(subscription);

describe.each(STREAMS)("one of several lists that fails, read by %s", (stream) => {
  it.each(stream === "tokens" ? [...ANSWERS, CRASHED] : ANSWERS)(
    "with %s stops no other, and goes on where it was",
    async (_name, answer) => {
      const on = await withLists(stream);
      const { lists, told, poll } = on;
      lists.fail("y", answer);
      lists.put("x", "x1", "X");
      lists.put("y", "y1", "Y");
      lists.put("z", "z2");
      await poll();
      expect(await told()).toEqual(["created z2", "updated x1"]);
      expect(await healthOf(on)).toMatchObject({
        consecutiveErrors: 0,
        lists: { count: 1, failing: [{ list: "y" }] },
        lastError: { message: expect.stringContaining('List "y" cannot be read') as unknown },
      });
      await poll();
      lists.remove("x1");
      lists.put("y", "y2");
      for (let polls = 0; polls < 4; polls++) await poll();
      // It may have moved into the list that fails.
      expect(await told()).toEqual(["subscription.degraded"]);
      lists.wrong.clear();
      await poll();
      await poll();
      expect(await told()).toEqual(["created y2", "deleted x1", "subscription.recovered", "updated y1"]);
      lists.remove("y1");
      for (let polls = 0; polls < 3; polls++) await poll();
      expect(await told()).toEqual(["deleted y1"]);
      const health = await healthOf(on);
      expect(health).toMatchObject({ state: "active", lastError: null, cause: null, lagSeconds: 0 });
      expect(health).not.toHaveProperty("lists");
      expect((await on.bench.streamOf(on.subscription)).missed).toBeNull();
    },
  );

  it.each(ANSWERS)("with %s in the first read is no news when it answers first", async (_name, answer) => {
    const { lists, told, poll } = await withLists(stream, { before: (lists) => lists.fail("y", answer) });
    expect(await told()).toEqual([]);
    await poll();
    lists.put("x", "x2");
    await poll();
    expect(await told()).toEqual(["created x2"]);
    lists.wrong.clear();
    await poll();
    expect(await told()).toEqual(["gap list_unread"]);
    lists.put("y", "y1", "Y");
    lists.put("y", "y2");
    await poll();
    expect(await told()).toEqual(["created y2", "updated y1"]);
    lists.remove("y1");
    for (let polls = 0; polls < 3; polls++) await poll();
    expect(await told()).toEqual(["deleted y1"]);
  });

  it("in a first read that tells what is there is told so when it answers, and only to whom asked for that", async () => {
    const more = { firstPoll: "emitAll" } as const;
    const { lists, told, poll } = await withLists(stream, { more, before: (lists) => lists.fail("y", BROKEN) });
    expect(await told()).toEqual(["backfill x1", "backfill z1"]);
    await poll();
    lists.wrong.clear();
    await poll();
    expect(await told()).toEqual(["backfill y1"]);
    lists.put("y", "y1", "Y");
    await poll();
    expect(await told()).toEqual(["updated y1"]);
  });

  it("while another subscription begins with what is there is told to that one in the end", async () => {
    const { bench, lists, told, poll } = await withLists(stream);
    lists.fail("y", BROKEN);
    await poll();
    await bench.subscribe(`${stream}_any`, { everySeconds: 300, firstPoll: "emitAll" });
    expect(await told()).toEqual(["backfill x1", "backfill z1"]);
    await poll();
    lists.put("y", "y2");
    lists.wrong.clear();
    for (let polls = 0; polls < 5; polls++) await poll();
    expect((await told()).filter((event) => !event.startsWith("subscription."))).toEqual([
      "backfill y1",
      "backfill y2",
      "created y2",
    ]);
  });

  it("while a subscription that begins with what is there is paused leaves it a gap of all there was", async () => {
    const { bench, subscription, lists, told, poll } = await withLists(stream);
    lists.fail("y", BROKEN);
    const joining = await bench.subscribe(`${stream}_any`, { everySeconds: 300, firstPoll: "emitAll" });
    expect(await told()).toEqual(["backfill x1", "backfill z1"]);
    await bench.runtime.subscriptions.pause(joining);
    lists.wrong.clear();
    await poll();
    expect(await told()).toEqual([]);
    await bench.runtime.subscriptions.resume(joining);
    const gaps = (await bench.events()).filter(({ type }) => type === "stream.gap").map(({ data }) => data);
    expect(gaps).toMatchObject([{ subscription: joining, reason: "paused", from: null }]);
    expect(await bench.runtime.subscriptions.get(subscription)).toMatchObject({ status: "active" });
  });

  it("is not waited with for a subscription that is removed", async () => {
    const { bench, lists, told, poll } = await withLists(stream);
    lists.fail("y", BROKEN);
    const left = await bench.subscribe(`${stream}_any`, { everySeconds: 300, firstPoll: "emitAll" });
    const stays = await bench.subscribe(`${stream}_any`, { everySeconds: 300, firstPoll: "emitAll" });
    const leftOut = async (): Promise<string[]> =>
      (
        await bench.runtime.db.all<{ ids: string }>("select left_out as ids from known where left_out is not null")
      ).flatMap(({ ids }) => JSON.parse(ids) as string[]);
    expect((await leftOut()).toSorted()).toEqual([left, stays].toSorted());
    await bench.runtime.subscriptions.remove(left);
    expect(await leftOut()).toEqual([stays]);
    await bench.runtime.subscriptions.remove(stays);
    expect(await leftOut()).toEqual([]);
    await told();
    lists.wrong.clear();
    await poll();
    expect(await told()).toEqual([]);
  });

  it("loses nothing in complete reads, however many there are, and is compared once it answers", async () => {
    const on = await withLists(stream);
    const { bench, lists, told, poll } = on;
    lists.fail("y", BROKEN);
    lists.put("y", "y2");
    for (let polls = 0; polls < 4; polls++) {
      await bench.runtime.db.transaction((tx) => streams.change(tx, { verifiedAt: 0 }, "id > ?", [0]));
      await poll();
    }
    lists.remove("y1");
    lists.put("y", "y1b");
    expect(await told()).toEqual(["subscription.degraded"]);
    lists.wrong.clear();
    for (let polls = 0; polls < 6; polls++) await poll();
    expect((await told()).filter((event) => !event.startsWith("subscription."))).toEqual([
      "created y1b",
      "created y2",
      "deleted y1",
    ]);
    expect((await bench.streamOf(on.subscription)).missed).toBeNull();
  });

  it("on its second page keeps the cursor of its first", async () => {
    const { lists, told, poll } = await withLists(stream);
    lists.pageSize = 2;
    for (const id of ["y2", "y3", "y4", "y5"]) lists.put("y", id);
    lists.wrong.set("y", (query) => (query.has("page") ? BROKEN : undefined));
    await poll();
    await poll();
    const first = await told();
    lists.wrong.clear();
    await poll();
    await poll();
    expect([...first, ...(await told())].toSorted()).toEqual(["created y2", "created y3", "created y4", "created y5"]);
  });

  it("and vanishes is compared once it is no longer listed", async () => {
    const { lists, told, poll } = await withLists(stream);
    lists.fail("y", BROKEN);
    await poll();
    lists.names = ["x", "z"];
    for (let polls = 0; polls < 3; polls++) await poll();
    expect(await told()).toEqual(["deleted y1"]);
  });

  it.each(["baseline", "emitAll"] as const)(
    "in the first read and vanishes before it answers leaves a gap: %s",
    async (firstPoll) => {
      const { lists, told, poll } = await withLists(stream, {
        more: { firstPoll },
        before: (lists) => lists.fail("y", BROKEN),
      });
      await told();
      await poll();
      lists.names = ["x", "z"];
      for (let polls = 0; polls < 4; polls++) await poll();
      expect(await told()).toEqual(["gap list_unread"]);
    },
  );
});

describe("failures that are not of one list alone", () => {
  it.each([401, 429])("end the poll: %d", async (status) => {
    const on = await withLists("tokens");
    on.lists.fail("y", { status });
    await on.poll();
    const health = await healthOf(on);
    expect(health.lastError).not.toBeNull();
    expect(health).not.toHaveProperty("lists");
  });

  it("end the poll when no list can be had, and all go on afterwards", async () => {
    const on = await withLists("tokens");
    const { lists, poll, told } = on;
    for (const list of lists.names) lists.fail(list, BROKEN);
    lists.put("y", "y2");
    await poll();
    const health = await healthOf(on);
    expect(health).toMatchObject({ consecutiveErrors: 1 });
    expect(health).not.toHaveProperty("lists");
    lists.wrong.clear();
    await poll();
    expect(await told()).toEqual(["created y2"]);
  });
});

describe("an audit", () => {
  it("of several lists says which it could not read, and takes nothing of it for gone", async () => {
    const { bench, lists, subscription } = await withLists("tokens");
    lists.fail("y", BROKEN);
    const audit = await bench.runtime.audits.audit(subscription);
    expect(audit).toMatchObject({ verdict: "partial", read: 2, extra: { count: 0 }, missing: { count: 0 } });
    expect(audit.notAudited).toEqual(['List "y", which cannot be read; see the health']);
    for (const list of lists.names) lists.fail(list, BROKEN);
    await expect(bench.runtime.audits.audit(subscription)).rejects.toMatchObject({ code: "vendor_error" });
  });
});
