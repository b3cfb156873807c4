import { describe, expect, it } from "vitest";
import type { ConnectionView } from "../../runtime/model/connections.ts";
import { nameFunctions } from "../../runtime/act/function-names.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { makeGoogleApi } from "./google-api.ts";
import { makeApi } from "../http/compose.ts";
import { notesManifest } from "../http/notes-vendor.ts";

interface Definition {
  name: string;
  description: string;
  input_schema: Record<string, unknown> & { properties: Record<string, Record<string, unknown>> };
}

const actions = Object.keys(notesManifest.actions);

describe("functions for AI agents", () => {
  it("are the actions of a user's connections, in the form of each maker of models", async () => {
    const { must, connect, tokenOf } = await makeApi();
    await connect("u_1");
    await connect("u_2");
    const token = await tokenOf("u_1");
    const get = async (format: string) => (await must("GET", `/v1/functions?format=${format}`, { token })).data;
    const [tool] = await get("mcp");
    expect(tool).toEqual({
      name: "notes-create_note",
      title: "Create note",
      description: "Create note. Account: token-of-u_1.",
      inputSchema: notesManifest.actions.create_note.input,
      annotations: {
        title: "Create note",
        readOnlyHint: false,
        destructiveHint: false,
        idempotentHint: false,
        openWorldHint: true,
      },
    });
    const { name, description, inputSchema } = tool;
    expect((await get("openai"))[0]).toEqual({
      type: "function",
      function: { name, description, parameters: inputSchema },
    });
    expect((await get("anthropic"))[0]).toEqual({ name, description, input_schema: inputSchema });
    expect(await get("mcp")).toHaveLength(actions.length);
    expect((await must("GET", "/v1/functions", { token })).data).toEqual(await get("mcp"));
  });

  it("are called by their name, with the answers, errors and Idempotency-Key of the action", async () => {
    const { must, ask, connect, vendor, tokenOf } = await makeApi();
    await connect("u_1");
    const token = await tokenOf("u_1");
    const path = "/v1/functions/notes-create_note/call";
    const headers = { "idempotency-key": "k1" };
    const { output } = await must("POST", path, { token, headers, body: { title: "Hello" } });
    expect(output.id).toMatch(/^note-/);
    expect((await must("POST", path, { token, headers, body: { title: "Hello" } })).output).toEqual(output);
    expect(vendor.count("POST /notes")).toBe(1);
    const bad = await ask("POST", path, { token, body: { titel: "Hello" } });
    expect([bad.status, bad.body.code, bad.body.errors[0].pointer]).toEqual([400, "invalid_input", expect.any(String)]);
    const unknown = await ask("POST", "/v1/functions/notes-create_notes/call", { token, body: {} });
    expect([unknown.status, unknown.body.detail]).toEqual([
      404,
      'Function "notes-create_notes" does not exist; did you mean "notes-create_note"?',
    ]);
  });

  it("belong to their user: an admin names one, and no user another", async () => {
    const { must, ask, connect, tokenOf } = await makeApi();
    await connect("u_1");
    expect((await must("GET", "/v1/functions?user=u_1")).data).toHaveLength(actions.length);
    const nobody = await ask("GET", "/v1/functions");
    expect([nobody.status, nobody.body.errors]).toEqual([
      400,
      [{ pointer: "/query/user", message: "is required with an admin key; name the user whose connections are meant" }],
    ]);
    const token = await tokenOf("u_2");
    expect((await must("GET", "/v1/functions", { token })).data).toEqual([]);
    expect((await ask("GET", "/v1/functions?user=u_1", { token })).status).toBe(403);
    const called = await ask("POST", "/v1/functions/notes-create_note/call", { token, body: { title: "Hello" } });
    expect([called.status, called.body.code]).toEqual([404, "not_found"]);
  });

  it("have a name of their own for each account, which never passes to another", async () => {
    const { must, connect, ask } = await makeApi();
    const ids = [await connect("u_1"), await connect("u_1")];
    const namesOf = async () =>
      (await must("GET", "/v1/functions?user=u_1")).data.map(({ name }: { name: string }) => name) as string[];
    const names = await namesOf();
    expect(new Set(names).size).toBe(2 * actions.length);
    expect(names[0]).toBe(`notes-create_note-${ids[0]!.slice(-6)}`);
    expect(names[actions.length]).toBe(`notes-create_note-${ids[1]!.slice(-6)}`);
    await must("DELETE", `/v1/connections/${ids[1]}`).catch(() => {});
    expect(await namesOf()).toEqual(actions.map((action) => `notes-${action}`));
    const gone = await ask("POST", `/v1/functions/${names[actions.length]}/call?user=u_1`, {
      body: { title: "Hello" },
    });
    expect([gone.status, gone.body.code]).toEqual([404, "not_found"]);
  });

  it("have names that every maker of models takes, however long those of the manifest are", async () => {
    const long = `create_${"very_".repeat(16)}long_note`;
    const { create_note } = notesManifest.actions;
    const more = { [long]: create_note, [`${long}s`]: create_note };
    const { must, connect } = await makeApi({
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, ...more } }],
    });
    await connect("u_1");
    await connect("u_1");
    const { data } = await must("GET", "/v1/functions?user=u_1");
    const names = data.map(({ name }: { name: string }) => name);
    expect(new Set(names).size).toBe(2 * (actions.length + 2));
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  });
});

