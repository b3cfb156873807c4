import { createHmac } from "node:crypto";
import { request } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { describe, expect, it } from "vitest";
import { makeApi, soon, type Api } from "./compose.ts";

const called = (connection: string, more: object = {}) => ({
  name: "Notes",
  triggers: [{ call: {} }],
  steps: [{ id: "note", connection, action: "create_note", input: { title: "{{trigger.title}}" } }],
  ...more,
});

const ended = ({ must }: Api, id: string) =>
  soon(async () => {
    const run = await must("GET", `/v1/runs/${id}`);
    expect(["succeeded", "failed"]).toContain(run.status);
    return run;
  });

describe("/v1/flows", () => {
  it("makes, shows, lists, changes, pauses and removes flows", async () => {
    const { must, ask, connect } = await makeApi();
    const connection = await connect("u_1");
    const made = await ask("POST", "/v1/flows", { body: called(connection, { user: "u_1" }) });
    expect([made.status, made.headers.get("location")]).toEqual([201, expect.stringMatching(/\/v1\/flows\/flow_/)]);
    const path = `/v1/flows/${made.body.id}`;
    expect(await must("GET", path)).toEqual(made.body);
    expect(made.body).toMatchObject({
      user: "u_1",
      version: 1,
      enabled: true,
      status: "active",
      hook: null,
      template: null,
    });
    expect((await must("PATCH", path, { body: { name: "Other" } })).version).toBe(2);
    expect(await must("PATCH", path, { body: { enabled: false } })).toMatchObject({
      enabled: false,
      status: "paused",
      version: 2,
    });
    expect((await must("GET", "/v1/flows?status=paused")).data.map(({ id }: { id: string }) => id)).toEqual([
      made.body.id,
    ]);
    const paused = await ask("POST", `${path}/runs`, { body: {} });
    expect([paused.status, paused.body.detail]).toEqual([409, `Flow ${made.body.id} is paused: enable it first`]);
    expect((await ask("DELETE", path)).status).toBe(204);
    const gone = await ask("GET", path);
    expect([gone.status, gone.body.detail]).toEqual([
      404,
      `Flow ${made.body.id} does not exist; list them to find the right id`,
    ]);
  });

  it("names every fault of a flow with its place and remedy", async () => {
    const { ask, connect } = await makeApi();
    const connection = await connect("u_1");
    const body = called(connection, {
      triggers: [{ connection, trigger: "note_craeted" }],
      steps: [
        { id: "a", connection, action: "create_note", input: { titel: "x" } },
        { id: "b", connection: "con_none", action: "create_note", input: { title: "$steps.c.output.id" } },
      ],
    });
    const { status, body: problem } = await ask("POST", "/v1/flows", { body });
    expect([status, problem.code]).toEqual([400, "invalid_input"]);
    expect(problem.errors).toEqual([
      {
        pointer: "/triggers/0/trigger",
        message: 'Trigger "note_craeted" does not exist; did you mean "note_created"?',
      },
      { pointer: "/steps/0/input/title", message: "is required" },
      { pointer: "/steps/0/input/titel", message: 'unknown property "titel"; did you mean "title"?' },
      { pointer: "/steps/1/connection", message: "Connection con_none does not exist; list them to find the right id" },
      { pointer: "/steps/1/input/title", message: 'Step "c" does not exist; did you mean "a"?' },
    ]);
  });

  it("refuses unknown properties and forms that are none", async () => {
    const { ask, connect } = await makeApi();
    const connection = await connect("u_1");
    const { body } = await ask("POST", "/v1/flows", {
      body: { ...called(connection), steps: [{ id: "x" }], colour: "red" },
    });
    expect(body.errors).toEqual([
      { pointer: "/steps/0", message: 'needs "action" or "http" or "delay"' },
      { pointer: "/colour", message: 'unknown property "colour"; remove it' },
    ]);
  });

  it("runs a flow when it is called, and shows, repeats and lists its runs", async () => {
    const api = await makeApi();
    const { must, connect, vendor } = api;
    const flow = await must("POST", "/v1/flows", { body: called(await connect("u_1")) });
    const { id, status } = await must("POST", `/v1/flows/${flow.id}/runs`, { body: { title: "Hello" } });
    expect(status).toBe("queued");
    const run = await ended(api, id);
    expect(run).toMatchObject({
      status: "succeeded",
      trigger: { title: "Hello" },
      steps: [{ id: "note", input: { title: "Hello" } }],
    });
    const again = await must("POST", `/v1/runs/${id}/replay`, { body: { from: "note" } });
    expect(await ended(api, again.id)).toMatchObject({ status: "succeeded", replayOf: id, cause: "replay" });
    expect(vendor.count("POST /notes")).toBe(2);
    const { data } = await must("GET", `/v1/flows/${flow.id}/runs?status=succeeded`);
    expect(data.map((one: { id: string }) => one.id)).toEqual([again.id, id]);
  });

  it("shows what a flow would do, and calls nobody", async () => {
    const { must, connect, vendor } = await makeApi();
    const connection = await connect("u_1");
    const flow = await must("POST", "/v1/flows", { body: called(connection) });
    const before = vendor.requests.length;
    const dry = await must("POST", `/v1/flows/${flow.id}/test`, { body: { trigger: { title: "Dry" } } });
    expect(dry).toMatchObject({
      starts: true,
      steps: [{ id: "note", status: "ready", connection, input: { title: "Dry" }, faults: [] }],
    });
    const faulty = await must("POST", `/v1/flows/${flow.id}/test`, { body: { trigger: {} } });
    expect(faulty.steps[0]).toMatchObject({
      status: "faulty",
      faults: [{ pointer: "/input/title", message: "is required" }],
    });
    expect(vendor.requests.length).toBe(before);
  });

  it("belong to a user, and are nowhere to be found for another", async () => {
    const { must, ask, connect, tokenOf } = await makeApi();
    const [mine, theirs] = [await connect("u_1"), await connect("u_2")];
    const [token, other] = [await tokenOf("u_1"), await tokenOf("u_2")];
    const flow = await must("POST", "/v1/flows", { token, body: called(mine) });
    expect(flow.user).toBe("u_1");
    const run = await must("POST", `/v1/flows/${flow.id}/runs`, { token, body: { title: "x" } });
    for (const [method, path, body] of [
      ["GET", `/v1/flows/${flow.id}`],
      ["PATCH", `/v1/flows/${flow.id}`, { enabled: false }],
      ["DELETE", `/v1/flows/${flow.id}`],
      ["POST", `/v1/flows/${flow.id}/runs`, {}],
      ["POST", `/v1/flows/${flow.id}/test`, {}],
      ["GET", `/v1/flows/${flow.id}/runs`],
      ["GET", `/v1/runs/${run.id}`],
      ["POST", `/v1/runs/${run.id}/replay`, {}],
      ["POST", `/v1/runs/${run.id}/cancel`],
    ] as const) {
      const answer = await ask(method, path, { token: other, body });
      expect([method, path, answer.status, answer.body.code]).toEqual([method, path, 404, "not_found"]);
    }
    expect((await must("GET", "/v1/flows", { token: other })).data).toEqual([]);
    expect((await must("GET", "/v1/runs", { token: other })).data).toEqual([]);
    const foreign = await ask("POST", "/v1/flows", { token, body: called(theirs) });
    expect(foreign.body.errors).toEqual([
      {
        pointer: "/steps/0/connection",
        message: `Connection ${theirs} does not exist; list them to find the right id`,
      },
    ]);
    const named = await ask("POST", "/v1/flows", { token, body: called(mine, { user: "u_2" }) });
    expect([named.status, named.body.code]).toEqual([403, "forbidden"]);
  });
});

