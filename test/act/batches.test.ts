import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { pressButton } from "../fixtures/browser.ts";
import { consent } from "../sandbox/sandbox-client.ts";
import { makeGoogleApi } from "./google-api.ts";
import { createTestDatabase } from "../postgres.ts";
import { makeApi, soon, type Api } from "../http/compose.ts";
import { notesManifest } from "../http/notes-vendor.ts";

interface Details {
  id: string;
  status: string;
  total: number;
  counts: Record<string, number>;
  finishedAt: string | null;
  results: { position: number; status: string; output?: Record<string, unknown>; error?: Record<string, unknown> }[];
  nextCursor: string | null;
}

type Must = Api["must"];

async function startBatch(must: Must, connection: string, action: string, inputs: object[]): Promise<Details> {
  return (await must("POST", `/v1/connections/${connection}/actions/${action}/batch`, { body: { inputs } })) as Details;
}

const finished = (must: Must, id: string) =>
  soon(async () => {
    const batch = (await must("GET", `/v1/batches/${id}?limit=200`)) as Details;
    expect(batch.status).toBe("done");
    return batch;
  });

const titles = (count: number) => Array.from({ length: count }, (_, i) => ({ title: `Note ${i}` }));

describe("a batch", () => {
  it("runs the action once for each input, and tells what became of each", async () => {
    const { must, ask, connect, vendor } = await makeApi();
    const connection = await connect("u_1");
    const made = await ask("POST", `/v1/connections/${connection}/actions/create_note/batch`, {
      body: { inputs: [{ title: "a" }, { titel: "b" }, { title: "c" }] },
    });
    expect([made.status, made.body.status, made.body.total]).toEqual([202, "running", 3]);
    expect(made.headers.get("location")).toMatch(new RegExp(`/v1/batches/${made.body.id}$`));
    const batch = await finished(must, made.body.id);
    expect(batch.counts).toEqual({ waiting: 0, running: 0, succeeded: 2, failed: 1, cancelled: 0 });
    expect(batch.finishedAt).not.toBeNull();
    expect(batch.results.map(({ status }) => status)).toEqual(["succeeded", "failed", "succeeded"]);
    expect(batch.results[0]!.output!["id"]).toMatch(/^note-/);
    expect(batch.results[1]!.error).toMatchObject({
      code: "invalid_input",
      message: "notes.create_note: the input does not match its schema: see errors",
      errors: expect.arrayContaining([{ pointer: "/titel", message: expect.stringContaining('"title"') }]),
    });
    expect(vendor.count("POST /notes")).toBe(2);
  });

  it("pages through its results in the order of the inputs", async () => {
    const { must, connect } = await makeApi();
    const { id } = await startBatch(must, await connect("u_1"), "create_note", titles(45));
    await finished(must, id);
    const positions: number[] = [];
    for (let cursor = ""; ;) {
      const page = (await must("GET", `/v1/batches/${id}?limit=20${cursor}`)) as Details;
      positions.push(...page.results.map(({ position }) => position));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(positions).toEqual(Array.from({ length: 45 }, (_, i) => i));
  });

  it("of invalid inputs alone is done at once, without a call", async () => {
    const { must, connect, vendor } = await makeApi();
    const batch = await startBatch(must, await connect("u_1"), "create_note", [{}, {}]);
    expect([batch.status, batch.counts["failed"]]).toEqual(["done", 2]);
    expect(vendor.count("POST /notes")).toBe(0);
  });

  it("keeps an item that failed from the others, with the vendor's words", async () => {
    const { must, connect, vendor } = await makeApi();
    vendor.write = ({ url }, response) => {
      const refused = url === "/notes/n1";
      response.writeHead(refused ? 422 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(refused ? { message: "It is locked" } : {}));
    };
    const inputs = ["n0", "n1", "n2"].map((id) => ({ id }));
    const { id } = await startBatch(must, await connect("u_1"), "rename_note", inputs);
    const { results } = await finished(must, id);
    expect(results.map(({ status }) => status)).toEqual(["succeeded", "failed", "succeeded"]);
    expect(results[1]!.error).toMatchObject({
      code: "vendor_error",
      message: "notes /notes/n1: the vendor answered 422: It is locked; correct the input",
      vendor: { status: 422, message: "It is locked" },
    });
  });

  it("waits as long as the vendor's limit asks, and loses nothing by it", async () => {
    const { must, connect, vendor } = await makeApi();
    let count = 0;
    vendor.write = (_request, response) => {
      if (count++ === 2) response.writeHead(429, { "retry-after": "1" }).end();
      else response.setHeader("content-type", "application/json").end('{"id":"n"}');
    };
    const { id } = await startBatch(must, await connect("u_1"), "create_note", titles(6));
    const batch = await finished(must, id);
    expect(batch.counts).toMatchObject({ succeeded: 6, failed: 0 });
    expect(count).toBe(7);
  });

  it("that is cancelled gives up what waits, and keeps what is done", async () => {
    const { must, connect, vendor } = await makeApi();
    const { promise, resolve } = Promise.withResolvers<void>();
    onTestFinished(() => resolve());
    vendor.write = (_request, response) =>
      void promise.then(() => response.setHeader("content-type", "application/json").end("{}"));
    const { id } = await startBatch(must, await connect("u_1"), "create_note", titles(10));
    await soon(() => expect(vendor.count("POST /notes")).toBe(4));
    const cancelled = (await must("DELETE", `/v1/batches/${id}`)) as Details;
    expect([cancelled.status, cancelled.counts["cancelled"], cancelled.counts["running"]]).toEqual(["cancelled", 6, 4]);
    resolve();
    await soon(async () => {
      const { counts } = (await must("GET", `/v1/batches/${id}`)) as Details;
      expect(counts).toMatchObject({ succeeded: 4, cancelled: 6 });
    });
    expect(vendor.count("POST /notes")).toBe(4);
    expect(((await must("DELETE", `/v1/batches/${id}`)) as Details).finishedAt).toBe(cancelled.finishedAt);
  });

  it("that is cancelled while the vendor turns an item away cancels that item too", async () => {
    const { must, connect, vendor } = await makeApi();
    const asked = Promise.withResolvers<ServerResponse>();
    vendor.write = (_request, response) => asked.resolve(response);
    const { id } = await startBatch(must, await connect("u_1"), "create_note", titles(1));
    const response = await asked.promise;
    await must("DELETE", `/v1/batches/${id}`);
    response.writeHead(429, { "retry-after": "3600" }).end();
    await soon(async () => {
      const { counts } = (await must("GET", `/v1/batches/${id}`)) as Details;
      expect(counts).toEqual({ waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 1 });
    });
  });

  it("that is cancelled while the vendor refuses its items together does none of them alone", async () => {
    const { create_note } = notesManifest.actions;
    const many = { ...create_note, input: { type: "object" }, request: { method: "POST", path: "/many", body: {} } };
    const batch = {
      action: "create_notes",
      size: 10,
      inputs: { notes: "$items" },
      results: { $expr: "response.body" },
    };
    const actions = { ...notesManifest.actions, create_notes: many, create_note: { ...create_note, batch } };
    const { must, connect, vendor } = await makeApi({ connectors: [{ ...notesManifest, actions }] });
    const asked = Promise.withResolvers<ServerResponse>();
    vendor.write = (_request, response) => asked.resolve(response);
    const { id } = await startBatch(must, await connect("u_1"), "create_note", titles(3));
    const response = await asked.promise;
    await must("DELETE", `/v1/batches/${id}`);
    response.writeHead(422, { "content-type": "application/json" }).end("{}");
    await soon(async () => {
      const { counts } = (await must("GET", `/v1/batches/${id}`)) as Details;
      expect(counts).toEqual({ waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 3 });
    });
    expect([vendor.count("POST /many"), vendor.count("POST /notes")]).toEqual([1, 0]);
  });

  it("whose connection is gone fails what is left, and says why", async () => {
    const { must, connect, vendor } = await makeApi();
    const { promise, resolve } = Promise.withResolvers<void>();
    onTestFinished(() => resolve());
    vendor.write = (_request, response) =>
      void promise.then(() => response.setHeader("content-type", "application/json").end("{}"));
    const connection = await connect("u_1");
    const { id } = await startBatch(must, connection, "create_note", titles(10));
    await soon(() => expect(vendor.count("POST /notes")).toBe(4));
    await must("DELETE", `/v1/connections/${connection}`).catch(() => {});
    resolve();
    const batch = await finished(must, id);
    expect(batch.counts).toMatchObject({ succeeded: 4, failed: 6 });
    expect(batch.results[9]!.error).toEqual({
      code: "not_found",
      message: `Connection ${connection} does not exist; list them to find the right id`,
    });
  });

  it("is the same batch for the same Idempotency-Key", async () => {
    const { must, connect, vendor } = await makeApi();
    const connection = await connect("u_1");
    const path = `/v1/connections/${connection}/actions/create_note/batch`;
    const ask = { body: { inputs: titles(3) }, headers: { "idempotency-key": "import-1" } };
    const [first, second] = [await must("POST", path, ask), await must("POST", path, ask)];
    expect(second.id).toBe(first.id);
    await finished(must, first.id);
    expect(vendor.count("POST /notes")).toBe(3);
  });

  it("takes 10,000 inputs of more than a megabyte, and not one more", async () => {
    const { must, ask, connect } = await makeApi();
    const connection = await connect("u_1");
    const inputs = Array.from({ length: 10_000 }, () => ({ title: "x".repeat(120), wrong: 1 }));
    const batch = await startBatch(must, connection, "create_note", inputs);
    expect([batch.total, batch.counts["failed"]]).toEqual([10_000, 10_000]);
    const path = `/v1/connections/${connection}/actions/create_note/batch`;
    for (const inputs of [[], Array.from({ length: 10_001 }, () => ({})), ["text"]]) {
      const { status, body } = await ask("POST", path, { body: { inputs } });
      expect([status, body.code, body.errors[0].pointer]).toEqual([
        400,
        "invalid_input",
        expect.stringMatching(/^\/inputs/),
      ]);
    }
  });

  it("needs an action that exists, and belongs to its user", async () => {
    const { must, ask, connect, tokenOf } = await makeApi();
    const connection = await connect("u_1");
    const unknown = await ask("POST", `/v1/connections/${connection}/actions/create_notes/batch`, {
      body: { inputs: [{}] },
    });
    expect([unknown.status, unknown.body.detail]).toEqual([
      404,
      'notes: Action "create_notes" does not exist; did you mean "create_note"?',
    ]);
    const { id } = await startBatch(must, connection, "create_note", titles(1));
    const token = await tokenOf("u_2");
    for (const [method, path, body] of [
      ["GET", `/v1/batches/${id}`, undefined],
      ["DELETE", `/v1/batches/${id}`, undefined],
      ["POST", `/v1/connections/${connection}/actions/create_note/batch`, { inputs: titles(1) }],
    ] as const) {
      const { status, body: problem } = await ask(method, path, { token, body });
      expect([status, problem.code]).toEqual([404, "not_found"]);
    }
  });

  it("goes one by one where the manifest says so, and several at once where it does not", async () => {
    const { create_note } = notesManifest.actions;
    const one_by_one = { ...create_note, serial: "connection" };
    const { must, connect, vendor } = await makeApi({
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, one_by_one } }],
    });
    const open: ServerResponse[] = [];
    /** How many requests the vendor has at once before it answers; the most it has had. */
    let [wide, most] = [1, 0];
    vendor.write = (_request, response) => {
      most = Math.max(most, open.push(response));
      if (open.length < wide) return;
      for (const one of open.splice(0)) one.setHeader("content-type", "application/json").end("{}");
    };
    const connection = await connect("u_1");
    await finished(must, (await startBatch(must, connection, "one_by_one", titles(5))).id);
    expect(most).toBe(1);
    wide = 4;
    await finished(must, (await startBatch(must, connection, "create_note", titles(12))).id);
    expect(most).toBe(4);
  });
});

