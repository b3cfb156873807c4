/** Which account a connection leads to, as its vendor proves it: what reconnecting takes, and what it refuses. */
import { connections } from "../../runtime/model/connections.ts";
import { GRANT_KEY } from "../../runtime/accounts/grants.ts";
import { resealTable, rewrapMeta } from "../../runtime/model/sealing.ts";
import { describe, expect, it } from "vitest";
import type { Grants } from "../../runtime/accounts/grants.ts";
import { createLearn } from "../../runtime/accounts/learn.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { createLog } from "../../runtime/core/log.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { SESSION } from "../fixtures/browser.ts";
import { idToken } from "./identity-token.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply, type Seen } from "./harness.ts";

const HOUR = 3_600_000;
const proofs = { sub: "$token.claims#/sub", person: "$response.body#/id" };
const authentication = { ...acmeOAuth, account: proofs, grant: proofs };

/** Ada's account; a test changes what the vendor says. */
async function connected(parts: { recognised?: boolean } = {}) {
  const say: {
    me: Reply;
    of?: (authorization: string) => Reply;
    token: Record<string, unknown>;
    claims: object | undefined;
  } = {
    me: { json: { id: "ada", email: "ada@x.example" } },
    token: {},
    claims: undefined,
  };
  let issued = 0;
  const vendor = await vendorServer((request: Seen) => {
    if (request.url === "/token") {
      const json = {
        access_token: `access-token-${++issued}`,
        refresh_token: `refresh-token-${issued}`,
        token_type: "Bearer",
        expires_in: 3600,
        scope: "read write",
        ...(say.claims && { id_token: idToken(say.claims) }),
        ...say.token,
      };
      return { json };
    }
    if (request.url === "/revoke") return { json: {} };
    return say.of?.(request.headers.authorization!) ?? say.me;
  });
  const h = await harness([acme({ authentication })], {
    url: vendor.url,
    knowsRecords: async () => parts.recognised === true,
  });
  const finish = async (authorizeUrl: string) =>
    h.accounts.finishOAuth(
      { state: new URL(authorizeUrl).searchParams.get("state")!, code: `code-${issued}` },
      SESSION,
    );
  const connect = async (user = "u_1") => {
    const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user }, {}, SESSION);
    await finish(authorizeUrl!);
    return id;
  };
  const reconnect = async (id: string, options: { account?: "move" } = {}) =>
    finish((await h.accounts.reconnect(id, options, {}, SESSION)).authorizeUrl);
  const row = async (id: string) => (await findConnection(h.db, id))!;
  /** The refresh tokens that were presented to be revoked. */
  const revoked = () => vendor.calls("/revoke").map(({ body }) => new URLSearchParams(body).get("token"));
  const refreshTokens = () =>
    vendor.calls("/token").flatMap(({ body }) => new URLSearchParams(body).get("refresh_token") ?? []);
  return { ...h, vendor, say, connect, reconnect, row, revoked, refreshTokens };
}

/** As a store of the first version has it: a name and no proofs. */
const forget = (h: Awaited<ReturnType<typeof connected>>, id: string) =>
  h.db.transaction(async (tx) => {
    await tx.run("update connections set proofs = null where id = ?", [id]);
    await tx.run("delete from connection_grants where connection = ?", [id]);
  });