describe("/v1/hooks", () => {
  const hooked = async (api: Api) =>
    api.must("POST", "/v1/flows", {
      body: called(await api.connect("u_1"), {
        triggers: [{ hook: {} }],
        when: "trigger.body.go != 'no'",
        steps: [
          {
            id: "note",
            connection: { connector: "notes" },
            action: "create_note",
            input: { title: "{{trigger.body.title}} {{trigger.query.via}}" },
          },
        ],
        user: "u_1",
      }),
    });

  it("starts a run for whoever knows the secret, and learns a sample from the first call", async () => {
    const api = await makeApi();
    const flow = await hooked(api);
    expect([flow.hook, flow.hookSecret]).toEqual([`/v1/hooks/${flow.id}`, expect.stringMatching(/^whsec_/)]);
    expect((await api.must("GET", `/v1/flows/${flow.id}`)).hookSecret).toBeUndefined();
    const post = (headers: Record<string, string>, body: unknown = { title: "Hi" }) =>
      api.ask("POST", `${flow.hook}?via=form`, { token: null, headers, body });
    const taken = await post({ "x-hook-secret": flow.hookSecret });
    expect(taken.status).toBe(202);
    const run = await ended(api, taken.body.run);
    expect(run).toMatchObject({ cause: "hook", status: "succeeded", steps: [{ input: { title: "Hi form" } }] });
    expect(JSON.stringify(run)).not.toContain(flow.hookSecret);
    expect((await post({ "x-hook-secret": flow.hookSecret }, { go: "no" })).body).toEqual({ run: null });
    const dry = await api.must("POST", `/v1/flows/${flow.id}/test`, { body: {} });
    expect(dry.steps[0].input).toEqual({ title: "Hi form" });
  });

  it("takes a signature of the body instead of the secret", async () => {
    const api = await makeApi();
    const flow = await hooked(api);
    const body = '{"title":"Signed"}';
    const hub = `sha256=${createHmac("sha256", flow.hookSecret).update(body).digest("hex")}`;
    const bearer = await api.ask("POST", flow.hook, { token: flow.hookSecret, body });
    const hubbed = await api.ask("POST", flow.hook, { token: null, headers: { "x-hub-signature-256": hub }, body });
    const seconds = String(Math.floor(Date.now() / 1000));
    const key = Buffer.from(flow.hookSecret.slice(6), "base64");
    const standard = createHmac("sha256", key).update(`m1.${seconds}.${body}`).digest("base64");
    const headers = { "webhook-id": "m1", "webhook-timestamp": seconds, "webhook-signature": `v1,${standard}` };
    const signed = await api.ask("POST", flow.hook, { token: null, headers, body });
    expect([bearer.status, hubbed.status, signed.status]).toEqual([202, 202, 202]);
  });

  it("refuses everybody else", async () => {
    const api = await makeApi();
    const flow = await hooked(api);
    const refused = "Hook: its secret is missing or wrong; send it as X-Hook-Secret, or sign the body with it";
    for (const headers of [{}, { "x-hook-secret": "whsec_wrong" }, { "x-hub-signature-256": "sha256=00" }] as Record<
      string,
      string
    >[]) {
      const { status, body } = await api.ask("POST", flow.hook, { token: null, headers, body: {} });
      expect([status, body.code, body.detail]).toEqual([401, "unauthenticated", refused]);
    }
    const none = await api.ask("POST", "/v1/hooks/flow_none", { token: null, body: {} });
    expect([none.status, none.body.detail]).toEqual([404, "This hook does not exist; check its address"]);
    const { hookSecret } = await api.must("POST", `/v1/flows/${flow.id}/hook/rotate`);
    const old = await api.ask("POST", flow.hook, {
      token: null,
      headers: { "x-hook-secret": flow.hookSecret },
      body: {},
    });
    const fresh = await api.ask("POST", flow.hook, { token: null, headers: { "x-hook-secret": hookSecret }, body: {} });
    expect([old.status, fresh.status]).toEqual([401, 202]);
  });
});

