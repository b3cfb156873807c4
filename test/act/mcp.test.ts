import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { describe, expect, it, onTestFinished } from "vitest";
import { ADMIN, makeApi } from "../http/compose.ts";
import { notesManifest } from "../http/notes-vendor.ts";
import { makeGoogleApi } from "./google-api.ts";

async function clientOf(url: string, token: string, user?: string): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" });
  const address = new URL(`${url}/mcp${user === undefined ? "" : `?user=${user}`}`);
  const requestInit = { headers: { authorization: `Bearer ${token}` } };
  await client.connect(new StreamableHTTPClientTransport(address, { requestInit }));
  onTestFinished(() => client.close());
  return client;
}

const textOf = (result: Record<string, unknown>) =>
  JSON.parse((result["content"] as [{ text: string }])[0].text) as object;

describe("the official MCP client", () => {
  it("lists the actions of its user's Google connection as tools, and calls them", async () => {
    const { url, tokenOf, connectGoogle } = await makeGoogleApi();
    await connectGoogle("u_1");
    const client = await clientOf(url, await tokenOf("u_1"));
    expect(client.getServerVersion()).toMatchObject({ name: "hookline" });
    const { tools, nextCursor } = await client.listTools();
    expect(nextCursor).toBeUndefined();
    const hints = Object.fromEntries(
      tools.map(({ name, annotations: a }) => [
        name.replace("google-contacts-", ""),
        [a!.readOnlyHint, a!.destructiveHint, a!.idempotentHint],
      ]),
    );
    expect(hints).toMatchObject({
      get_contact: [true, false, true],
      list_groups: [true, false, true],
      create_contact: [false, false, false],
      update_contact: [false, true, true],
      delete_contact: [false, true, true],
    });
    const created = await client.callTool({ name: "google-contacts-create_contact", arguments: { givenName: "Ada" } });
    expect(created.isError).toBeUndefined();
    expect(created.structuredContent).toEqual(textOf(created));
    const { resourceName } = textOf(created) as { resourceName: string };
    const read = await client.callTool({ name: "google-contacts-get_contact", arguments: { resourceName } });
    expect(JSON.stringify(textOf(read))).toContain("Ada");
  });

  it("is told by a tool error what to do better", async () => {
    const { url, tokenOf, connectGoogle } = await makeGoogleApi();
    await connectGoogle("u_1");
    const client = await clientOf(url, await tokenOf("u_1"));
    const call = (name: string, input: Record<string, unknown>) =>
      client.callTool({ name: `google-contacts-${name}`, arguments: input });
    const invalid = await call("create_contact", { givenname: "Ada", emails: [{ value: 7 }] });
    expect(invalid.isError).toBe(true);
    expect(textOf(invalid)).toMatchObject({
      code: "invalid_input",
      message: "google-contacts.create_contact: the input does not match its schema: see errors",
      errors: expect.arrayContaining([
        { pointer: "/givenname", message: expect.stringContaining('did you mean "givenName"') },
        { pointer: "/emails/0/value", message: expect.any(String) },
      ]),
    });
    const missing = await call("get_contact", { resourceName: "people/c999" });
    expect(missing.isError).toBe(true);
    expect(textOf(missing)).toMatchObject({ code: "vendor_error", vendor: { status: 404, class: "notFound" } });
  });

  it("is told by a protocol error that there is no such tool, or no such page", async () => {
    const { url, tokenOf, connect } = await makeApi();
    await connect("u_1");
    const client = await clientOf(url, await tokenOf("u_1"));
    await expect(client.callTool({ name: "notes-create", arguments: {} })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('Function "notes-create" does not exist; did you mean "notes-create_note"?'),
    });
    await expect(client.listTools({ cursor: "b3ps" })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining("pass the `nextCursor` of the previous page"),
    });
  });

  it("replays the result of a call with the same idempotency key, and refuses the key for another call", async () => {
    const { url, tokenOf, connect, vendor } = await makeApi();
    await connect("u_1");
    const client = await clientOf(url, await tokenOf("u_1"));
    const call = (title: string, key: unknown = "k1") =>
      client.callTool({
        name: "notes-create_note",
        arguments: { title },
        _meta: { "hookline/idempotencyKey": key },
      });
    const first = await call("a");
    const again = await call("a");
    expect(again.structuredContent).toEqual(first.structuredContent);
    expect([first._meta, again._meta]).toEqual([undefined, { "hookline/replayed": true }]);
    expect(vendor.count("POST /notes")).toBe(1);
    const other = await call("b");
    expect([other.isError, textOf(other)]).toEqual([true, expect.objectContaining({ code: "idempotency_conflict" })]);
    for (const bad of ["two words", 7]) {
      expect(textOf(await call("a", bad))).toMatchObject({
        code: "invalid_input",
        errors: [{ pointer: "/headers/idempotency-key" }],
      });
    }
  });

  it("pages through many tools, each once", async () => {
    const { create_note } = notesManifest.actions;
    const many = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`create_note_${i}`, create_note]));
    const { url, connect } = await makeApi({
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, ...many } }],
    });
    await connect("u_1");
    await connect("u_1");
    const client = await clientOf(url, ADMIN, "u_1");
    const names: string[] = [];
    let pages = 0;
    for (let cursor: string | undefined; ; pages++) {
      const page = await client.listTools({ cursor });
      names.push(...page.tools.map(({ name }) => name));
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect([pages, names.length, new Set(names).size]).toEqual([2, 246, 246]);
  });

  it("of another user neither sees nor calls them", async () => {
    const { url, tokenOf, connect, vendor } = await makeApi();
    await connect("u_1");
    const client = await clientOf(url, await tokenOf("u_2"));
    expect((await client.listTools()).tools).toEqual([]);
    await expect(client.callTool({ name: "notes-create_note", arguments: { title: "x" } })).rejects.toMatchObject({
      code: -32602,
    });
    expect(vendor.count("POST /notes")).toBe(0);
  });
});