describe("a reconnect", () => {
  const passing: [string, Reply][] = [
    ["503", { status: 503, json: {} }],
    ["429", { status: 429, json: {} }],
    ["403", { status: 403, json: { message: "the API is disabled" } }],
    ["a reset", "reset"],
    ["a page of HTML", { text: "<html>" }],
  ];

  it.each(passing)("whose test ends with %s proves no account and changes nothing", async (_what, reply) => {
    const h = await connected();
    const id = await h.connect();
    const before = await h.row(id);
    h.say.me = reply;
    await expect(h.reconnect(id)).rejects.toMatchObject({
      code: "account_unproved",
      message: expect.stringMatching(/what it had stays as it was .*Reconnect again in a few minutes$/),
    });
    expect(await h.row(id)).toEqual(before);
    expect(h.revoked()).toEqual([]);
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active"]);
  });

  it("whose test is answered without the account's id proves no account, and says how to go on", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { email: "ada@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({
      code: "account_unproved",
      message: expect.stringContaining('reconnect with {"account": "move"}'),
    });
  });

  it("with another account changes nothing, and the tokens it brought are revoked", async () => {
    const h = await connected();
    const id = await h.connect();
    const before = await h.row(id);
    h.say.me = { json: { id: "bob", email: "ada@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({
      code: "account_mismatch",
      message: expect.stringMatching(/another account.*Choose the right account.*"account": "move"/),
    });
    expect(await h.row(id)).toEqual(before);
    expect(h.revoked()).toEqual(["refresh-token-2"]);
  });

  it("that was refused is refused again when its callback is loaded again", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { id: "bob", email: "bob@x.example" } };
    const { authorizeUrl } = await h.accounts.reconnect(id, {}, {}, SESSION);
    const callback = { state: new URL(authorizeUrl).searchParams.get("state")!, code: "the-code" };
    for (let load = 0; load < 2; load++)
      await expect(h.accounts.finishOAuth(callback, SESSION)).rejects.toMatchObject({
        code: "account_mismatch",
        message: expect.stringContaining("belongs to another account"),
      });
    expect(h.revoked()).toHaveLength(1);
  });

  it.each([
    ["a number that JSON cannot carry exactly", '{"id":9007199254740993}', '{"id":9007199254740992}'],
    ["a number that is none", '{"id":1e400}', '{"id":2e400}'],
    ["a text with NUL", '{"id":"ada\\u0000"}', '{"id":"ada\\ufffd"}'],
    ["a text with half a character", '{"id":"ada\\ud800"}', '{"id":"ada\\ud801"}'],
  ])("of an account whose id is %s is not proved by another one like it", async (_what, first, other) => {
    const json = (text: string): Reply => ({ text, headers: { "content-type": "application/json" } });
    const h = await connected();
    h.say.me = json(first);
    const id = await h.connect();
    // Its own tokens prove nothing any more.
    await h.db.run("update connections set status = 'reauth_required' where id = ?", [id]);
    h.say.me = json(other);
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_unproved" });
  });

  it("with another account leaves its grant alone where a connection of anybody lives on it", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { id: "bob", email: "bob@x.example" } };
    await h.connect("u_2");
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
    expect(h.revoked()).toEqual([]);
  });

  it("with the same account under a new name is taken, and the name follows", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { id: "ada", email: "ada@new.example" } };
    await h.reconnect(id);
    expect(await h.accounts.get(id)).toMatchObject({
      status: "active",
      label: "ada@new.example",
      account: { id: "ada", label: "ada@new.example" },
    });
  });

  it("is decided by the first proof that both have, whatever the others say", async () => {
    const h = await connected();
    h.say.claims = { sub: "s-ada" };
    const id = await h.connect();
    h.say.me = { json: { id: "ada-moved", email: "ada@x.example" } };
    await h.reconnect(id);
    h.say.claims = { sub: "s-bob" };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
  });

  it("learns a better proof beside the one it was recognised by", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.claims = { sub: "s-ada" };
    await h.reconnect(id);
    expect(await h.accounts.get(id)).toMatchObject({ account: { id: "s-ada" } });
    h.say.me = { json: { email: "ada@x.example" } };
    await h.reconnect(id);
    expect((await h.accounts.get(id)).status).toBe("active");
  });

  it("that lacks the scope of the test is taken where the id token proves the account", async () => {
    const h = await connected();
    h.say.claims = { sub: "s-ada" };
    const id = await h.connect();
    h.say.token = { scope: "read" };
    h.say.me = { status: 403, headers: { "www-authenticate": 'Bearer error="insufficient_scope"' }, json: {} };
    await h.reconnect(id);
    expect(await h.accounts.get(id)).toMatchObject({
      status: "active",
      missingScopes: ["write"],
      label: "ada@x.example",
    });
  });

  it("without a new refresh token keeps the old one of the same account", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.token = { refresh_token: undefined };
    await h.reconnect(id);
    h.clock.advance(2 * 3_600_000);
    await h.accounts.test(id);
    expect(h.refreshTokens()).toEqual(["refresh-token-1"]);
    expect((await h.accounts.get(id)).warnings).toEqual([]);
  });

  it("that moves the connection takes another account, and none of the first one's tokens", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { id: "bob", email: "bob@x.example" } };
    h.say.token = { refresh_token: undefined };
    await h.reconnect(id, { account: "move" });
    expect(await h.accounts.get(id)).toMatchObject({
      account: { id: "bob", label: "bob@x.example" },
      warnings: [expect.stringContaining("no refresh token")],
    });
    expect(h.statuses.at(-1)).toMatchObject({ id, status: "active", moved: true });
    expect(h.events.at(-1)).toMatchObject({
      type: "connection.active",
      data: { reason: "The connection leads to another account now; its streams begin anew." },
    });
    h.say.me = { json: { id: "ada", email: "ada@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
  });

  it("that moves the connection to an account without a name leaves it without one", async () => {
    const h = await connected();
    const id = await h.connect();
    h.say.me = { json: { id: "bob" } };
    await h.reconnect(id, { account: "move" });
    expect(await h.accounts.get(id)).toMatchObject({ label: null, account: { id: "bob", label: null } });
    expect((await h.accounts.client(id)).values).not.toHaveProperty("account");
  });

  it("that moves the connection ends the work that was begun with the first account", async () => {
    const h = await connected();
    const id = await h.connect();
    const before = await h.row(id);
    const client = await h.accounts.client(before);
    h.say.me = { json: { id: "bob", email: "bob@x.example" } };
    await h.reconnect(id, { account: "move" });
    h.clock.advance(2 * 3_600_000);
    const moved = { code: "account_moved", message: `${id} was moved to another account meanwhile; begin again` };
    const get = () => client.send({ method: "GET", path: "/things" }, { scope: "stream", kind: "read" });
    await expect.poll(() => get().catch((error: unknown) => error)).toMatchObject(moved);
    await expect(h.accounts.client(before)).rejects.toMatchObject(moved);
    expect(h.vendor.calls("/v1/things").map(({ headers }) => headers.authorization)).not.toContain(
      "Bearer access-token-2",
    );
    await (await h.accounts.client(id)).send({ method: "GET", path: "/things" }, { scope: "stream", kind: "read" });
  });

  it("that may move the connection, and brings the same account, moves nothing", async () => {
    const h = await connected();
    const id = await h.connect();
    await h.reconnect(id, { account: "move" });
    expect(h.statuses.at(-1)).toEqual({ id, connector: "acme", user: "u_1", status: "active" });
  });

  it("takes no other wish than to move", async () => {
    const h = await connected();
    const id = await h.connect();
    await expect(h.accounts.reconnect(id, { account: "other" as never })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/account" }],
    });
  });
});

