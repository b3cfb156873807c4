import { describe, expect, it } from "vitest";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { makeApi, type Api } from "./compose.ts";

/** What a refusal says, through either door. */
interface Refusal {
  code: string;
  faults: { pointer: string; message: string }[];
}

const byLibrary = async (call: Promise<unknown>): Promise<Refusal> => {
  const { code, faults } = await call.then(
    () => expect.fail("was not refused"),
    (error: HooklineError) => error,
  );
  return { code, faults };
};

const byHttp = async (api: Api, method: string, path: string, body?: unknown, token?: string): Promise<Refusal> => {
  const answer = await api.ask(method, path, { body, ...(token !== undefined && { token }) });
  expect(answer.status).toBeGreaterThanOrEqual(400);
  const faults = (answer.body.errors ?? []) as Refusal["faults"];
  return {
    code: answer.body.code,
    faults: faults.map((fault) => ({ ...fault, pointer: fault.pointer.replace(/^\/query/, "") })),
  };
};

const world = async () => {
  const api = await makeApi();
  const { flows, runs, templates } = api.runtime;
  const connection = await api.connect("u_1");
  const note = { id: "note", connection, action: "create_note", input: { title: "$trigger.title" } };
  const flow = await flows.create({ name: "Notes", user: "u_1", triggers: [{ call: {} }], steps: [note] });
  return { api, flows, runs, templates, flow, note };
};

