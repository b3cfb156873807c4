import { describe, expect, it } from "vitest";
import { deskManifest } from "./vendor.ts";
import { act, makeBench } from "./bench.ts";

/** The faults of a flow of these steps, whose trigger is a new person. */
const faultsOf = async (steps: (connection: string) => object[], more: object = {}): Promise<string[]> => {
  const bench = await makeBench();
  const connection = await bench.connect("u_1");
  const flow = {
    name: "Test",
    user: "u_1",
    triggers: [{ connection, trigger: "person_created" }],
    steps: steps(connection),
    ...more,
  };
  const error = await bench.runtime.flows
    .create(flow as never)
    .catch((thrown: unknown) => thrown as { code: string; faults: { pointer: string; message: string }[] });
  if (!("faults" in error)) return [];
  expect(error.code).toBe("invalid_input");
  return error.faults.map(({ pointer, message }) => `${pointer}: ${message}`);
};

describe("what is checked when a flow is saved", () => {
  it("accepts mappings that fit", async () => {
    const steps = (c: string) => [
      act("a", c, "create_note", {
        text: "{{trigger.resource.firstName}} from {{trigger.connector}}",
        title: "$trigger.resource.emails#/0/value",
        urgent: { $expr: "trigger.backfill" },
      }),
      act(
        "b",
        c,
        "put_label",
        { name: "$steps.a.output.id", tags: "$trigger.record.tags" },
        { when: "!(steps.a.error)" },
      ),
    ];
    expect(await faultsOf(steps)).toEqual([]);
  });

  it("names an action that is not there with the nearest, and an input that lacks or knows too much", async () => {
    const steps = (c: string) => [
      act("a", c, "creat_note", {}),
      act("b", c, "create_note", { txt: "$trigger.change", urgent: "yes" }),
    ];
    expect(await faultsOf(steps)).toEqual([
      '/steps/0/action: Action "creat_note" does not exist; did you mean "create_note"?',
      "/steps/1/input/text: is required",
      "/steps/1/input/urgent: must be a boolean, not a string",
      '/steps/1/input/txt: unknown property "txt"; did you mean "text"?',
    ]);
  });

  it("names fields that the trigger's data do not have", async () => {
    const steps = (c: string) => [
      act("a", c, "create_note", { text: "{{trigger.resource.fristName}}", title: "$trigger.record.firstname" }),
      act("b", c, "create_note", { text: { $expr: "trigger.recource.firstName" } }),
    ];
    expect(await faultsOf(steps)).toEqual([
      '/steps/0/input/text: trigger.resource has no "fristName"; did you mean "firstName"?',
      '/steps/0/input/title: trigger.record has no "firstname"; did you mean "firstName"?',
      '/steps/1/input/text: trigger has no "recource"; did you mean "resource"?',
    ]);
  });

  it("names types that cannot fit", async () => {
    const steps = (c: string) => [
      act("a", c, "put_label", { name: "$trigger.resource.emails", tags: "Mr. {{trigger.resource.firstName}}" }),
      act("b", c, "create_note", { text: "x", urgent: "$trigger.sequence" }),
    ];
    expect(await faultsOf(steps)).toEqual([
      "/steps/0/input/name: must be a string, but trigger.resource.emails gives an array; map another value",
      "/steps/0/input/tags: must be an array, but text with {{…}} in it gives a string; map another value",
      "/steps/1/input/urgent: must be a boolean, but trigger.sequence gives an integer; map another value",
    ]);
  });

  it("names steps that are unknown, later, or meant otherwise", async () => {
    const steps = (c: string) => [
      act("one", c, "put_label", { name: "$steps.two.output.id" }, { when: "!steps.one.output" }),
      act("two", c, "put_label", { name: "{{steps.onne.output.id}}{{steps.one.result}}{{steps.one.output.nmae}}" }),
      act("two", c, "put_label", { name: "x" }),
    ];
    expect(await faultsOf(steps)).toEqual([
      "/steps/0/when: ! negates only steps, and nothing lies in true or false; write !(steps.one.output)",
      '/steps/0/input/name: step "two" has not run by then; refer to an earlier step, or change the order',
      '/steps/1/input/name: Step "onne" does not exist; did you mean "one"?',
      '/steps/1/input/name: steps.one has no "result"; the properties are output, input, error, status',
      '/steps/1/input/name: steps.one.output has no "nmae"; did you mean "name"?',
      '/steps/2/id: an earlier step has the id "two"; choose another id',
    ]);
  });

  it("names expressions that do not parse, have an unknown root, or would run away", async () => {
    const steps = (c: string) => [
      act("a", c, "create_note", { text: { $expr: "trigger.[" }, title: "$triger.x" }, { when: "nosuch(trigger)" }),
      act("b", c, "create_note", { text: "{{trigger.change", title: { $expr: `'${"x".repeat(5000)}'` } }),
      act("c", c, "create_note", { text: "{{item.name}}" }),
    ];
    const faults = await faultsOf(steps);
    expect(faults.map((fault) => fault.split(":")[0])).toEqual([
      "/steps/0/when",
      "/steps/0/input/text",
      "/steps/0/input/title",
      "/steps/1/input/text",
      "/steps/1/input/title",
      "/steps/2/input/text",
    ]);
    for (const [index, words] of [
      "there is no function nosuch()",
      "trigger.[",
      'did you mean "$trigger"?',
      "a {{ has no }}; close it",
      "4096 are allowed",
      'unknown root "item"',
    ].entries()) {
      expect(faults[index]).toContain(words);
    }
  });

  it("names what is wrong with triggers", async () => {
    const bench = await makeBench();
    const connection = await bench.connect("u_1");
    const triggers = [
      { connection: "con_none", trigger: "person_created" },
      { connection, trigger: "person_created", input: { teem: "x" }, where: "recrd.id" },
      { schedule: "* * *" },
      { schedule: "0 9 * * *", timeZone: "Europe/Atlantis" },
      { connectionActive: { connector: "dessk" } },
      { connection: { connector: "desc" }, trigger: "person_created" },
      { hook: {} },
      { hook: {} },
    ];
    const steps = [act("a", connection, "put_label", { name: "x" })];
    const error = await bench.runtime.flows
      .create({ name: "T", user: "u_1", triggers, steps })
      .catch((thrown: unknown) => thrown as { faults: { pointer: string; message: string }[] });
    const faults = (error as { faults: { pointer: string; message: string }[] }).faults;
    expect(faults.map(({ pointer }) => pointer)).toEqual([
      "/triggers/0/connection",
      "/triggers/1/input/teem",
      "/triggers/1/where",
      "/triggers/2/schedule",
      "/triggers/3/timeZone",
      "/triggers/4/connectionActive/connector",
      "/triggers/5/connection",
      "/triggers/7",
    ]);
    expect(faults[0]!.message).toBe("Connection con_none does not exist; list them to find the right id");
    expect(faults[4]!.message).toBe('"Europe/Atlantis" is not a time zone; use an IANA name such as "Europe/Berlin"');
    expect(faults[5]!.message).toBe('Connector "dessk" does not exist; did you mean "desk"?');
    expect(await bench.runtime.db.all("select id from subscriptions")).toEqual([]);
  });

  it("tells a workspace's own connection from everybody's", async () => {
    const bench = await makeBench();
    const [own, workspace, other] = [
      await bench.connect("u_1"),
      await bench.connect("@workspace"),
      await bench.connect("u_2"),
    ];
    const flow = (connection: string) => ({
      name: "T",
      user: "u_1",
      triggers: [{ call: {} }],
      steps: [act("a", connection, "put_label", { name: "x" })],
    });
    await bench.runtime.flows.create(flow(own), { user: "u_1" });
    await bench.runtime.flows.create(flow(workspace));
    const faults = [
      {
        pointer: "/steps/0/connection",
        message: `Connection ${workspace} is the workspace's own; only an admin can wire it into a flow`,
      },
    ];
    await expect(bench.runtime.flows.create(flow(workspace), { user: "u_1" })).rejects.toMatchObject({
      code: "invalid_input",
      faults,
    });
    await expect(bench.runtime.flows.create(flow(other))).rejects.toMatchObject({
      faults: [{ message: `Connection ${other} does not exist; list them to find the right id` }],
    });
  });

  it("names a URL that is none, and an input where none belongs", async () => {
    const steps = () => [
      { id: "a", http: { method: "GET", url: "example.com/x" } },
      { id: "b", http: { method: "GET", url: "https://example.com/{$trigger.change}" } },
      { id: "c", delay: "P100D", input: { a: 1 } },
    ];
    expect(await faultsOf(steps)).toEqual([
      '/steps/0/http/url: "example.com/x" is not an absolute http(s) URL; write it whole',
      "/steps/1/http/url: values in a URL are written {{…}}, so that they are percent-encoded",
      "/steps/2/input: belongs to an action; give one, or remove it",
      "/steps/2/delay: must be at most 90 days (P90D)",
    ]);
  });

  it("refuses a trigger whose connection is not what it needs, and leaves nothing half made", async () => {
    const streams = {
      people: { ...deskManifest.streams.people, requires: { condition: "connection.vip", message: "only for VIPs" } },
    };
    const bench = await makeBench({ manifest: { ...deskManifest, streams } });
    const connection = await bench.connect("u_1");
    const flow = {
      name: "T",
      user: "u_1",
      triggers: [{ connection, trigger: "person_created" }],
      steps: [act("a", connection, "put_label", { name: "x" })],
    };
    await expect(bench.runtime.flows.create(flow)).rejects.toMatchObject({
      code: "conflict",
      message: "/triggers/0: desk/person_created: only for VIPs",
    });
    expect(await bench.runtime.flows.list()).toEqual({ data: [], nextCursor: null });
  });
});