describe("batches", () => {
  it("are listed newest first, by user, connection and status", async () => {
    const { must, connect, tokenOf, runtime } = await makeApi();
    const [mine, hers] = [await connect("u_1"), await connect("u_2")];
    const made: string[] = [];
    for (const connection of [mine, hers, mine]) {
      const { id } = await startBatch(must, connection, "create_note", [{}]);
      made.unshift(id);
    }
    const ids = async (query: string, token?: string) =>
      (await must("GET", `/v1/batches${query}`, { token })).data.map(({ id }: { id: string }) => id) as string[];
    expect(await ids("")).toEqual(made);
    expect(await ids("?user=u_2")).toEqual([made[1]]);
    expect(await ids(`?connection=${mine}&status=done`)).toEqual([made[0], made[2]]);
    expect(await ids("?status=running")).toEqual([]);
    expect(await ids("", await tokenOf("u_2"))).toEqual([made[1]]);
    const first = await must("GET", "/v1/batches?limit=2");
    expect(first.data[0]).toEqual(await runtime.batches.cancel(made[0]!));
    expect(await ids(`?limit=2&cursor=${first.nextCursor}`)).toEqual([made[2]]);
    expect(await runtime.batches.list({ limit: 2 })).toEqual(first);
  });

  it("are refused by the library as by HTTP, in the same words", async () => {
    const { ask, connect, runtime, must } = await makeApi();
    const connection = await connect("u_1");
    const { id } = await startBatch(must, connection, "create_note", [{}]);
    const { batches } = runtime;
    const path = `/v1/connections/${connection}/actions/create_note/batch`;
    const create = (body: unknown, scope = {}) => batches.create(connection, "create_note", body as never, {}, scope);
    const cases: [() => Promise<unknown>, ...Parameters<typeof ask>][] = [
      [() => create({}), "POST", path],
      [() => create(undefined), "POST", path],
      [() => create({ inputs: [] }), "POST", path, { body: { inputs: [] } }],
      [() => create({ inputs: [{}, 7], all: true }), "POST", path, { body: { inputs: [{}, 7], all: true } }],
      [() => batches.get("bat_1"), "GET", "/v1/batches/bat_1"],
      [() => batches.cancel("bat_1"), "DELETE", "/v1/batches/bat_1"],
    ];
    for (const [refused, ...request] of cases) {
      const error = (await refused().catch((thrown: unknown) => thrown)) as HooklineError;
      expect(error).toBeInstanceOf(HooklineError);
      const { body } = await ask(...request);
      expect([body.code, body.detail, body.errors ?? []]).toEqual([error.code, error.message, error.faults]);
    }
    const hers = { user: "u_2" };
    for (const refused of [
      () => create({ inputs: [{}] }, hers),
      () => batches.get(id, {}, hers),
      () => batches.cancel(id, hers),
    ]) {
      await expect(refused()).rejects.toMatchObject({ code: "not_found" });
    }
    for (const query of [{ cursor: "b3Bz" }, { limit: 0 }, { limit: 201 }, { all: true }]) {
      const fault = { code: "invalid_input", faults: [{ pointer: `/${Object.keys(query)[0]}` }] };
      await expect(batches.list(query as never)).rejects.toMatchObject(fault);
      await expect(batches.get(id, query as never)).rejects.toMatchObject(fault);
    }
    // A cursor of another list lies behind every position.
    const foreign = Buffer.from(`bat_${"f".repeat(32)}`).toString("base64url");
    expect(await batches.get(id, { cursor: foreign })).toMatchObject({ id, results: [], nextCursor: null });
  });

  it("of up to 16 MB are taken, and no byte more", async () => {
    const { ask, connect } = await makeApi();
    const path = `/v1/connections/${await connect("u_1")}/actions/create_note/batch`;
    const bodyOf = (bytes: number) => {
      const around = JSON.stringify({ inputs: [{ titel: "" }] });
      return around.replace('""', `"${"x".repeat(bytes - around.length)}"`);
    };
    expect((await ask("POST", path, { body: bodyOf(16 * 1024 * 1024) })).status).toBe(202);
    const { status, body } = await ask("POST", path, { body: bodyOf(16 * 1024 * 1024 + 1) });
    expect([status, body.code]).toEqual([413, "too_large"]);
  });

  it("of one connection take turns after ten seconds", async () => {
    const clock = new ManualClock(Date.now());
    const { create_note } = notesManifest.actions;
    const one_by_one = {
      ...create_note,
      serial: "connection",
      request: { method: "POST", path: "/notes/{input.title}" },
    };
    const { must, connect, vendor } = await makeApi({
      clock,
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, one_by_one } }],
    });
    const connection = await connect("u_1");
    const order: string[] = [];
    const begun = Promise.withResolvers<void>();
    vendor.write = ({ url }, response) => {
      const title = url!.replace("/notes/", "");
      order.push(title);
      const answer = () => {
        if (title === "a2") clock.advance(9_999);
        if (title === "a3") clock.advance(1);
        response.setHeader("content-type", "application/json").end("{}");
      };
      if (title === "a1") void begun.promise.then(answer);
      else answer();
    };
    const inputs = (letter: string, count: number) =>
      Array.from({ length: count }, (_, i) => ({ title: `${letter}${i + 1}` }));
    const first = await startBatch(must, connection, "one_by_one", inputs("a", 4));
    await soon(() => expect(order).toEqual(["a1"]));
    const second = await startBatch(must, connection, "one_by_one", inputs("b", 2));
    begun.resolve();
    await finished(must, first.id);
    await finished(must, second.id);
    expect(order).toEqual(["a1", "a2", "a3", "b1", "b2", "a4"]);
  });
});

