import { describe, expect, it } from "vitest";
import { compilePatterns } from "../../runtime/core/event-patterns.ts";
import { changeJob } from "../../runtime/sync/jobs.ts";
import { derivedId } from "../../runtime/core/ids.ts";
import { eventById } from "../../runtime/model/events.ts";
import { dispatchParked } from "../../runtime/deliver/parked.ts";
import type { NewJob } from "../../runtime/engine/engine.ts";
import type { Target } from "../../runtime/engine/module.ts";
import { makeHarness, quietLog, type Harness } from "./harness.ts";

const flowJob: Target["job"] = (flow, _event, event) => ({ queue: "flow", data: { flow, event }, group: flow });

/** Whom each event was given to, as the names of endpoints in the order of the events. */
async function receivers(harness: Harness, names: Record<string, string>): Promise<string[][]> {
  const events = await harness.stored();
  const deliveries = await harness.made();
  return events.map(({ id }) =>
    deliveries.filter(({ event }) => event === id).map(({ endpoint }) => names[endpoint] ?? "?"),
  );
}

const url = "https://consumer.example/hook";

describe("an event", () => {
  it("without a target goes to the endpoints of its user and of the workspace that want its type", async () => {
    const harness = await makeHarness();
    const names: Record<string, string> = {};
    for (const [name, user, events] of [
      ["workspace", undefined, undefined],
      ["mine", "u_1", ["contact.*"]],
      ["others", "u_2", ["*"]],
      ["deletions", "u_1", ["contact.deleted", "task.*"]],
    ] as const) {
      const { id } = await harness.endpoints.create({ url, user, events: events && [...events] });
      names[id] = name;
    }
    await harness.emit({}, { type: "contact.deleted" }, { type: "contacts.created" }, { user: "u_2" }, { user: null });
    expect(await receivers(harness, names)).toEqual([
      ["workspace", "mine"],
      ["workspace", "mine", "deletions"],
      ["workspace"],
      ["workspace", "others"],
      ["workspace"],
    ]);
  });

  it("of a subscription with an endpoint goes there only, whatever types that wants", async () => {
    const harness = await makeHarness();
    const own = await harness.endpoints.create({ url, events: ["task.*"] });
    await harness.endpoints.create({ url });
    await harness.emit({ target: { endpoint: own.id } }, { target: { endpoint: "ep_gone" } });
    expect(await receivers(harness, { [own.id]: "own" })).toEqual([["own"], []]);
  });

  it("of a subscription with a flow becomes a run of it, and no delivery", async () => {
    const harness = await makeHarness();
    await harness.endpoints.create({ url });
    await harness.emit({ target: { flow: "flow_1" } });
    const [event] = await harness.stored();
    expect(await harness.made()).toEqual([]);
    expect(await harness.database.all("select queue, grp, data from jobs")).toEqual([
      { queue: "flow", grp: "flow_1", data: JSON.stringify({ flow: "flow_1", event: event!.id }) },
    ]);
  });

  it("of a subscription with a sync tells it once of a record, however often that changed", async () => {
    const harness = await makeHarness();
    const target = { flow: "sync_1" };
    await harness.emit({ target, recordKey: "ada@a" }, { target, recordKey: "ada@a" }, { target, recordKey: "b" });
    const jobs = await harness.database.all<{ queue: string; grp: string; data: string; unique_name: string }>(
      "select queue, grp, data, unique_name from jobs order by id",
    );
    const told = [];
    for (const { data } of jobs) {
      const { event, ...rest } = JSON.parse(data) as { event: string };
      expect(rest).toEqual({ sync: "sync_1", connection: "con_1" });
      told.push((await eventById(harness.database, event))!.recordKey);
    }
    expect(told).toEqual(["ada@a", "b"]);
    // A job outlives what it is about: nothing of anybody stands in it.
    expect(JSON.stringify(jobs)).not.toContain("ada@a");
  });

  it("for a target whose module is left out is stored and starts nothing; each target is logged once", async () => {
    const lines: unknown[] = [];
    const log = { ...quietLog, warn: (facts: Record<string, unknown>) => void lines.push(facts) };
    const harness = await makeHarness({ targets: [{ prefix: "sync_", job: changeJob }], log });
    await harness.endpoints.create({ url });
    const flow = (id: string) => ({ target: { flow: id } });
    await harness.emit(flow("flow_1"), flow("sync_1"), flow("flow_1"));
    await harness.emit(flow("flow_1"), flow("flow_2"));
    expect(await harness.stored()).toHaveLength(5);
    expect(await harness.made()).toEqual([]);
    expect(await harness.database.all("select queue from jobs")).toEqual([{ queue: "sync" }]);
    expect(lines).toEqual([{ target: "flow_1" }, { target: "flow_2" }]);
  });

  it("that was stored before is told no more: no second delivery, run or place among those that wait", async () => {
    const harness = await makeHarness({ targets: [{ prefix: "flow_", job: flowJob }] });
    const { id: endpoint } = await harness.endpoints.create({ url });
    const ids = ["1", "2", "3", "4"].map((n) => derivedId("evt", [n]));
    const [posted, run, parked, fresh] = [
      { id: ids[0], target: { endpoint } },
      { id: ids[1], target: { flow: "flow_1" } },
      { id: ids[2], target: { flow: "sync_1" } },
      { id: ids[3], target: { endpoint } },
    ];
    const made = async () => [
      (await harness.stored()).map(({ id }) => id),
      (await harness.made()).map(({ event }) => event),
      (await harness.database.all<{ queue: string }>("select queue from jobs order by queue")).map(
        ({ queue }) => queue,
      ),
      (await harness.database.all<{ id: string }>("select id from parked_events")).map(({ id }) => id),
    ];
    await harness.emit(posted, run, parked, posted, run, parked);
    const once = [ids.slice(0, 3), [ids[0]], ["deliver", "flow"], [ids[2]]];
    expect(await made()).toEqual(once);
    await harness.emit(posted, run, parked);
    expect(await made()).toEqual(once);
    await harness.emit(run, fresh, posted);
    const [stored, deliveries, jobs] = await made();
    expect([stored, deliveries, jobs!.length]).toEqual([ids, [ids[0], ids[3]], 3]);
  });

  it("that waited for its module starts it in the order in which the events came", async () => {
    const harness = await makeHarness({ targets: [] });
    await harness.emit(...Array.from({ length: 20 }, () => ({ target: { flow: "flow_1" } })));
    const targets = [{ prefix: "flow_", job: flowJob }];
    const started: unknown[] = [];
    const engine = {
      enqueue: async (_tx: unknown, jobs: readonly NewJob[]) =>
        void started.push(...jobs.map(({ data }) => data["event"])),
    };
    expect(await dispatchParked({ db: harness.database, engine }, targets)).toBe(20);
    expect(started).toEqual((await harness.stored()).map(({ id }) => id));
  });

  it("goes only where the condition of the endpoint holds, and nowhere it cannot be evaluated", async () => {
    const harness = await makeHarness();
    const rich = await harness.endpoints.create({ url, where: "resource.amount > `100`" });
    const failing = await harness.endpoints.create({ url, where: "sum(resource.amount) > `1`" });
    const names = { [rich.id]: "rich", [failing.id]: "failing" };
    await harness.emit({ data: { resource: { amount: 200 } } }, { data: { resource: { amount: 50 } } }, { data: {} });
    expect(await receivers(harness, names)).toEqual([["rich"], [], []]);
  });

  it("is not kept from others by an endpoint whose condition does not parse any more", async () => {
    const harness = await makeHarness();
    const broken = await harness.endpoints.create({ url, where: "a" });
    const whole = await harness.endpoints.create({ url });
    await harness.database.run("update endpoints set condition = 'a ==' where id = ?", [broken.id]);
    await harness.emit({});
    expect(await receivers(harness, { [broken.id]: "broken", [whole.id]: "whole" })).toEqual([["whole"]]);
  });

  it("is undone with the transaction that emitted it", async () => {
    const harness = await makeHarness();
    await harness.endpoints.create({ url });
    const fails = harness.emit({}, { data: { big: 1n } });
    await expect(fails).rejects.toThrow(/BigInt/);
    expect([await harness.stored(), await harness.made(), await harness.database.all("select * from jobs")]).toEqual([
      [],
      [],
      [],
    ]);
  });
});

describe("an event pattern", () => {
  it.each([
    ["*", "anything.at.all", true],
    ["contact.*", "contact.created", true],
    ["contact.*", "contact.tag.added", true],
    ["contact.*", "contact", false],
    ["contact.*", "contacts.created", false],
    ["contact.created", "contact.created", true],
    ["contact.created", "contact.created.twice", false],
  ])("%s for %s matches: %s", (pattern, type, expected) => {
    expect(compilePatterns([pattern])(type)).toBe(expected);
  });
});
