import { describe, expect, it } from "vitest";
import { subscriptions } from "../../runtime/model/subscriptions.ts";
import { act, makeBench } from "./bench.ts";

describe("a schedule", () => {
  it("starts runs at its times in its zone, until the flow is paused", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ schedule: "0 9 * * *", timeZone: "Asia/Tokyo" }],
      steps: [act("label", connection, "put_label", { name: "$trigger.time" })],
    });
    bench.clock.set("2026-01-01T00:00:30Z");
    for (const time of ["2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]) {
      bench.clock.set(time);
      await bench.settle();
    }
    const times = [{ name: "2026-01-02T00:00:00.000Z" }, { name: "2026-01-03T00:00:00.000Z" }];
    expect(bench.vendor.done("/label")).toEqual(times);
    await bench.runtime.flows.update(flow.id, { enabled: false });
    bench.clock.set("2026-01-04T00:00:00Z");
    await bench.settle();
    expect(bench.vendor.done("/label")).toEqual(times);
    await bench.runtime.flows.update(flow.id, { enabled: true });
    bench.clock.set("2026-01-05T00:00:00Z");
    await bench.settle();
    expect(bench.vendor.done("/label")).toHaveLength(3);
  });

  it("is made up for once when nothing ran at its time, and follows a change", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ schedule: "0 * * * *" }],
      steps: [act("label", connection, "put_label", { name: "x" })],
    });
    bench.clock.advance(5 * 3_600_000);
    await bench.settle();
    expect(bench.vendor.effects).toHaveLength(1);
    await bench.runtime.flows.update(flow.id, { triggers: [{ schedule: "30 0 1 2 *" }] });
    bench.clock.advance(5 * 3_600_000);
    await bench.settle();
    expect(bench.vendor.effects).toHaveLength(1);
    bench.clock.set("2026-02-01T00:30:00Z");
    await bench.settle();
    expect(bench.vendor.effects).toHaveLength(2);
  });
});

describe("a connection becoming active", () => {
  it("starts the flows that wait for it, the user's and the workspace's", async () => {
    const bench = await makeBench();
    const workspace = await bench.connect("@workspace");
    const steps = [act("label", workspace, "put_label", { name: "{{trigger.user}} {{trigger.connector}}" })];
    const triggers = [{ connectionActive: { connector: "desk" } }];
    await bench.make({ triggers, steps });
    await bench.make({ user: "u_2", triggers, steps });
    await bench.connect("u_1");
    await bench.settle();
    expect(bench.vendor.done("/label")).toEqual([{ name: "u_1 desk" }]);
    await bench.connect("u_2");
    await bench.settle();
    expect(bench.vendor.done("/label").slice(1)).toEqual([{ name: "u_2 desk" }, { name: "u_2 desk" }]);
  });
});

describe("a flow of the workspace", () => {
  it("acts with the connection of whoever it runs for", async () => {
    const bench = await makeBench();
    const [one] = [await bench.connect("u_1"), await bench.connect("u_2")];
    await bench.runtime.variables.set("u_1", "name", { value: "one" });
    const step = {
      id: "label",
      connection: { connector: "desk" },
      action: "put_label",
      input: { name: "{{connection.user}} {{user.vars.name}}" },
    };
    const flow = await bench.make({ triggers: [{ connection: one, trigger: "person_created" }], steps: [step] });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    expect((await bench.runsOf(flow.id)).map(({ status, error }) => [status, error])).toEqual([["succeeded", null]]);
    expect(bench.vendor.done("/label")).toEqual([{ name: "u_1 one" }]);
  });
});

describe("changed triggers", () => {
  it("keep what is known where they stay the same", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const created = { connection, trigger: "person_created" };
    const flow = await bench.make({
      user: "u_1",
      triggers: [created],
      steps: [act("label", connection, "put_label", { name: "$trigger.change" })],
    });
    const [before] = await subscriptions.all(bench.runtime.db, "order by id");
    bench.vendor.put("p1", "Ada");
    await bench.runtime.flows.update(flow.id, { triggers: [created, { connection, trigger: "person_updated" }] });
    await bench.settle();
    const after = await subscriptions.all(bench.runtime.db, "order by id");
    expect(after.map(({ id, trigger, flow: target }) => [id === before!.id, trigger, target])).toEqual([
      [true, "person_created", flow.id],
      [false, "person_updated", flow.id],
    ]);
    expect(bench.vendor.done("/label")).toEqual([{ name: "created" }]);
    await bench.runtime.flows.update(flow.id, { triggers: [{ call: {} }] });
    expect(await subscriptions.all(bench.runtime.db, "order by id")).toEqual([]);
  });
});

describe("a hook", () => {
  it("goes by what its flow is once the body has come, not before", async () => {
    const bench = await makeBench();
    const { flows, hooks, runs } = bench.runtime;
    const steps = [{ id: "wait", delay: "PT1S" }];
    const call = async (meanwhile: (id: string) => Promise<unknown>): Promise<{ id: string; error: unknown }> => {
      const { id, hookSecret } = await bench.make({ triggers: [{ hook: {} }], steps });
      const bytes = async (): Promise<Buffer> => {
        await meanwhile(id);
        return Buffer.from("{}");
      };
      const called = hooks.call(id, { headers: { "x-hook-secret": hookSecret }, query: {}, bytes, isParsed: false });
      return { id, error: await called.catch((error: unknown) => error) };
    };
    const removed = await call((id) => flows.remove(id));
    expect(removed.error).toMatchObject({ code: "not_found" });
    expect((await call((id) => flows.update(id, { enabled: false }))).error).toMatchObject({ code: "conflict" });
    expect((await call((id) => flows.rotateHookSecret(id))).error).toMatchObject({ code: "unauthenticated" });
    expect((await runs.list()).data).toEqual([]);
  });
});
