import { describe, expect, it } from "vitest";
import { subscriptions } from "../../runtime/model/subscriptions.ts";
import { makeBench, type Bench } from "./bench.ts";

const template = (more: object = {}) => ({
  id: "greet-new-people",
  name: "Greet new people",
  description: "Labels whoever is new.",
  version: "1.0.0",
  setup: {
    type: "object",
    required: ["greeting"],
    properties: { greeting: { type: "string", minLength: 1 }, team: { type: "string", default: "all" } },
  },
  connections: { from: "desk", to: "desk" },
  triggers: [{ connection: "from", trigger: "person_created", input: { team: "$setup.team" } }],
  steps: [
    {
      id: "greet",
      connection: "to",
      action: "put_label",
      input: { name: "{{setup.greeting}}, {{trigger.resource.firstName}}" },
    },
  ],
  ...more,
});

const installed = async (bench: Bench) => {
  await bench.runtime.templates.put(template());
  const [from, to] = [await bench.connect("u_1"), await bench.connect("u_1")];
  const flow = await bench.runtime.templates.install(
    "greet-new-people",
    { connections: { from, to }, setup: { greeting: "Hello" } },
    { user: "u_1" },
  );
  await bench.settle();
  return { from, to, flow };
};

describe("a template of the workspace", () => {
  it("becomes a user's flow with the connections and answers they chose", async () => {
    const bench = await makeBench();
    const { from, to, flow } = await installed(bench);
    expect(flow).toMatchObject({
      user: "u_1",
      name: "Greet new people",
      enabled: true,
      template: {
        template: "greet-new-people",
        version: "1.0.0",
        connections: { from, to },
        setup: { greeting: "Hello", team: "all" },
      },
      triggers: [{ connection: from }],
      steps: [{ connection: to }],
    });
    expect(await subscriptions.all(bench.runtime.db, "order by id")).toMatchObject([
      { connection: from, input: { team: "all" }, flow: flow.id },
    ]);
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    expect(bench.vendor.done("/label")).toEqual([{ name: "Hello, Ada" }]);
  });

  it("is upgraded once its changes were shown, and keeps the answers", async () => {
    const bench = await makeBench();
    const { flow } = await installed(bench);
    const steps = [
      { ...template().steps[0], input: { name: "{{setup.greeting}} {{trigger.resource.firstName}}{{setup.mark}}" } },
    ];
    const setup = {
      ...template().setup,
      properties: { ...template().setup.properties, mark: { type: "string", default: "!" } },
    };
    await bench.runtime.templates.put(template({ version: "1.1.0", steps, setup }));
    expect(await bench.runtime.templates.preview(flow.id, {}, { user: "u_1" })).toEqual({
      template: "greet-new-people",
      from: "1.0.0",
      to: "1.1.0",
      changes: [
        {
          pointer: "/steps/greet/input/name",
          before: "{{setup.greeting}}, {{trigger.resource.firstName}}",
          after: steps[0]!.input.name,
        },
        { pointer: "/setup/mark", after: "!" },
      ],
    });
    expect((await bench.runtime.flows.get(flow.id)).version).toBe(1);
    const upgraded = await bench.runtime.templates.upgrade(flow.id, { setup: { mark: "?" } }, { user: "u_1" });
    expect(upgraded).toMatchObject({
      id: flow.id,
      version: 2,
      template: { version: "1.1.0", setup: { greeting: "Hello", mark: "?" } },
    });
    expect(await bench.runtime.templates.preview(flow.id)).toMatchObject({ changes: [] });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    expect(bench.vendor.done("/label")).toEqual([{ name: "Hello Ada?" }]);
  });

  it("can be edited, paused and removed like any flow", async () => {
    const bench = await makeBench();
    const { flow, to } = await installed(bench);
    const step = { id: "other", connection: to, action: "put_label", input: { name: "$setup.greeting" } };
    expect(await bench.runtime.flows.update(flow.id, { steps: [step] }, { user: "u_1" })).toMatchObject({
      version: 2,
      template: { version: "1.0.0" },
    });
    expect((await bench.runtime.templates.preview(flow.id)).changes.map(({ pointer }) => pointer)).toEqual([
      "/steps/other",
      "/steps/greet",
    ]);
    expect(await bench.runtime.flows.update(flow.id, { enabled: false }, { user: "u_1" })).toMatchObject({
      status: "paused",
    });
    await bench.runtime.flows.remove(flow.id, { user: "u_1" });
    expect(await bench.runtime.flows.list()).toEqual({ data: [], nextCursor: null });
  });

  it("takes a user's only connection where none is chosen, and says when that is not clear", async () => {
    const bench = await makeBench();
    await bench.runtime.templates.put(template());
    const install = () =>
      bench.runtime.templates.install("greet-new-people", { user: "u_1", setup: { greeting: "Hi" } });
    const none = "u_1 has no connection of desk; connect one first";
    await expect(install()).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/connections/from", message: none },
        { pointer: "/connections/to", message: none },
      ],
    });
    const connection = await bench.connect("u_1");
    expect(await install()).toMatchObject({ template: { connections: { from: connection, to: connection } } });
    await bench.connect("u_1");
    await expect(install()).rejects.toMatchObject({
      faults: [{ message: "u_1 has 2 connections of desk; name one by its id" }, {}],
    });
  });

  it("refuses slots, connections and answers that do not fit", async () => {
    const bench = await makeBench();
    await bench.runtime.templates.put(template());
    const [mine, theirs] = [await bench.connect("u_1"), await bench.connect("u_2")];
    const install = (connections: Record<string, string>, setup: object) =>
      bench.runtime.templates.install(
        "greet-new-people",
        { connections, setup: setup as Record<string, unknown> },
        { user: "u_1" },
      );
    await expect(install({ from: mine, to: theirs, other: mine }, { greeting: "x" })).rejects.toMatchObject({
      faults: [
        { pointer: "/connections/other", message: 'Slot "other" does not exist' },
        {
          pointer: "/connections/to",
          message: `Connection ${theirs} does not exist; list them to find the right id`,
        },
      ],
    });
    await expect(install({ from: mine, to: mine }, { greting: "x" })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/setup/greeting", message: "is required" },
        { pointer: "/setup/greting", message: 'unknown property "greting"; did you mean "greeting"?' },
      ],
    });
    await expect(bench.runtime.templates.install("greet-new-poeple", {}, { user: "u_1" })).rejects.toMatchObject({
      code: "not_found",
      message: 'Flow template "greet-new-poeple" does not exist; did you mean "greet-new-people"?',
    });
  });

  it("is checked when it is added: form, slots, answers it reads, and the flow it makes", async () => {
    const bench = await makeBench();
    const faultsOf = async (more: object) => {
      const error = await bench.runtime.templates
        .put(template(more))
        .catch((thrown: unknown) => thrown as { faults: { pointer: string; message: string }[] });
      return ("faults" in error ? error.faults : []).map(({ pointer, message }) => `${pointer}: ${message}`);
    };
    expect(await faultsOf({ version: "1", colour: "red" })).toEqual([
      expect.stringContaining("/version: must match"),
      '/colour: unknown property "colour"; remove it',
    ]);
    expect(await faultsOf({ connections: { from: "dsek" } })).toEqual([
      '/connections/from: Connector "dsek" does not exist; did you mean "desk"?',
    ]);
    const steps = [
      { id: "greet", connection: "too", action: "put_label", input: {} },
      { id: "b", connection: "to", action: "put_label", input: { name: "$setup.greting", tags: "$setup.team" } },
    ];
    expect(await faultsOf({ steps, setup: { ...template().setup, additionalProperties: false } })).toEqual([
      '/steps/0/connection: Slot "too" does not exist; did you mean "to"?',
      '/steps/1/input/name: setup has no "greting"; did you mean "greeting"?',
      "/steps/1/input/tags: must be an array, but setup.team gives a string; map another value",
    ]);
    await bench.runtime.templates.put(template());
    await expect(bench.runtime.templates.put(template({ name: "Other" }))).rejects.toMatchObject({
      code: "conflict",
      message: "Template greet-new-people 1.0.0 exists with other content; raise its version",
    });
  });

  it("may have slots, steps and steps' outputs of any name, and a form that refers to itself", async () => {
    const bench = await makeBench();
    const mine = await bench.connect("u_1");
    const steps = [
      { id: "constructor", connection: "constructor", action: "put_label", input: { name: "$setup.greeting" } },
      {
        id: "toString",
        connection: "constructor",
        action: "put_label",
        input: { name: "$steps.constructor.output.name" },
      },
    ];
    const node = { anyOf: [{ $ref: "#/properties/tree" }, { type: "object" }] };
    const setup = { type: "object", properties: { greeting: { type: "string" }, tree: node } };
    await bench.runtime.templates.put(
      template({ connections: { constructor: "desk" }, triggers: [{ call: {} }], steps, setup, when: "setup.tree.a" }),
    );
    const flow = await bench.runtime.templates.install(
      "greet-new-people",
      { setup: { greeting: "x" } },
      { user: "u_1" },
    );
    expect(flow).toMatchObject({ template: { connections: { constructor: mine } }, steps: [{ connection: mine }, {}] });
    await expect(bench.runtime.templates.upgrade(flow.id, { setup: { tree: {} } })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/setup", message: expect.stringContaining("refers to itself without end") }],
    });
  });

  it("of a sync has slots for its sides", async () => {
    const bench = await makeBench();
    const { id, name, description, version } = template();
    const sync = { resource: "contact", left: "toString", right: "to" };
    const put = (connections: object) =>
      bench.runtime.templates.put({ id, name, description, version, connections, sync });
    await expect(put({ from: "desk", to: "desk" })).rejects.toMatchObject({
      code: "invalid_input",
      faults: expect.arrayContaining([{ pointer: "/sync/left", message: 'Slot "toString" does not exist' }]),
    });
  });

  it("may use the workspace's own connection, which its users can neither see nor change", async () => {
    const bench = await makeBench();
    const [workspace, mine] = [await bench.connect("@workspace"), await bench.connect("u_1")];
    const steps = [{ id: "greet", connection: workspace, action: "put_label", input: { name: "$setup.greeting" } }];
    await bench.runtime.templates.put(template({ connections: { from: "desk" }, steps }));
    const flow = await bench.runtime.templates.install(
      "greet-new-people",
      { connections: { from: mine }, setup: { greeting: "x" } },
      { user: "u_1" },
    );
    await bench.settle();
    expect(flow).toMatchObject({ steps: [{ connection: workspace }] });
    await expect(
      bench.runtime.flows.update(flow.id, { steps: [{ ...steps[0]!, input: { name: "mine" } }] }, { user: "u_1" }),
    ).rejects.toMatchObject({
      faults: [
        {
          pointer: "/steps/0/connection",
          message: `Connection ${workspace} is the workspace's own; only an admin can wire it into a flow`,
        },
      ],
    });
    bench.vendor.put("p1", "Ada");
    await bench.poll();
    expect((await bench.runsOf(flow.id)).map(({ status }) => status)).toEqual(["succeeded"]);
  });
});
