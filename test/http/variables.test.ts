import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { makeApi, soon } from "./compose.ts";
import { notesManifest } from "./notes-vendor.ts";

describe("variables of the workspace", () => {
  it("are set, read, listed by name, replaced and removed", async () => {
    const { must, ask } = await makeApi();
    const path = "/v1/workspace/variables";
    await must("PUT", `${path}/region`, { body: { value: "eu-1" } });
    const made = await must("PUT", `${path}/limits`, { body: { value: { perDay: 5 } } });
    expect(made).toMatchObject({ name: "limits", secret: false, value: { perDay: 5 } });
    await must("PUT", `${path}/region`, { body: { value: ["eu-1", null] } });
    const { data } = await must("GET", path);
    expect(data.map(({ name, value }: { name: string; value: unknown }) => [name, value])).toEqual([
      ["limits", { perDay: 5 }],
      ["region", ["eu-1", null]],
    ]);
    expect((await ask("DELETE", `${path}/region`)).status).toBe(204);
    const { status, body } = await ask("GET", `${path}/region`);
    expect([status, body.code, body.detail]).toEqual([404, "not_found", 'Variable "region" does not exist']);
    expect((await ask("DELETE", `${path}/region`)).status).toBe(404);
  });

  it("are for admins only", async () => {
    const { ask, tokenOf } = await makeApi();
    const { status, body } = await ask("GET", "/v1/workspace/variables", { token: await tokenOf("u_1") });
    expect([status, body.code]).toEqual([403, "forbidden"]);
  });

  it("have names an expression can say, values of a bounded size, and a bounded number", async () => {
    const { ask, must } = await makeApi();
    const put = (name: string, value: unknown) => ask("PUT", `/v1/workspace/variables/${name}`, { body: { value } });
    for (const name of ["__proto__", "1st", "a.b", "a%20b", "a".repeat(101)]) {
      const { status, body } = await put(name, 1);
      expect([status, body.code, body.detail]).toEqual([
        400,
        "invalid_input",
        expect.stringMatching(/a name is a letter/),
      ]);
    }
    // With its quotes, a text is two characters longer.
    expect((await put("long", "x".repeat(32_766))).status).toBe(200);
    const { status, body } = await put("long", "x".repeat(32_767));
    expect([status, body.code, body.detail]).toEqual([
      413,
      "too_large",
      "Variable long is longer than 32768 characters; shorten it",
    ]);
    for (let i = 0; i < 199; i++) await must("PUT", `/v1/workspace/variables/v${i}`, { body: { value: i } });
    const more = await put("v199", 199);
    expect([more.status, more.body.detail]).toEqual([
      409,
      "Variable v199: 200 variables exist already; remove one first",
    ]);
    expect((await put("v7", "again")).status).toBe(200);
  });
});

describe("secret variables", () => {
  it("are used and never shown, nor stored as they are", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hookline-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    const { must, ask } = await makeApi({ store: `sqlite:${folder}/store.db` });
    const value = "canary-of-a-secret";
    const path = "/v1/users/u_1/variables/apiKey";
    const set = await ask("PUT", path, { body: { value, secret: true } });
    expect(set.body).toMatchObject({ name: "apiKey", secret: true });
    const shown = JSON.stringify([set.body, await must("GET", path), await must("GET", "/v1/users/u_1/variables")]);
    expect(shown).not.toContain(value);
    expect(shown).not.toContain('"value"');
    for (const file of await readdir(folder)) {
      expect((await readFile(join(folder, file))).includes(value)).toBe(false);
    }
  });

  it("reach what an action sends, those of its own user only", async () => {
    const create_note = {
      ...notesManifest.actions.create_note,
      request: {
        method: "POST",
        path: "/notes",
        headers: { "x-region": "$workspace.vars.region", "x-key": "$user.vars.apiKey" },
      },
    };
    const { must, vendor, connect } = await makeApi({
      connectors: [{ ...notesManifest, actions: { ...notesManifest.actions, create_note } }],
    });
    const seen: unknown[] = [];
    vendor.write = ({ headers }, response) => {
      seen.push([headers["x-region"], headers["x-key"]]);
      response.setHeader("content-type", "application/json").end("{}");
    };
    await must("PUT", "/v1/workspace/variables/region", { body: { value: "eu-1" } });
    await must("PUT", "/v1/users/u_1/variables/apiKey", { body: { value: "key-of-u1", secret: true } });
    for (const user of ["u_1", "u_2"]) {
      const connection = await connect(user);
      await must("POST", `/v1/connections/${connection}/actions/create_note`, { body: { title: "Hello" } });
    }
    expect(seen).toEqual([
      ["eu-1", "key-of-u1"],
      ["eu-1", undefined],
    ]);
  });
});

describe("variables in a stream", () => {
  it("reach what polls and live samples send", async () => {
    const request = {
      method: "GET",
      path: "/notes",
      query: { region: "$workspace.vars.region", of: "$user.vars.folder" },
    };
    const streams = { notes: { ...notesManifest.streams.notes, request } };
    const { must, vendor, connect } = await makeApi({ connectors: [{ ...notesManifest, streams }] });
    await must("PUT", "/v1/workspace/variables/region", { body: { value: "eu-1" } });
    await must("PUT", "/v1/users/u_1/variables/folder", { body: { value: "f1" } });
    const connection = await connect("u_1");
    await must("GET", `/v1/connections/${connection}/triggers/note_created/sample?live=true`);
    expect(vendor.count("GET /notes?region=eu-1&of=f1")).toBe(1);
    await must("POST", "/v1/subscriptions", { body: { connection, trigger: "note_created" } });
    await soon(() => expect(vendor.count("GET /notes?region=eu-1&of=f1")).toBe(2));
  });
});

describe("variables of a user", () => {
  it("belong to that user, and are nowhere to be found for another", async () => {
    const { ask, must, tokenOf } = await makeApi();
    const token = await tokenOf("u_1");
    await must("PUT", "/v1/users/u_1/variables/region", { token, body: { value: "mine" } });
    await must("PUT", "/v1/users/u_2/variables/region", { body: { value: "theirs" } });
    expect((await must("GET", "/v1/users/u_1/variables/region", { token })).value).toBe("mine");
    for (const [method, path, body] of [
      ["GET", "/v1/users/u_2/variables", undefined],
      ["GET", "/v1/users/u_2/variables/region", undefined],
      ["PUT", "/v1/users/u_2/variables/region", { value: 1 }],
      ["DELETE", "/v1/users/u_2/variables/region", undefined],
    ] as const) {
      const answer = await ask(method, path, { token, body });
      expect([answer.status, answer.body.code]).toEqual([404, "not_found"]);
    }
    expect((await must("GET", "/v1/users/u_2/variables/region")).value).toBe("theirs");
  });
});
