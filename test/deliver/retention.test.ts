import { describe, expect, it } from "vitest";
import { workRetention } from "../../runtime/deliver/retention.ts";
import { newId } from "../../runtime/core/ids.ts";
import { deliveries, type DeliveryRecord } from "../../runtime/model/deliveries.ts";
import { events } from "../../runtime/model/events.ts";
import { saveTellings } from "../../runtime/model/tellings.ts";
import type { SqlValue } from "../../runtime/store/database.ts";
import { onPostgres } from "../postgres.ts";
import { makeHarness, receiver, soon } from "./harness.ts";

const DAY = 24 * 60 * 60_000;
const KEPT = { eventsDays: 30, deliveriesDays: 7 };

type Harness = Awaited<ReturnType<typeof makeHarness>>;

/** What retention does every night. */
function nightOf({ database: db, clock }: Harness): () => Promise<void> {
  let night = async (): Promise<void> => {};
  const cron = (_name: string, _expression: string, task: () => Promise<void>): void => void (night = task);
  workRetention({ db, engine: { cron }, clock }, KEPT);
  return () => night();
}

/** Stores so many events as of now, each with a delivery in this status. */
async function store({ database, clock }: Harness, count: number, status: DeliveryRecord["status"]): Promise<void> {
  const at = clock.now();
  const none = { connection: null, user: null, subscription: null, stream: null, recordKey: null, sequence: null };
  const made = Array.from({ length: count }, () => ({
    ...none,
    id: newId("evt"),
    position: newId("pos"),
    type: "a.b",
  }));
  await events.insert(database, ...made.map((event) => ({ ...event, createdAt: at, data: "{}" })));
  const ended = status === "pending" ? null : at;
  const common = { endpoint: "ep_1", status, attempts: [], nextAttemptAt: null, createdAt: at, finishedAt: ended };
  await deliveries.insert(database, ...made.map(({ id }) => ({ ...common, id: newId("dlv"), event: id })));
}

describe("retention", () => {
  it("deletes finished deliveries and the events nothing is kept of, and never what still waits", async () => {
    const harness = await makeHarness();
    const { clock } = harness;
    const night = nightOf(harness);

    const [open, closed] = [await receiver(), await receiver(() => {})];
    await harness.endpoints.create({ url: open.url, events: ["contact.*"] });
    await harness.endpoints.create({ url: closed.url, events: ["task.*"] });
    await harness.start();
    const at = clock.now();
    await harness.emit({ at }, { at, type: "task.created" }, { at, type: "unwanted" });
    await soon(async () => expect((await harness.made())[0]!.status).toBe("delivered"));

    const kept = async () => [(await harness.stored()).map(({ type }) => type), (await harness.made()).length];
    clock.advance(7 * DAY);
    await night();
    expect(await kept()).toEqual([["contact.created", "task.created", "unwanted"], 2]);
    clock.advance(1);
    await night();
    expect(await kept()).toEqual([["contact.created", "task.created", "unwanted"], 1]);
    clock.advance(23 * DAY);
    await night();
    expect(await kept()).toEqual([["task.created"], 1]);
  });

  it.each([1000, 1001])(
    "deletes counts of %d records when they are older than events are kept, and none before",
    async (records) => {
      const harness = await makeHarness();
      const { database, clock } = harness;
      const night = nightOf(harness);
      const told = Array.from({ length: records }, (_, i) => ({ key: `k${i}`, count: 1, toldAt: clock.now() }));
      await database.transaction((tx) => saveTellings(tx, 1, told));
      const left = async () => (await database.get<{ n: number }>("select count(*) as n from tellings"))!.n;
      clock.advance(30 * DAY);
      await night();
      expect(await left()).toBe(records);
      clock.advance(1);
      await night();
      expect(await left()).toBe(0);
    },
  );

  it.each([999, 1000, 1001])(
    "deletes what lies behind %d old deliveries that still wait, and their events",
    async (n) => {
      const harness = await makeHarness();
      await store(harness, n, "pending");
      await store(harness, 1, "dead");
      harness.clock.advance(31 * DAY);
      await nightOf(harness)();
      expect([(await harness.made()).length, (await harness.stored()).length]).toEqual([n, n]);
    },
  );

  it.skipIf(onPostgres)("looks at old rows only, a thousand at a time, in indexes", async () => {
    const harness = await makeHarness();
    const { database, clock } = harness;
    await store(harness, 1, "dead");
    clock.advance(40 * DAY);
    await store(harness, 3000, "dead");
    const asked: [sql: string, params: readonly SqlValue[]][] = [];
    const transaction = database.transaction.bind(database);
    database.transaction = (work) =>
      transaction((tx) => {
        const { get, run } = tx;
        const listen = (sql: string, params: readonly SqlValue[] = []): void => void asked.push([sql, params]);
        tx.get = (sql, params) => (listen(sql, params), get.call(tx, sql, params)) as never;
        tx.run = (sql, params) => (listen(sql, params), run.call(tx, sql, params));
        return work(tx).finally(() => Object.assign(tx, { get, run }));
      });
    await nightOf(harness)();
    expect([(await harness.made()).length, (await harness.stored()).length]).toEqual([3000, 3000]);
    expect(asked.filter(([sql]) => sql.startsWith("delete from events"))).toHaveLength(1);
    expect(asked.filter(([sql]) => sql.startsWith("delete from deliveries"))).toHaveLength(1);
    for (const [sql, params] of asked) {
      const plan = await database.all<{ detail: string }>(`explain query plan ${sql}`, params);
      expect(plan.map(({ detail }) => detail).filter((step) => step.startsWith("SCAN"))).toEqual([]);
    }
  });
});
