import { describe, expect, it } from "vitest";
import { workRetention } from "../../runtime/deliver/retention.ts";
import { saveTellings } from "../../runtime/model/tellings.ts";
import { makeHarness, receiver, soon } from "./harness.ts";

const DAY = 24 * 60 * 60_000;

describe("retention", () => {
  it("deletes finished deliveries and the events nothing is kept of, and never what still waits", async () => {
    const harness = await makeHarness();
    const { database, clock } = harness;
    const tasks: (() => Promise<void>)[] = [];
    const engine = { cron: (_name: string, _expression: string, task: () => Promise<void>) => void tasks.push(task) };
    workRetention({ db: database, engine, clock }, { eventsDays: 30, deliveriesDays: 7 });
    const [night] = tasks;

    const [open, closed] = [await receiver(), await receiver(() => {})];
    await harness.endpoints.create({ url: open.url, events: ["contact.*"] });
    await harness.endpoints.create({ url: closed.url, events: ["task.*"] });
    await harness.start();
    const at = clock.now();
    await harness.emit({ at }, { at, type: "task.created" }, { at, type: "unwanted" });
    await soon(async () => expect((await harness.made())[0]!.status).toBe("delivered"));

    const kept = async () => [(await harness.stored()).map(({ type }) => type), (await harness.made()).length];
    clock.advance(7 * DAY);
    await night!();
    expect(await kept()).toEqual([["contact.created", "task.created", "unwanted"], 2]);
    clock.advance(1);
    await night!();
    expect(await kept()).toEqual([["contact.created", "task.created", "unwanted"], 1]);
    clock.advance(23 * DAY);
    await night!();
    expect(await kept()).toEqual([["task.created"], 1]);
  });

  it.each([1000, 1001])(
    "deletes counts of %d records when they are older than events are kept, and none before",
    async (records) => {
      const { database, clock } = await makeHarness();
      let night = async (): Promise<void> => {};
      const engine = { cron: (_name: string, _expression: string, task: () => Promise<void>) => void (night = task) };
      workRetention({ db: database, engine, clock }, { eventsDays: 30, deliveriesDays: 7 });
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
});
