import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../faults/scenes.ts";
import { act, makeBench } from "./bench.ts";

describe("a flow", () => {
  it("runs its steps in order when its trigger fires, each with what the earlier ones gave", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }],
      steps: [
        act("label", connection, "put_label", {
          name: "{{trigger.resource.firstName}} {{trigger.resource.lastName}}!",
          tags: "$trigger.resource.tags",
        }),
        act("note", connection, "create_note", {
          text: "{{steps.label.output.id}}",
          title: { $expr: "join('-', trigger.record.tags)" },
        }),
      ],
    });
    bench.vendor.put("p1", "Ada", { tags: ["a", "b"] });
    await bench.poll();
    expect(bench.vendor.done("/label")).toEqual([{ name: "Ada !", tags: ["a", "b"] }]);
    expect(bench.vendor.done("/note")).toEqual([{ text: "made-1", title: "a-b" }]);
    const [run] = await bench.runsOf(flow.id);
    expect(run).toMatchObject({
      status: "succeeded",
      version: 1,
      cause: "event",
      error: null,
      trigger: { change: "created", resource: { id: "p1" } },
    });
    expect(run!.steps).toMatchObject([
      { id: "label", status: "succeeded", input: { name: "Ada !" }, output: { id: "made-1" }, error: null },
      { id: "note", status: "succeeded", input: { text: "made-1" } },
    ]);
  });

  it("looks something up, and goes by what it found", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    bench.vendor.put("p1", "Ada", { email: "ada@example.com" });
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        act("find", connection, "find_person", { email: "{{trigger.email}}" }),
        act(
          "known",
          connection,
          "put_label",
          { name: "{{steps.find.output.person.firstName}}" },
          { when: "steps.find.output.person" },
        ),
        act("unknown", connection, "put_label", { name: "nobody" }, { when: "!(steps.find.output.person)" }),
      ],
    });
    const known = await bench.call(flow.id, { email: "ada@example.com" });
    expect(known.steps.map(({ id, status }) => [id, status])).toEqual([
      ["find", "succeeded"],
      ["known", "succeeded"],
      ["unknown", "skipped"],
    ]);
    await bench.call(flow.id, { email: "bob@example.com" });
    expect(bench.vendor.done("/label")).toEqual([{ name: "Ada" }, { name: "nobody" }]);
  });

  it("does a step for each item of a list, and hands on the list of what they gave", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [
        act(
          "labels",
          connection,
          "put_label",
          { name: "{{item.name}}" },
          { forEach: "$trigger.list", when: "item.name != 'skip'" },
        ),
        act("sum", connection, "create_note", { text: { $expr: "join(',', steps.labels.output[].id)" } }),
      ],
    });
    const run = await bench.call(flow.id, { list: [{ name: "a" }, { name: "skip" }, { name: "b" }] });
    expect(run.steps.map(({ id, item, status }) => [id, item, status])).toEqual([
      ["labels", null, "succeeded"],
      ["labels", 1, "succeeded"],
      ["labels", 2, "skipped"],
      ["labels", 3, "succeeded"],
      ["sum", null, "succeeded"],
    ]);
    expect(bench.vendor.done("/note")).toEqual([{ text: "made-1,made-2" }]);
    const wrong = await bench.call(flow.id, { list: "abc" });
    expect(wrong.error).toEqual({
      code: "invalid_input",
      message: "forEach: must give a list, not string; map a list to it",
      step: "labels",
    });
  });

  it("waits as long as a delay says, over restarts", async () => {
    const bench = await makeBench({ store: `sqlite:${temporaryFolder()}/hookline.db` });
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [{ id: "wait", delay: "PT10M" }, act("label", connection, "put_label", { name: "later" })],
    });
    const run = await bench.call(flow.id);
    expect(run).toMatchObject({ status: "waiting", wakeAt: "2026-01-01T00:10:00.000Z" });
    bench.clock.advance(599_000);
    await bench.restart();
    expect((await bench.runsOf(flow.id))[0]!.status).toBe("waiting");
    bench.clock.advance(1_000);
    expect((await bench.runsOf(flow.id))[0]!.status).toBe("succeeded");
    expect(bench.vendor.done("/label")).toEqual([{ name: "later" }]);
  });

  it("takes only what its trigger's where and its own condition hold for", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created", where: "resource.emails" }],
      when: "contains(trigger.resource.tags, 'vip')",
      steps: [act("label", connection, "put_label", { name: "$trigger.resource.firstName" })],
    });
    bench.vendor.put("p1", "No mail", { tags: ["vip"] });
    bench.vendor.put("p2", "No tag", { email: "x@example.com" });
    bench.vendor.put("p3", "Both", { email: "y@example.com", tags: ["vip"] });
    await bench.poll();
    expect(bench.vendor.done("/label")).toEqual([{ name: "Both" }]);
    expect(await bench.runsOf(flow.id)).toHaveLength(1);
  });

  it("rests while it is paused, and goes on with what happened meanwhile", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }],
      steps: [act("label", connection, "put_label", { name: "$trigger.resource.firstName" })],
    });
    await bench.runtime.flows.update(flow.id, { enabled: false });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    expect(bench.vendor.effects).toEqual([]);
    expect(await bench.runtime.flows.update(flow.id, { enabled: true })).toMatchObject({
      enabled: true,
      status: "active",
      version: 1,
    });
    await bench.settle();
    expect(bench.vendor.done("/label")).toEqual([{ name: "Ada" }]);
  });

  it("keeps the version a run began with", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [{ id: "wait", delay: "PT1M" }, act("label", connection, "put_label", { name: "first" })],
    });
    await bench.call(flow.id);
    const changed = await bench.runtime.flows.update(flow.id, {
      steps: [act("label", connection, "put_label", { name: "second" })],
    });
    expect(changed.version).toBe(2);
    await bench.call(flow.id);
    bench.clock.advance(60_000);
    const runs = await bench.runsOf(flow.id);
    expect(runs.map(({ version, status }) => [version, status])).toEqual([
      [1, "succeeded"],
      [2, "succeeded"],
    ]);
    expect(bench.vendor.done("/label")).toEqual([{ name: "second" }, { name: "first" }]);
  });

  it("leaves nothing behind when it is removed", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const flow = await bench.make({
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }, { schedule: "*/5 * * * *" }, { call: {} }],
      steps: [{ id: "wait", delay: "P1D" }],
    });
    await bench.call(flow.id);
    await bench.runtime.flows.remove(flow.id);
    bench.clock.advance(2 * 86_400_000);
    await bench.settle();
    const jobs = "jobs where queue <> 'upkeep'";
    for (const table of ["flows", "flow_versions", "runs", "run_steps", "subscriptions", jobs]) {
      expect([table, await bench.runtime.db.all(`select * from ${table}`)]).toEqual([table, []]);
    }
  });
});