describe("a batch on PostgreSQL", () => {
  it("is done like any other, with the variables of its user", async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    const create_note = {
      ...notesManifest.actions.create_note,
      request: { method: "POST", path: "/notes", headers: { "x-key": "$user.vars.apiKey" } },
    };
    const { must, connect, vendor } = await makeApi({
      store: url,
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, create_note } }],
    });
    const keys = new Set<unknown>();
    vendor.write = ({ headers }, response) => {
      keys.add(headers["x-key"]);
      response.setHeader("content-type", "application/json").end("{}");
    };
    await must("PUT", "/v1/users/u_1/variables/apiKey", { body: { value: "key-of-u1", secret: true } });
    const { id } = await startBatch(must, await connect("u_1"), "create_note", [...titles(25), {}]);
    const { counts } = await finished(must, id);
    expect(counts).toEqual({ waiting: 0, running: 0, succeeded: 25, failed: 1, cancelled: 0 });
    expect([...keys]).toEqual(["key-of-u1"]);
    const page = (await must("GET", `/v1/batches/${id}?limit=20`)) as Details;
    expect([page.results.length, page.results[19]!.position]).toEqual([20, 19]);
    expect(((await must("DELETE", `/v1/batches/${id}`)) as Details).status).toBe("done");
  });
});