describe("functions in the library", () => {
  it("are those of HTTP, and are called with the same checks and words", async () => {
    const { must, ask, connect, runtime, vendor } = await makeApi();
    await connect("u_1");
    const { functions } = runtime;
    for (const format of ["mcp", "openai", "anthropic"] as const) {
      expect(await functions.list({ user: "u_1", format })).toEqual(
        await must("GET", `/v1/functions?user=u_1&format=${format}`),
      );
    }
    const options = { user: "u_1", idempotencyKey: "k1" };
    const made = await functions.call("notes-create_note", { title: "a" }, options);
    expect(await functions.call("notes-create_note", { title: "a" }, options)).toEqual(made);
    expect(
      await functions.call("notes-create_note", { title: "a" }, { idempotencyKey: "k1" }, { user: "u_1" }),
    ).not.toEqual(made);
    expect(vendor.count("POST /notes")).toBe(2);

    const call = "/v1/functions/notes-create_note/call";
    const cases: [() => Promise<unknown>, ...Parameters<typeof ask>][] = [
      [() => functions.list(), "GET", "/v1/functions"],
      [() => functions.call("notes-create_note"), "POST", call],
      [() => functions.call("notes-create_note", {}, { user: "u_1" }), "POST", `${call}?user=u_1`],
      [
        () => functions.call("notes-create_note", { titel: "a" }, { user: "u_1" }),
        "POST",
        `${call}?user=u_1`,
        { body: { titel: "a" } },
      ],
      [() => functions.call("notes-make", {}, { user: "u_1" }), "POST", "/v1/functions/notes-make/call?user=u_1"],
    ];
    for (const [refused, ...request] of cases) {
      const error = (await refused().catch((thrown: unknown) => thrown)) as HooklineError;
      expect(error).toBeInstanceOf(HooklineError);
      const { body } = await ask(...request);
      const inQuery = request[1].includes("?")
        ? []
        : error.faults.map((one) => ({ ...one, pointer: `/query${one.pointer}` }));
      const places = body.errors?.[0].pointer.startsWith("/query/") ? inQuery : error.faults;
      expect([body.code, body.detail, body.errors ?? []]).toEqual([error.code, error.message, places]);
    }
    await expect(functions.list({ user: "u_1" }, { user: "u_2" })).rejects.toMatchObject({ code: "forbidden" });
    const unknown = { user: "u_1", format: "xml", all: true };
    await expect(functions.list(unknown as never)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/format" }, { pointer: "/all" }],
    });
  });

  it("have names of at most 64 characters, and a longer one ends in a hash", () => {
    const nameOf = (length: number) => {
      const connection = { id: "con_1", connector: "notes" } as ConnectionView;
      return nameFunctions([connection])[0]!.nameOf("a".repeat(length - "notes-".length));
    };
    expect([nameOf(63).length, nameOf(64)]).toEqual([63, `notes-${"a".repeat(58)}`]);
    expect(nameOf(65)).toMatch(/^notes-a{49}-[0-9a-f]{8}$/);
  });
});

describe("the functions of Google Contacts", () => {
  it("say in words and for programs which function lists a property's values", async () => {
    const { must, connectGoogle } = await makeGoogleApi();
    await connectGoogle("u_1");
    const { data } = (await must("GET", "/v1/functions?user=u_1&format=anthropic")) as { data: Definition[] };
    const { properties } = data.find(({ name }) => name === "google-contacts-add_to_group")!.input_schema;
    expect(properties["group"]).toMatchObject({
      description: expect.stringMatching(
        / Values: `\/resourceName` of what google-contacts-list_groups lists, called by `\/name`\.$/,
      ),
      "x-dynamic-values": { function: "google-contacts-list_groups", value: "/resourceName", label: "/name" },
    });
    expect(JSON.stringify(data)).not.toMatch(/"dynamicValues"|x-antiExamples|"output|"\$ref"|"\$defs"/);
  });

  it("have plain schemas at the top, that still take the manifest's samples", async () => {
    const { must, connectGoogle } = await makeGoogleApi();
    await connectGoogle("u_1");
    const { data } = (await must("GET", "/v1/functions?user=u_1&format=anthropic")) as { data: Definition[] };
    const manifest = (await must("GET", "/v1/connectors/google-contacts")) as {
      actions: Record<string, { sample: { input: object } }>;
    };
    for (const { name, input_schema: schema } of data) {
      expect([name, schema["type"]]).toEqual([name, "object"]);
      expect(Object.keys(schema).filter((key) => /^(anyOf|oneOf|allOf|not)$/.test(key))).toEqual([]);
      const { sample } = manifest.actions[name.replace("google-contacts-", "")]!;
      expect([name, compileSchema(schema)(sample.input)]).toEqual([name, []]);
    }
    const mcp = (await must("GET", "/v1/functions?user=u_1")).data as { name: string; inputSchema: object }[];
    expect(mcp.find(({ name }) => name.endsWith("-upsert_contact"))!.inputSchema).toHaveProperty("anyOf");
  });

  it("are only those that the person granted the scopes of", async () => {
    const { must, connectGoogle } = await makeGoogleApi();
    await connectGoogle("u_1", ["https://www.googleapis.com/auth/contacts"]);
    const names = (await must("GET", "/v1/functions?user=u_1")).data.map(({ name }: { name: string }) => name);
    expect(names).toContain("google-contacts-list_contacts");
    expect(names).not.toContain("google-contacts-create_contact");
  });
});