describe("a first connection that was granted too little to prove its account", () => {
  /** Its test lacks a scope: the vendor knows the token, and says nothing of the account. */
  const LACKING: Reply = {
    status: 403,
    headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
    json: {},
  };

  it("has no proof, and not an empty one", async () => {
    const h = await connected();
    h.say.me = LACKING;
    const id = await h.connect();
    expect(await h.row(id)).toMatchObject({ status: "active", proofs: null });
  });

  it("is taken by a later full reconnect of the same account, which its own tokens prove", async () => {
    const h = await connected();
    const { me } = h.say;
    h.say.me = LACKING;
    const id = await h.connect();
    h.say.me = me;
    expect((await h.reconnect(id)).connection).toMatchObject({ status: "active", account: { id: "ada" } });
    h.say.me = { json: { id: "bob", email: "bob@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
  });

  it("is not taken by another account, which its own tokens prove too", async () => {
    const h = await connected();
    const { me } = h.say;
    h.say.me = LACKING;
    const id = await h.connect();
    h.say.of = (authorization) =>
      authorization === "Bearer access-token-1" ? me : { json: { id: "bob", email: "bob@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
    expect(h.revoked()).toEqual(["refresh-token-2"]);
  });

  it("stays unproved while its own tokens prove nothing", async () => {
    const h = await connected();
    const { me } = h.say;
    h.say.me = LACKING;
    const id = await h.connect();
    h.say.of = (authorization) => (authorization === "Bearer access-token-1" ? LACKING : me);
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_unproved" });
  });

  it("with an empty proof, as it was once stored, learns its account like one without", async () => {
    const h = await connected();
    const { me } = h.say;
    h.say.me = LACKING;
    const id = await h.connect();
    const empty = h.vault.seal('{"account":{},"grant":{}}', { table: "connections", row: id, field: "proofs" });
    await h.db.run("update connections set proofs = ? where id = ?", [empty, id]);
    h.say.me = me;
    h.clock.advance(2 * HOUR);
    await h.accounts.client(id);
    expect((await h.accounts.get(id)).account).toMatchObject({ id: "ada" });
  });
});

describe("an id token", () => {
  const good = { iss: "https://auth.acme.example", aud: "client-1", sub: "s-ada" };
  /** `exp` is counted from now. */
  const accountOf = async (
    claims: { exp?: number; [claim: string]: unknown } | undefined,
    token: Record<string, unknown> = {},
  ) => {
    const h = await connected();
    const exp = claims?.exp === undefined ? {} : { exp: h.clock.now() / 1000 + claims.exp };
    h.say.claims = claims && { ...claims, ...exp };
    h.say.token = token;
    return (await h.accounts.get(await h.connect())).account!.id;
  };

  it.each<[string, object]>([
    ["with all that it should have", {}],
    ["of an issuer without a scheme", { iss: "auth.acme.example" }],
    ["for several audiences, issued to this client", { aud: ["other", "client-1"], azp: "client-1" }],
    ["with nothing but its subject", { iss: undefined, aud: undefined }],
    ["that goes on for an hour", { exp: 3600 }],
    ["that ended less than five minutes ago, by clocks that differ", { exp: -299 }],
    ["whose subject has 500 characters", { sub: "s".repeat(500) }],
  ])("%s proves the account", async (_what, more) => {
    const claims = { ...good, ...more };
    expect(await accountOf(claims)).toBe(claims.sub);
  });

  it.each<[string, object]>([
    ["of another issuer", { iss: "https://evil.example" }],
    ["for another client", { aud: "client-2" }],
    ["issued to another client", { aud: ["client-1", "client-2"], azp: "client-2" }],
    ["that ended five minutes ago", { exp: -300 }],
    ["whose subject has more than 500 characters", { sub: "s".repeat(501) }],
    ["without a subject", { sub: " " }],
  ])("%s proves nothing", async (_what, more) => {
    expect(await accountOf({ ...good, ...more })).toBe("ada");
  });

  it("that is none proves nothing", async () => {
    expect(await accountOf(undefined, { id_token: "not.a.token" })).toBe("ada");
    expect(await accountOf(undefined, { id_token: 7 })).toBe("ada");
  });
});

describe("a connection without proofs, as the first version made it", () => {
  it("learns its account when its token is renewed, with one request", async () => {
    const h = await connected();
    const id = await h.connect();
    await forget(h, id);
    expect((await h.accounts.get(id)).account).toBeNull();
    h.clock.advance(2 * 3_600_000);
    const before = h.vendor.calls("/v1/me").length;
    await h.accounts.client(id);
    h.clock.advance(2 * 3_600_000);
    await h.accounts.client(id);
    expect(h.vendor.calls("/v1/me").length).toBe(before + 1);
    expect(await h.accounts.get(id)).toMatchObject({ account: { id: "ada", label: "ada@x.example" } });
    h.say.me = { json: { id: "bob", email: "ada@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_mismatch" });
  });

  it("is used all the same while that fails, and learns it with the next renewal", async () => {
    const h = await connected();
    const id = await h.connect();
    await forget(h, id);
    const { me } = h.say;
    h.say.me = { status: 503, json: {} };
    h.clock.advance(2 * 3_600_000);
    await h.accounts.client(id);
    h.say.me = me;
    h.clock.advance(2 * 3_600_000);
    await h.accounts.client(id);
    expect((await h.accounts.get(id)).account).toMatchObject({ id: "ada" });
  });

  it("learns it by its test", async () => {
    const h = await connected();
    const id = await h.connect();
    await forget(h, id);
    expect(await h.accounts.test(id)).toMatchObject({ account: { id: "ada" } });
  });

  it.each([
    ["its name and its records agree", "ada@x.example", true, "active"],
    ["its records are others", "ada@x.example", false, "account_unproved"],
    ["its name is another", "bob@x.example", true, "account_unproved"],
  ])("and without its grant reconnects only by name and records: %s", async (_what, email, recognised, expected) => {
    const h = await connected({ recognised });
    const id = await h.connect();
    await forget(h, id);
    await h.db.run("update connections set status = 'reauth_required' where id = ?", [id]);
    h.say.me = { json: { id: "someone", email } };
    const outcome = await h.reconnect(id).then(
      ({ connection }) => connection.status,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe(expected);
  });

  it("learns it with the next answer of the vendor, in the background and once", async () => {
    const h = await connected();
    const id = await h.connect();
    await forget(h, id);
    const get = async () =>
      (await h.accounts.client(id)).send({ method: "GET", path: "/things" }, { scope: "action", kind: "read" });
    const before = h.vendor.calls("/v1/me").length;
    await get();
    expect(h.vendor.calls("/v1/me"), "in its first hour, as it has just been tested").toHaveLength(before);
    await h.db.run("update connections set created_at = ? where id = ?", [h.clock.now() - HOUR, id]);
    await get();
    await expect.poll(async () => (await h.accounts.get(id)).account).toMatchObject({ id: "ada" });
    await get();
    expect(h.vendor.calls("/v1/me").length).toBe(before + 1);
  });

  it("asks no more than once an hour while the vendor does not say", async () => {
    const h = await connected();
    const id = await h.connect();
    await forget(h, id);
    h.say.me = { json: {} };
    const learn = createLearn({ ...h, log: createLog({ level: "silent" }) }, { ...h.accounts, grants: {} as Grants });
    const opened = await h.accounts.tokens.open(id);
    const before = h.vendor.calls("/v1/me").length;
    h.clock.advance(HOUR);
    const asked = async () => {
      learn.answered(opened);
      await learn.settled();
      return h.vendor.calls("/v1/me").length - before;
    };
    expect([await asked(), await asked()]).toEqual([1, 1]);
    h.clock.advance(HOUR - 1);
    expect(await asked()).toBe(1);
    h.clock.advance(1);
    expect(await asked()).toBe(2);
  });

  it("with proofs is not recognised by name and records", async () => {
    const h = await connected({ recognised: true });
    const id = await h.connect();
    h.say.me = { json: { email: "ada@x.example" } };
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "account_unproved" });
  });
});

describe("proofs in the store", () => {
  it("are in clear nowhere, and show as the account's id alone", async () => {
    const h = await connected();
    h.say.claims = { sub: "canary-subject-123456" };
    h.say.me = { json: { id: "canary-person-123456", email: "ada@x.example" } };
    const id = await h.connect();
    const tables = ["connections", "connection_grants", "meta"];
    const stored = await Promise.all(
      tables.map((table) => h.db.all<Record<string, unknown>>(`select * from ${table}`)),
    );
    const text = stored
      .flat()
      .flatMap((row) => Object.values(row))
      .map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value)))
      .join("\n");
    expect(text).not.toMatch(/canary-(subject|person)/);
    expect(JSON.stringify([h.logged, h.events])).not.toMatch(/canary-(subject|person)/);
    const shown = JSON.stringify(await h.accounts.get(id));
    expect(shown).toContain("canary-subject");
    expect(shown).not.toContain("canary-person");
  });

  it("that cannot be opened hide no connection", async () => {
    const h = await connected();
    const id = await h.connect();
    await h.db.run("update connections set proofs = ? where id = ?", [Buffer.from("damaged"), id]);
    const { data } = await h.accounts.list();
    expect(data).toMatchObject([{ id, account: null, label: "ada@x.example" }]);
    await expect(h.reconnect(id)).rejects.toMatchObject({ code: "decryption_failed" });
    expect(await h.accounts.get(id)).toMatchObject({ status: "active" });
    expect(await h.accounts.remove(id)).toEqual({ revoked: true });
  });

  it("and the key by which grants are found outlive a change of the encryption key", async () => {
    const [old, next] = [Buffer.alloc(32, 7).toString("base64"), Buffer.alloc(32, 8).toString("base64")];
    const h = await connected();
    const first = await h.connect();
    const rotating = await harness([acme({ authentication })], {
      db: h.db,
      url: h.vendor.url,
      vault: createVault([next, old]),
    });
    await rewrapMeta(h.db, rotating.vault, GRANT_KEY);
    expect(await resealTable(h.db, rotating.vault, connections)).toEqual({ changed: 2, broken: 0 });
    const after = await harness([acme({ authentication })], {
      db: h.db,
      url: h.vendor.url,
      vault: createVault([next]),
    });
    expect(await after.accounts.get(first)).toMatchObject({ account: { id: "ada" } });
    const credentials = { accessToken: "another-access-token" };
    await after.accounts.create({ connector: "acme", user: "u_2", credentials });
    expect(await after.accounts.remove(first)).toEqual({ revoked: false });
  });
});