describe("a hook behind a host's parser", () => {
  const hooked = async () => {
    const api = await makeApi({
      mount: (app, router) => app.use(express.json()).use(express.urlencoded()).use("/integrations", router),
    });
    const body = { name: "Hooked", triggers: [{ hook: {} }], steps: [{ id: "wait", delay: "PT1S" }] };
    const { hook, hookSecret } = await api.must("POST", "/v1/flows", { body });
    const post = (headers: Record<string, string>, body: string) =>
      api.ask("POST", hook, { token: null, headers, body });
    return { post, hookSecret };
  };
  const body = '{ "title": "Signed" }';

  it("takes the secret, as it does anywhere", async () => {
    const { post, hookSecret } = await hooked();
    expect((await post({ "x-hook-secret": hookSecret }, body)).status).toBe(202);
  });

  it("says why no signature can be checked", async () => {
    const { post, hookSecret } = await hooked();
    const hub = `sha256=${createHmac("sha256", hookSecret).update(body).digest("hex")}`;
    const headers = { "webhook-id": "m1", "webhook-timestamp": "1", "webhook-signature": "v1,x" };
    const detail =
      "Body: a parser has read it before, so that its signature cannot be checked; mount Hookline before the middleware that reads bodies";
    for (const signed of [{ "x-hub-signature-256": hub }, headers] as Record<string, string>[]) {
      const answer = await post(signed, body);
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([400, "invalid_input", detail]);
    }
  });

  it("does not take a form for what a parser made of it", async () => {
    const { post, hookSecret } = await hooked();
    const form = { "content-type": "application/x-www-form-urlencoded", "x-hook-secret": hookSecret };
    const { status, body: problem } = await post(form, "title=Hi");
    expect([status, problem.detail]).toEqual([
      400,
      "Body: it was read before Hookline, and its bytes are lost; mount Hookline before the middleware that reads bodies",
    ]);
  });
});