describe("the library refuses what HTTP refuses, in the same words", () => {
  it("of flows", async () => {
    const { api, flows, flow, note } = await world();
    const path = `/v1/flows/${flow.id}`;
    const triggers = [{ call: {} }];
    for (const [given, pointer, message] of [
      [{ name: "x", triggers, steps: [note], colour: "red" }, "/colour", 'unknown property "colour"; remove it'],
      [{ name: 7, triggers, steps: [note] }, "/name", "must be a string, not a number"],
      [{ triggers, steps: [note] }, "/name", "is required"],
      [
        { name: "x", triggers, steps: [{ ...note, action: "creat_note" }] },
        "/steps/0/action",
        'Action "creat_note" does not exist; did you mean "create_note"?',
      ],
    ] as const) {
      const refused = await byLibrary(flows.create(given as never));
      expect(refused).toMatchObject({
        code: "invalid_input",
        faults: [{ pointer, message: expect.stringContaining(message) }],
      });
      expect(await byHttp(api, "POST", "/v1/flows", given)).toEqual(refused);
    }
    for (const change of [{}, { enabled: "no" }, { steps: [] }]) {
      const refused = await byLibrary(flows.update(flow.id, change as never));
      expect(refused.code).toBe("invalid_input");
      expect(await byHttp(api, "PATCH", path, change)).toEqual(refused);
    }
    const outputs = await byLibrary(flows.test(flow.id, { outputs: "x" } as never));
    expect(await byHttp(api, "POST", `${path}/test`, { outputs: "x" })).toEqual(outputs);
    const called = await byLibrary(flows.call(flow.id, ["x"] as never));
    expect(called).toMatchObject({ code: "invalid_input", faults: [{ pointer: "" }] });
    expect(await byHttp(api, "POST", `${path}/runs`, ["x"])).toEqual(called);
    for (const query of [
      { limit: 0 },
      { limit: 201 },
      { cursor: "nonsense" },
      { status: "asleep" },
      { colour: "red" },
    ]) {
      const refused = await byLibrary(flows.list(query as never));
      expect(refused.faults).toHaveLength(1);
      expect(await byHttp(api, "GET", `/v1/flows?${new URLSearchParams(query as never).toString()}`)).toEqual(refused);
    }
    await expect(flows.list({ limit: 200 })).resolves.toMatchObject({ data: [{ id: flow.id }], nextCursor: null });
  });

  it("of runs", async () => {
    const { api, flows, runs, flow } = await world();
    const { id } = (await flows.call(flow.id, { title: "Hi" }))!;
    await expect.poll(async () => (await runs.get(id)).status).toBe("succeeded");
    for (const given of [{ from: 7 }, { from: "nte" }, { form: "note" }]) {
      const refused = await byLibrary(runs.replay(id, given as never));
      expect(refused.faults).toHaveLength(1);
      expect(await byHttp(api, "POST", `/v1/runs/${id}/replay`, given)).toEqual(refused);
    }
    expect((await byLibrary(runs.replay(id, { from: "nte" }))).faults).toEqual([
      { pointer: "/from", message: 'Step "nte" does not exist; did you mean "note"?' },
    ]);
    for (const query of [
      ["cursor", "nonsense"],
      ["status", "asleep"],
    ] as const) {
      const search = `${query[0]}=${query[1]}`;
      const given = { [query[0]]: query[1] } as never;
      const refused = await byLibrary(runs.list(given));
      expect(await byHttp(api, "GET", `/v1/runs?${search}`)).toEqual(refused);
      expect(await byLibrary(runs.listOf(flow.id, given))).toEqual(refused);
      expect(await byHttp(api, "GET", `/v1/flows/${flow.id}/runs?${search}`)).toEqual(refused);
    }
    await runs.replay(id);
    const first = await runs.list({ flow: flow.id, limit: 1 });
    const second = await runs.list({ flow: flow.id, limit: 1, cursor: first.nextCursor! });
    expect([first.data.length, second.data.map((run) => run.id), second.nextCursor]).toEqual([1, [id], null]);
  });

  it("of templates", async () => {
    const { api, templates, flow } = await world();
    const template = {
      id: "note-on-call",
      name: "A note on call",
      description: "Makes a note.",
      version: "1.0.0",
      connections: { notes: "notes" },
      triggers: [{ call: {} }],
      steps: [{ id: "note", connection: "notes", action: "create_note", input: { title: "x" } }],
    };
    for (const given of [
      { ...template, colour: "red" },
      { ...template, version: 1 },
      { ...template, sync: { resource: "contact", left: "notes", right: "notes" } },
      { ...template, connections: { notes: "nots" } },
      {},
    ]) {
      const refused = await byLibrary(templates.put(given));
      expect(refused.code).toBe("invalid_input");
      expect(await byHttp(api, "POST", "/v1/flow-templates", given)).toEqual(refused);
    }
    await templates.put(template);
    const path = "/v1/flow-templates/note-on-call/install";
    for (const given of [
      { colour: "red" },
      { enabled: "no" },
      { connections: { nots: flow.id } },
      { setup: { a: 1 } },
    ]) {
      const refused = await byLibrary(templates.install("note-on-call", { user: "u_1", ...given } as never));
      expect(refused.code).toBe("invalid_input");
      expect(await byHttp(api, "POST", path, { user: "u_1", ...given })).toEqual(refused);
    }
    const unmade = await byLibrary(templates.upgrade(flow.id));
    expect(unmade.code).toBe("conflict");
    expect(await byHttp(api, "POST", `/v1/flows/${flow.id}/upgrade`, {})).toEqual(unmade);
  });

  it("of another user's things, and of users who name another", async () => {
    const { api, flows, runs, templates, flow, note } = await world();
    const scope = { user: "u_2" };
    const token = await api.tokenOf("u_2");
    const { id: run } = (await flows.call(flow.id, { title: "Hi" }))!;
    const missing = { code: "not_found", faults: [] };
    for (const call of [
      flows.get(flow.id, scope),
      flows.update(flow.id, { name: "Mine" }, scope),
      flows.remove(flow.id, scope),
      flows.test(flow.id, {}, scope),
      flows.call(flow.id, {}, scope),
      flows.rotateHookSecret(flow.id, scope),
      runs.listOf(flow.id, {}, scope),
      runs.get(run, scope),
      runs.replay(run, {}, scope),
      runs.cancel(run, scope),
      templates.preview(flow.id, {}, scope),
      templates.upgrade(flow.id, {}, scope),
    ]) {
      expect(await byLibrary(call)).toEqual(missing);
    }
    await expect(flows.get(flow.id, scope)).rejects.toThrow(
      `Flow ${flow.id} does not exist; list them to find the right id`,
    );
    expect(await flows.list({}, scope)).toEqual({ data: [], nextCursor: null });
    expect(await runs.list({}, scope)).toEqual({ data: [], nextCursor: null });
    const foreign = { name: "x", user: "u_1", triggers: [{ call: {} }], steps: [note] };
    const forbidden = await byLibrary(flows.create(foreign, scope));
    expect(forbidden.code).toBe("forbidden");
    expect(await byHttp(api, "POST", "/v1/flows", foreign, token)).toEqual(forbidden);
    expect(await byLibrary(flows.list({ user: "u_1" }, scope))).toEqual(forbidden);
    expect(await byHttp(api, "GET", "/v1/runs?user=u_1", undefined, token)).toEqual(forbidden);
  });
});

describe("the library's services of flows", () => {
  it("have no functions but those for hosts", async () => {
    const { runtime } = await makeApi();
    const call = async (service: object, name: string) =>
      (service as Record<string, (given: unknown) => Promise<unknown>>)[name]!(0);
    for (const name of ["forget", "find", "put", "install"]) {
      await expect(call(runtime.flows, name)).rejects.toThrow(TypeError);
    }
    await expect(call(runtime.runs, "forget")).rejects.toThrow(TypeError);
  });
});