describe("the address of a vendor", () => {
  it("has the manifest's parameters for a reconnect, those with a value", async () => {
    const reconnectParams = { login_hint: "$connection.account", prompt: "consent", nothing: "$connection.nothing" };
    const vendor = await vendorServer(({ url }) =>
      url === "/token" ? { json: { access_token: "access-token-1" } } : { json: { id: "a", email: "ada@x.example" } },
    );
    const h = await harness([acme({ authentication: { ...authentication, reconnectParams } })], { url: vendor.url });
    const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
    const asked = (url: string) => Object.fromEntries(new URL(url).searchParams);
    expect(asked(authorizeUrl!)).not.toHaveProperty("login_hint");
    await h.accounts.finishOAuth({ state: asked(authorizeUrl!)["state"]!, code: "c" }, SESSION);
    await h.accounts.update(id, { label: "Mine" });
    const again = asked((await h.accounts.reconnect(id, {}, {}, SESSION)).authorizeUrl);
    expect(again).toMatchObject({ login_hint: "ada@x.example", prompt: "consent", access_type: "offline" });
    expect(again).not.toHaveProperty("nothing");
    expect(asked((await h.accounts.reconnect(id, { account: "move" }, {}, SESSION)).authorizeUrl)).not.toHaveProperty(
      "login_hint",
    );
  });
});