describe("POST /mcp", () => {
  const message = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  const accept = "application/json, text/event-stream";

  it("keeps no session, so any message may come first, and tells nothing secret", async () => {
    const { ask, connect } = await makeApi();
    await connect("u_1");
    const { status, body, headers } = await ask("POST", "/mcp?user=u_1", { body: message, headers: { accept } });
    expect([status, body.id, body.result.tools.length]).toEqual([200, 1, Object.keys(notesManifest.actions).length]);
    expect(headers.get("mcp-session-id")).toBeNull();
    const note = { jsonrpc: "2.0", method: "notifications/initialized" };
    expect((await ask("POST", "/mcp?user=u_1", { body: note, headers: { accept } })).status).toBe(202);
  });

  it("needs a login, a user, and a message of the protocol; and is all there is", async () => {
    const { ask } = await makeApi();
    const anonymous = await ask("POST", "/mcp", { token: null, body: message, headers: { accept } });
    expect([anonymous.status, anonymous.headers.get("www-authenticate")]).toEqual([401, 'Bearer realm="hookline"']);
    const nobody = await ask("POST", "/mcp", { body: message, headers: { accept } });
    expect([nobody.status, nobody.body.code]).toEqual([400, "invalid_input"]);
    const deaf = await ask("POST", "/mcp?user=u_1", { body: message, headers: { accept: "text/html" } });
    expect([deaf.status, deaf.body.error.message]).toEqual([406, expect.stringContaining("must accept both")]);
    const stream = await ask("GET", "/mcp?user=u_1");
    expect([stream.status, stream.headers.get("allow")]).toEqual([405, "POST"]);
  });

  it("says what is wrong with a message, with an id of its own request and the codes of JSON-RPC", async () => {
    const { ask, connect, vendor } = await makeApi();
    await connect("u_1");
    const send = (body: object) => ask("POST", "/mcp?user=u_1", { body, headers: { accept } });
    const call = (params: unknown, id: unknown = 7) => send({ jsonrpc: "2.0", id, method: "tools/call", params });
    for (const [params, place] of [
      [undefined, "params"],
      [{ name: 5 }, "params.name"],
      [{ name: "notes-create_note", arguments: [1] }, "params.arguments"],
      [{ name: "notes-create_note", arguments: null }, "params.arguments"],
    ] as const) {
      const { status, body } = await call(params);
      const message = expect.stringContaining(`${place}: `);
      expect([status, body]).toEqual([200, { jsonrpc: "2.0", id: 7, error: { code: -32602, message } }]);
    }
    for (const name of ["__proto__", "constructor", "x".repeat(100_000)]) {
      expect((await call({ name, arguments: {} })).body.error.code).toBe(-32602);
    }
    expect((await send({ jsonrpc: "2.0", id: 7, method: "resources/list" })).body.error.code).toBe(-32601);
    for (const malformed of [
      { ...message, jsonrpc: "1.0" },
      { ...message, id: { a: 1 } },
      { ...message, method: 7 },
    ]) {
      const { status, body } = await send(malformed);
      expect([status, body.jsonrpc, typeof body.error.code]).toEqual([400, "2.0", "number"]);
    }
    expect((await ask("POST", "/mcp?user=u_1", { body: [message], headers: { accept } })).status).toBe(400);
    expect(vendor.count("POST /notes")).toBe(0);
  });
});
