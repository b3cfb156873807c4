/** Runs whose connection is deliberately moved to another account: what they hold is the first one's, and goes nowhere else. */
import { describe, expect, it } from "vitest";
import { act, makeBench, type Bench } from "./bench.ts";

/** As a confirmed move leaves the row. */
const move = (bench: Bench, connection: string) =>
  bench.runtime.db.run("update connections set moves = coalesce(moves, 0) + 1, version = version + 1 where id = ?", [
    connection,
  ]);

const TEN_MINUTES = 600_000;
const wait = { id: "wait", delay: "PT10M" } as const;
const MOVED = "was moved to another account after this run began; nothing was done with the other account.";

describe("a run whose connection was moved to another account", () => {
  it.each([
    ["by its id", (connection: string) => connection],
    ["by its connector", () => ({ connector: "desk" })],
  ])("while it waited does nothing there, where a step names the connection %s", async (_how, ref) => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const step = { ...act("label", connection, "put_label", { name: "Ada" }), connection: ref(connection) };
    const flow = await bench.make({ user: "u_1", triggers: [{ call: {} }], steps: [wait, step] });
    const { id } = await bench.call(flow.id);
    await move(bench, connection);
    bench.clock.advance(TEN_MINUTES);
    await bench.settle();
    expect(bench.vendor.effects).toEqual([]);
    const run = await bench.runtime.runs.get(id);
    expect(run).toMatchObject({
      status: "failed",
      error: {
        code: "account_moved",
        step: "label",
        message: expect.stringContaining(`Connection ${connection} ${MOVED}`),
      },
    });
    expect(bench.events.filter(({ type }) => type === "flow.failed")).toHaveLength(1);
  });

  it("does not go on past a step that may fail, and is not repeated by a replay", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        wait,
        act("label", connection, "put_label", { name: "Ada" }, { onError: "continue" }),
        act("note", connection, "create_note", { text: "Ada" }, { onError: "continue" }),
      ],
    });
    const { id } = await bench.call(flow.id);
    await move(bench, connection);
    bench.clock.advance(TEN_MINUTES);
    await bench.settle();
    const replayed = await bench.runtime.runs.replay(id, { from: "label" });
    await bench.settle();
    for (const one of [id, replayed.id])
      expect((await bench.runtime.runs.get(one)).error).toMatchObject({ code: "account_moved" });
    expect(bench.vendor.effects).toEqual([]);
  });

  it("between two tries of a step makes no other", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    let asked = 0;
    bench.vendor.intercept = (_request, response) => {
      asked++;
      response.writeHead(503).end();
      return true;
    };
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        act("label", connection, "put_label", { name: "Ada" }, { onError: { retry: { max: 3, after: "PT1M" } } }),
      ],
    });
    const { id } = await bench.call(flow.id);
    const tries = asked;
    await move(bench, connection);
    bench.clock.advance(TEN_MINUTES);
    await bench.settle();
    expect((await bench.runtime.runs.get(id)).error).toMatchObject({ code: "account_moved" });
    expect(asked).toBe(tries);
  });

  it("between two items of a list does no other", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    bench.vendor.onEffect = ({ body }) => {
      if (body["name"] === "b") void move(bench, connection);
    };
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [act("label", connection, "put_label", { name: "{{item}}" }, { forEach: "$trigger.list" })],
    });
    const { error } = await bench.call(flow.id, { list: ["a", "b", "c", "d"] });
    expect(error).toMatchObject({ code: "account_moved" });
    expect(bench.vendor.done("/label")).toEqual([{ name: "a" }, { name: "b" }]);
  });

  it("and that is its trigger's, does nothing with others either: the person it is about was the first account's", async () => {
    const bench = await makeBench();
    const [connection, other] = [await bench.connect("u_1"), await bench.connect("u_1")];
    await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }],
      steps: [wait, act("label", other, "put_label", { name: "$trigger.resource.firstName" })],
    });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    await move(bench, connection);
    bench.clock.advance(TEN_MINUTES);
    await bench.settle();
    expect(bench.vendor.effects).toEqual([]);
  });

  it("before an event of the first account was taken up fails at once", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }],
      steps: [act("label", connection, "put_label", { name: "$trigger.resource.firstName" })],
    });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    const { events } = await import("../../runtime/model/events.ts");
    const [event] = await events.all(bench.runtime.db, "where type = 'contact.created'");
    // The first account's streams go with it.
    await move(bench, connection);
    await bench.runtime.db.run("update events set stream = 4711 where id = ?", [event!.id]);
    const job = { queue: "flow", data: { flow: flow.id, event: event!.id }, group: flow.id } as const;
    await bench.runtime.db.transaction((tx) => bench.runtime.engine.enqueue(tx, [job]));
    const runs = await bench.runsOf(flow.id);
    expect(runs.at(-1)).toMatchObject({ status: "failed", error: { code: "account_moved", step: null } });
    expect(bench.vendor.done("/label")).toEqual([{ name: "Ada" }]);
  });
});

describe("a run that begins after its connection was moved", () => {
  it("works with the account that it leads to now", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    await move(bench, connection);
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }, { connection, trigger: "person_created" }],
      steps: [wait, act("label", connection, "put_label", { name: "Ada" })],
    });
    await bench.call(flow.id);
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    bench.clock.advance(TEN_MINUTES);
    await bench.settle();
    expect(bench.vendor.done("/label")).toHaveLength(2);
  });
});
