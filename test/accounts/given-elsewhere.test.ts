/** Inputs and credentials that people gave, which lead to another account than they did: they are told, and change nothing. */
import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { findConnection } from "../../runtime/model/connections.ts";
import type { Manifest } from "../../schemas/manifest.ts";
import { acme, type Reply } from "./harness.ts";
import { fixture, kindWith } from "./kinds/kind.ts";
import { GET, HOUR, SEND } from "./kinds/reissued.ts";

/** A token that may read several branches; the test names one of them. */
const branches = (more: object = {}): Manifest =>
  acme({
    server: { url: "https://api.acme.example/v1", headers: { "X-Language": "{$connection.language}" } },
    authentication: {
      type: "bearer",
      test: { method: "GET", path: "/branches/{branch}" },
      account: { branch: "$response.body#/id" },
      label: "$response.body#/id",
      connectionInput: {
        type: "object",
        additionalProperties: false,
        required: ["branch"],
        properties: { branch: { type: "string" }, note: { type: "string" }, language: { type: "string" } },
      },
      ...more,
    } as never,
  });

async function connected(manifest = branches()) {
  const say: { reply?: Reply } = {};
  const h = await kindWith(manifest, ({ url }) => say.reply ?? { json: { id: url.split("/").at(-1) } });
  const { id } = await h.accounts.create({
    connector: "acme",
    user: "u_1",
    credentials: { token: "token-canary-1" },
    inputs: { branch: "north" },
  });
  const inputs = async () => (await h.accounts.get(id)).inputs;
  return { ...h, id, say, inputs };
}

describe("an input that the test names", () => {
  it("leads to the same account, or is refused", async () => {
    const h = await connected();
    await expect(h.accounts.update(h.id, { inputs: { branch: "south" } })).rejects.toMatchObject({
      code: "account_mismatch",
      message: expect.stringContaining('give {"account": "move"} beside the credentials') as string,
    });
    expect(await h.inputs()).toEqual({ branch: "north" });
    expect(h.statuses).toHaveLength(1);
  });

  it.each<[string, Reply]>([
    ["503", { status: 503, json: {} }],
    ["429", { status: 429, json: {} }],
    ["403", { status: 403, json: {} }],
    ["a reset", "reset"],
    ["a page", { text: "<html>" }],
    ["nothing", { status: 200 }],
    [
      "the want of a scope",
      { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' }, json: {} },
    ],
  ])("is not taken where the vendor answers %s, which proves nothing", async (_what, reply) => {
    const h = await connected();
    h.say.reply = reply;
    await expect(h.accounts.update(h.id, { inputs: { branch: "south" } })).rejects.toMatchObject({
      code: "account_unproved",
    });
    expect(await h.inputs()).toEqual({ branch: "north" });
  });

  it("moves the connection where that is wished", async () => {
    const h = await connected();
    const moved = await h.accounts.update(h.id, { inputs: { branch: "south" }, account: "move" });
    expect(moved).toMatchObject({ account: { id: "south", label: "south" }, inputs: { branch: "south" } });
    expect(h.statuses.at(-1)).toMatchObject({ moved: true });
  });

  it("is taken without a word to the vendor where it stays as it was, and so is one that nobody asks with", async () => {
    const h = await connected();
    h.say.reply = { status: 503, json: {} };
    await h.accounts.update(h.id, { inputs: { branch: "north", note: "ours" } });
    expect(await h.inputs()).toEqual({ branch: "north", note: "ours" });
    expect(h.vendor.seen).toHaveLength(1);
  });

  it("is given first where the manifest asks for more by now", async () => {
    const h = await connected();
    await h.db.transaction((tx) => tx.run("update connections set inputs = '{}' where id = ?", [h.id]));
    await h.accounts.update(h.id, { inputs: { branch: "north" } });
    expect(await h.inputs()).toEqual({ branch: "north" });
  });

  it("that every request carries is tested too, and one that no header carries is refused", async () => {
    const h = await connected();
    await h.accounts.update(h.id, { inputs: { language: "fr" } });
    expect(h.vendor.seen.at(-1)).toMatchObject({ url: "/v1/branches/north", headers: { "x-language": "fr" } });
    for (const language of ["fr\r\nX-Evil: 1", "日本語"]) {
      const given = {
        connector: "acme",
        user: "u_1",
        credentials: { token: "t" },
        inputs: { branch: "north", language },
      };
      await expect(h.accounts.create(given)).rejects.toMatchObject({
        code: "invalid_input",
        message: expect.stringContaining("invalid x-language header") as string,
      });
      await expect(h.accounts.update(h.id, { inputs: { language } })).rejects.toMatchObject({ code: "invalid_input" });
    }
    expect(await h.inputs()).toEqual({ branch: "north", language: "fr" });
  });
});

describe("whom a service account acts for", () => {
  it("is another account, which is not taken in passing", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const keyFile = JSON.stringify({
      private_key_id: "key-1",
      private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
      client_email: "sync@acme.example",
    });
    const h = await kindWith(await fixture("jwt-bearer"), ({ url, body, headers }) => {
      if (url !== "/token") return { json: { id: headers.authorization } };
      const [, claims = ""] = new URLSearchParams(body).get("assertion")!.split(".");
      const { sub } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub: string };
      return { json: { access_token: `token-of-${sub}`, token_type: "Bearer", expires_in: 3600 } };
    });
    const { id } = await h.accounts.create({
      connector: "jwt-kind",
      user: "u_1",
      credentials: { keyFile },
      inputs: { subject: "ada@acme.example" },
    });
    const change = { inputs: { subject: "bob@acme.example" } };
    await expect(h.accounts.update(id, change)).rejects.toMatchObject({ code: "account_mismatch" });
    h.clock.advance(2 * HOUR);
    expect((await (await h.accounts.client(id)).send(GET, SEND)).body).toEqual({
      id: "Bearer token-of-ada@acme.example",
    });
    await h.accounts.update(id, { ...change, account: "move" });
    expect((await (await h.accounts.client(id)).send(GET, SEND)).body).toEqual({
      id: "Bearer token-of-bob@acme.example",
    });
  });
});

describe("a test of a connection whose credentials lead to another account by now", () => {
  it("says so, and renames nothing", async () => {
    const h = await connected();
    h.say.reply = { json: { id: "south" } };
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "account_mismatch" });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active", account: { id: "north", label: "north" } });
  });

  it("brings no lost connection back", async () => {
    const say = { person: "ada", isTaken: true };
    let logins = 0;
    const h = await kindWith(await fixture("session"), ({ url }) => {
      if (!url.startsWith("/v1/login")) return { json: { id: say.person, name: say.person } };
      return say.isTaken ? { json: { session: { token: `token-${++logins}`, ttl: 3600 } } } : { status: 401, json: {} };
    });
    const credentials = { user: "ada", password: "password-canary-0123456789" };
    const { id } = await h.accounts.create({ connector: "session-kind", user: "u_1", credentials });
    say.isTaken = false;
    h.clock.advance(2 * HOUR);
    const used = h.accounts.client(id).then((client) => client.send(GET, SEND));
    await expect(used).rejects.toMatchObject({ code: "reauth_required" });
    Object.assign(say, { isTaken: true, person: "bob" });
    await expect(h.accounts.test(id)).rejects.toMatchObject({ code: "account_mismatch" });
    expect((await findConnection(h.db, id))!.status).toBe("reauth_required");
    say.person = "ada";
    expect(await h.accounts.test(id)).toMatchObject({ status: "active", account: { id: "ada" } });
  });
});