describe("the body of a hook", () => {
  const hooked = async () => {
    const errors: unknown[] = [];
    const api = await makeApi({
      mount: (app, router) => {
        app.use("/integrations", router);
        app.use(((error, _request, response, _next) => {
          errors.push(error);
          response.status(500).end(String(error));
        }) as ErrorRequestHandler);
      },
    });
    const body = { name: "Hooked", triggers: [{ hook: {} }], steps: [{ id: "wait", delay: "PT1S" }] };
    const { hook, hookSecret } = await api.must("POST", "/v1/flows", { body });
    return { api, errors, hook, hookSecret };
  };
  const text = { "content-type": "text/plain" };
  const MB = 1_048_576;

  it.each([
    [
      "is nested too deeply",
      `${"[".repeat(10_000)}${"]".repeat(10_000)}`,
      "it is nested more than 64 deep; flatten it",
    ],
    ["names a property twice", '{"a":1,"\\u0061":2}', 'it names the property "a" twice; name it once'],
    ["has a __proto__", '{"__proto__":{}}', 'it has a property named "__proto__"; remove it'],
    ["is empty", "", "it is not valid JSON; check its brackets and quotes"],
    ["is not UTF-8", Buffer.from('"\xff"', "latin1"), "it is not valid UTF-8; encode it as UTF-8"],
  ])("is refused like that of any other route when it %s", async (_what, body, problem) => {
    const { api, errors, hook, hookSecret } = await hooked();
    const headers = { "content-type": "application/json", "x-hook-secret": hookSecret };
    const answer = await fetch(api.url + hook, { method: "POST", headers, body });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: "invalid_input", detail: `Body: ${problem}` });
    expect(errors).toEqual([]);
  });

  it("may have 1 MB; a longer one is refused as a problem, whoever sends it, and the host never sees an error", async () => {
    const { api, errors, hook, hookSecret } = await hooked();
    const post = (length: number, headers: Record<string, string> = {}) =>
      api.ask("POST", hook, { token: null, headers: { ...text, ...headers }, body: "x".repeat(length) });
    const taken = await post(MB, { "x-hook-secret": hookSecret });
    expect([taken.status, taken.body.run]).toEqual([202, expect.stringMatching(/^run_/)]);
    expect((await post(MB)).status).toBe(401);
    for (let i = 0; i < 3; i++) {
      const refused = await post(MB + 1);
      expect([refused.status, refused.body.code, refused.headers.get("content-type")]).toEqual([
        413,
        "too_large",
        "application/problem+json",
      ]);
      expect(refused.body).not.toHaveProperty("stack");
    }
    expect(errors).toEqual([]);
  });

  it("is refused while it arrives when nothing tells its length, and the next call is answered", async () => {
    const { api, errors, hook } = await hooked();
    for (let i = 0; i < 3; i++) {
      expect(await raw(api.url + hook, text, "x".repeat(MB + 1))).toEqual([413, "application/problem+json"]);
    }
    expect((await api.ask("POST", hook, { token: null, headers: text, body: "x" })).status).toBe(401);
    expect(errors).toEqual([]);
  });

  it("is not waited for when there is no such hook", async () => {
    const { api, errors } = await hooked();
    const announced = { ...text, "content-length": String(MB) };
    expect(await raw(`${api.url}/v1/hooks/flow_none`, announced, "x")).toEqual([404, "application/problem+json"]);
    expect(errors).toEqual([]);
  });

  /** Posts a beginning of a body, and waits for the answer without ending it. */
  const raw = (url: string, headers: Record<string, string>, beginning: string) =>
    new Promise<[status: number, type: string]>((resolve, reject) => {
      const posting = request(url, { method: "POST", headers, agent: false });
      posting.on("error", reject);
      posting.on("response", (response) => {
        posting.off("error", reject).on("error", () => undefined);
        resolve([response.statusCode!, String(response.headers["content-type"])]);
        posting.destroy();
      });
      posting.write(beginning);
    });
});