describe("a batch of Google contacts", () => {
  const callsOf = ({ requests }: { requests: { get(id: string): number } }, method: string): number =>
    requests.get(method);

  async function makeContacts(count: number) {
    const api = await makeGoogleApi();
    const connection = await api.connectGoogle("u_1");
    const inputs = Array.from({ length: count }, (_, i) => ({
      givenName: `Ada ${i}`,
      emails: [{ value: `a${i}@example.com` }],
    }));
    const { id } = await startBatch(api.must, connection, "create_contact", inputs);
    const batch = await finished(api.must, id);
    return {
      ...api,
      connection,
      id,
      batch,
      names: batch.results.map(({ output }) => output?.["resourceName"] as string),
    };
  }

  it("is made, changed and deleted in Google's calls for many, with each result in its place", async () => {
    const { must, sandbox, connection, batch, id, names } = await makeContacts(230);
    expect(batch.counts).toMatchObject({ succeeded: 230, failed: 0 });
    expect(callsOf(sandbox, "people.people.batchCreateContacts")).toBe(2);
    expect(callsOf(sandbox, "people.people.createContact")).toBe(0);
    const { results } = (await must("GET", `/v1/batches/${id}?limit=200`)) as Details;
    expect(results.map(({ output }) => (output!["names"] as [{ givenName: string }])[0].givenName)).toEqual(
      Array.from({ length: 200 }, (_, i) => `Ada ${i}`),
    );

    const changes = [
      { resourceName: names[7]!, note: "first" },
      { resourceName: "people/c999999", note: "gone" },
      { resourceName: names[3]!, familyName: "Lovelace" },
      { resourceName: names[7]!, note: "second" },
    ];
    const changed = await finished(must, (await startBatch(must, connection, "update_contact", changes)).id);
    expect(changed.results.map(({ status }) => status)).toEqual(["succeeded", "failed", "succeeded", "succeeded"]);
    expect(changed.results[1]!.error).toEqual({ code: "vendor_error", message: "The contact is gone." });
    expect(changed.results.map(({ output }) => output?.["resourceName"])).toEqual([
      names[7],
      undefined,
      names[3],
      names[7],
    ]);
    const read = await must("POST", `/v1/connections/${connection}/actions/get_contact`, {
      body: { resourceName: names[7] },
    });
    expect(read.output.biographies[0].value).toBe("second");

    const all = names.slice(0, 200).map((resourceName) => ({ resourceName }));
    const deleted = await finished(must, (await startBatch(must, connection, "delete_contact", all)).id);
    expect(deleted.results[5]!.output).toEqual({ resourceName: names[5], deleted: true });
    expect(callsOf(sandbox, "people.people.batchDeleteContacts")).toBe(1);
    expect(callsOf(sandbox, "people.people.deleteContact")).toBe(0);
  });

  it("is cancelled when its connection moves to another account, for which nothing of it was meant", async () => {
    const { must, control, connectGoogle, sandbox, url: base } = await makeGoogleApi();
    sandbox.google.addAccount({ email: "bob@example.com", contacts: 1, seed: 2 });
    const connection = await connectGoogle("u_1");
    await control("POST", "/faults", {
      kind: "rate-limit",
      match: "people.people.batchCreateContacts",
      retryAfter: 60,
    });
    const inputs = [{ givenName: "Ada" }, { givenName: "Grace" }];
    const { id } = await startBatch(must, connection, "create_contact", inputs);
    const batch = () => must("GET", `/v1/batches/${id}`) as Promise<Details>;
    await soon(async () => {
      expect(callsOf(sandbox, "people.people.batchCreateContacts")).toBe(1);
      expect((await batch()).counts).toMatchObject({ waiting: 2 });
    });
    const { authorizeUrl } = await must("POST", `/v1/connections/${connection}/reconnect`, {
      body: { account: "move" },
    });
    const { url, cookie } = await pressButton(authorizeUrl);
    const callback = await consent(url, { account: "bob@example.com" });
    await fetch(`${base}/v1/oauth/callback?${callback}`, { headers: { cookie } });
    expect((await must("GET", `/v1/connections/${connection}`)).label).toBe("bob@example.com");
    expect(await batch()).toMatchObject({ status: "cancelled", counts: { cancelled: 2 } });
  });

  it("that Google refuses as a whole goes one by one, so that the bad one stands alone", async () => {
    const { must, sandbox, connection, names } = await makeContacts(3);
    const inputs = [names[0]!, "people/c999999", names[1]!, names[2]!].map((resourceName) => ({ resourceName }));
    const deleted = await finished(must, (await startBatch(must, connection, "delete_contact", inputs)).id);
    expect(deleted.counts).toMatchObject({ succeeded: 4, failed: 0 });
    expect(callsOf(sandbox, "people.people.deleteContact")).toBe(4);
  });

  it("needs the scope before anything is taken on", async () => {
    const { ask, connectGoogle } = await makeGoogleApi();
    const connection = await connectGoogle("u_1", ["https://www.googleapis.com/auth/contacts"]);
    const { status, body } = await ask("POST", `/v1/connections/${connection}/actions/create_contact/batch`, {
      body: { inputs: [{ givenName: "Ada" }] },
    });
    expect([status, body.code]).toEqual([403, "scope_missing"]);
  });
});