describe("a connection that loses its grant", () => {
  it("breaks the flows that need it until it works again", async () => {
    const api = await makeApi();
    const { must, connect, vendor } = api;
    const connection = await connect("u_1");
    const flow = await must("POST", "/v1/flows", { body: called(connection) });
    vendor.write = (_, response) => void response.writeHead(401, { "content-type": "application/json" }).end("{}");
    const { id } = await must("POST", `/v1/flows/${flow.id}/runs`, { body: { title: "x" } });
    expect((await ended(api, id)).status).toBe("failed");
    const message = `Connection ${connection} of notes has lost its grant; reconnect it, and the flow continues`;
    expect(await must("GET", `/v1/flows/${flow.id}`)).toMatchObject({
      status: "broken",
      problem: { code: "reauth_required", connection, message },
    });
    const refused = await api.ask("POST", `/v1/flows/${flow.id}/runs`, { body: {} });
    expect([refused.status, refused.body.detail]).toEqual([409, `Flow ${flow.id} is broken: ${message}`]);
    vendor.write = undefined;
    await must("POST", `/v1/connections/${connection}/test`);
    expect(await must("GET", `/v1/flows/${flow.id}`)).toMatchObject({ status: "active", problem: null });
  });
});

describe("/v1/flow-templates", () => {
  const template = {
    id: "note-on-call",
    name: "A note on call",
    description: "Makes a note.",
    version: "1.0.0",
    setup: {
      type: "object",
      required: ["title"],
      properties: {
        title: { type: "string" },
        folder: { type: "string", dynamicValues: { slot: "notes", target: "note_created", property: "folder" } },
      },
    },
    connections: { notes: "notes" },
    triggers: [{ call: {} }],
    steps: [{ id: "note", connection: "notes", action: "create_note", input: { title: "$setup.title" } }],
  };

  it("are added by an admin, installed by a user, and upgraded", async () => {
    const api = await makeApi();
    const { must, ask, connect, tokenOf } = api;
    const [connection, token] = [await connect("u_1"), await tokenOf("u_1")];
    const refused = await ask("POST", "/v1/flow-templates", { token, body: template });
    expect([refused.status, refused.body.code]).toEqual([403, "forbidden"]);
    expect(await must("POST", "/v1/flow-templates", { body: template })).toEqual({
      ...template,
      source: "workspace",
      needs: { notes: { triggers: [], actions: ["create_note", "list_folders"], scopes: [] } },
    });
    const { data } = await must("GET", "/v1/flow-templates", { token });
    expect(data.map(({ id }: { id: string }) => id)).toEqual(["note-on-call"]);
    const options = await must("GET", "/v1/flow-templates/note-on-call/options/folder", { token });
    expect(options).toEqual({ data: [{ value: "f1", label: "Work" }] });

    const path = "/v1/flow-templates/note-on-call/install";
    const incomplete = await ask("POST", path, { token, body: {} });
    expect(incomplete.body.errors).toEqual([{ pointer: "/setup/title", message: "is required" }]);
    const made = await must("POST", path, {
      token,
      body: { connections: { notes: connection }, setup: { title: "Hi" } },
    });
    expect(made).toMatchObject({ user: "u_1", template: { template: "note-on-call", setup: { title: "Hi" } } });
    const { id } = await must("POST", `/v1/flows/${made.id}/runs`, { token, body: {} });
    expect((await ended(api, id)).steps[0].input).toEqual({ title: "Hi" });

    await must("POST", "/v1/flow-templates", { body: { ...template, version: "1.1.0", when: "trigger.go" } });
    const upgrade = await must("GET", `/v1/flows/${made.id}/upgrade`, { token });
    expect(upgrade).toEqual({
      template: "note-on-call",
      from: "1.0.0",
      to: "1.1.0",
      changes: [{ pointer: "/when", after: "trigger.go" }],
    });
    const upgraded = await must("POST", `/v1/flows/${made.id}/upgrade`, { token, body: {} });
    expect(upgraded).toMatchObject({ version: 2, when: "trigger.go", template: { version: "1.1.0" } });
    expect((await ask("POST", `/v1/flows/${made.id}/runs`, { token, body: {} })).status).toBe(204);
    expect((await ask("DELETE", "/v1/flow-templates/note-on-call")).status).toBe(204);
    const gone = await ask("GET", "/v1/flow-templates/note-on-call");
    expect([gone.status, gone.body.detail]).toEqual([404, 'Flow template "note-on-call" does not exist']);
  });
});
