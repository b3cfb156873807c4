import { describe, expect, it } from "vitest";
import { connections, findConnection } from "../../runtime/model/connections.ts";
import { oauthStates, purgeStates } from "../../runtime/model/oauth-states.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer } from "./harness.ts";

const TEN_MINUTES = 10 * 60_000;

const key = { key: "$response.body#/key" };
const authentication = { ...acmeOAuth, account: key, grant: key };

/** A vendor that gives another token each time, to the account whose turn it is. */
async function started(options: Parameters<typeof harness>[1] = {}) {
  const vendor = { email: "ada@x.example", tokens: 0, isDown: false, proves: true };
  const server = await vendorServer(({ url }) => {
    if (url === "/revoke") return { json: {} };
    const { email, proves } = vendor;
    const me = { email, key: proves ? email : undefined };
    if (url !== "/token") return vendor.isDown ? { status: 503, json: {} } : { json: me };
    const token = `token-number-${++vendor.tokens}`;
    return { json: { access_token: token, refresh_token: `refresh-${token}`, token_type: "Bearer" } };
  });
  const h = await harness([acme({ authentication })], { url: server.url, ...options });
  const finish = async (authorizeUrl: string) => {
    const state = new URL(authorizeUrl).searchParams.get("state")!;
    return (await h.accounts.finishOAuth({ state, code: "c" }, SESSION)).confirmation!;
  };
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1", confirm: true }, {}, SESSION);
  const reconnect = async () => finish((await h.accounts.reconnect(id, { confirm: true }, {}, SESSION)).authorizeUrl);
  return {
    ...h,
    vendor,
    id,
    finish: () => finish(authorizeUrl!),
    reconnect,
    revoked: () => server.calls("/revoke").map(({ body }) => new URLSearchParams(body).get("token")),
    rows: () => oauthStates.all(h.db, ""),
  };
}

describe("tokens that wait to be confirmed", () => {
  it("are sealed, and nothing is said of them before", async () => {
    const h = await started();
    const code = await h.finish();
    expect(h.events).toEqual([]);
    const [row] = await h.rows();
    const kept = JSON.stringify(row) + Buffer.from(row!.sealed).toString("latin1");
    for (const secret of ["token-number-1", code]) expect(kept).not.toContain(secret);
    await h.accounts.confirm(h.id, { code });
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active"]);
    expect((await h.accounts.client(h.id)).values).toMatchObject({ account: "ada@x.example" });
    expect(await h.rows()).toEqual([]);
  });

  it("are revoked and deleted by the upkeep after ten minutes, not before", async () => {
    const h = await started();
    await h.finish();
    h.clock.advance(TEN_MINUTES);
    expect([await h.accounts.purgeAuthorizations(), h.revoked()]).toEqual([0, []]);
    h.clock.advance(1);
    expect([await h.accounts.purgeAuthorizations(), h.revoked()]).toEqual([1, ["refresh-token-number-1"]]);
    expect(await h.rows()).toEqual([]);
    expect(await h.accounts.purgeAuthorizations()).toBe(0);
  });

  it("are not cut off when another connection of the same account is removed, and end the grant as the last", async () => {
    const h = await started();
    const credentials = { accessToken: "token-of-another", refreshToken: "refresh-of-another" };
    const other = await h.accounts.create({ connector: "acme", user: "u_2", credentials });
    await h.finish();
    expect(await h.accounts.remove(other.id)).toEqual({ revoked: false });
    h.clock.advance(TEN_MINUTES + 1);
    await h.accounts.purgeAuthorizations();
    expect(h.revoked()).toEqual(["refresh-token-number-1"]);
    const last = await h.accounts.create({ connector: "acme", user: "u_2", credentials });
    expect(await h.accounts.remove(last.id)).toEqual({ revoked: true });
  });

  it("are not revoked while others of the same account still wait", async () => {
    const h = await started();
    await h.finish();
    h.clock.advance(TEN_MINUTES);
    const code = await h.reconnect();
    h.clock.advance(1);
    expect([await h.accounts.purgeAuthorizations(), h.revoked()]).toEqual([1, []]);
    expect(await h.accounts.confirm(h.id, { code })).toMatchObject({ status: "active" });
  });

  it("are revoked with their account still unknown to the vendor's test", async () => {
    const h = await started();
    h.vendor.email = undefined as never;
    await h.finish();
    h.clock.advance(TEN_MINUTES + 1);
    await h.accounts.purgeAuthorizations();
    expect(h.revoked()).toEqual(["refresh-token-number-1"]);
  });

  it("end with the ones that are confirmed: those of another account are revoked, those of the same are not", async () => {
    const h = await started();
    const code = await h.finish();
    await h.reconnect();
    h.vendor.email = "eve@x.example";
    await h.reconnect();
    await h.accounts.confirm(h.id, { code });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active", label: "ada@x.example" });
    expect(h.revoked()).toEqual(["refresh-token-number-3"]);
    expect(await h.rows()).toEqual([]);
  });

  it("of another account do not take the place of one that was connected meanwhile", async () => {
    const h = await started();
    const first = await h.finish();
    h.vendor.email = "eve@x.example";
    const { authorizeUrl } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    await h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "d" }, SESSION);
    await expect(h.accounts.confirm(h.id, { code: first })).rejects.toMatchObject({
      code: "conflict",
      message: `${h.id} changed while it was being confirmed; connect again`,
    });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active", label: "eve@x.example" });
    expect(h.revoked()).toEqual(["refresh-token-number-1"]);
  });

  it("whose account is not known are said to be of none, and do not take the place of one that is known", async () => {
    const h = await started();
    h.vendor.email = undefined as never;
    const { authorizeUrl } = await h.accounts.reconnect(h.id, { confirm: true }, {}, SESSION);
    const callback = { state: new URL(authorizeUrl).searchParams.get("state")!, code: "d" };
    const first = await h.accounts.finishOAuth(callback, SESSION);
    const again = await h.accounts.finishOAuth(callback, SESSION);
    expect([first.account, again.account]).toEqual([null, null]);
    h.vendor.email = "ada@x.example";
    const { authorizeUrl: other } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    await h.accounts.finishOAuth({ state: new URL(other).searchParams.get("state")!, code: "e" }, SESSION);
    await expect(h.accounts.confirm(h.id, { code: first.confirmation! })).rejects.toMatchObject({ code: "conflict" });
    expect((await h.accounts.client(h.id)).values).toMatchObject({ account: "ada@x.example" });
  });

  it("do not take the place of another account that the connection was moved to meanwhile, proved or not", async () => {
    const h = await started({ knowsRecords: async () => true });
    await h.accounts.confirm(h.id, { code: await h.finish() });
    // As connections of the first version are: their account is known by its name and records.
    await connections.change(h.db, { proofs: null }, "id = ?", [h.id]);
    h.vendor.proves = false;
    const code = await h.reconnect();
    h.vendor.email = "eve@x.example";
    const { authorizeUrl } = await h.accounts.reconnect(h.id, { account: "move" }, {}, SESSION);
    await h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "d" }, SESSION);
    const moved = await findConnection(h.db, h.id);
    expect(moved).toMatchObject({ moves: 1, proofs: null, label: "eve@x.example" });
    await expect(h.accounts.confirm(h.id, { code })).rejects.toMatchObject({ code: "conflict" });
    expect(await findConnection(h.db, h.id)).toEqual(moved);
  });

  it("take the place of others of an account that is known by its records alone, while it stays", async () => {
    const h = await started({ knowsRecords: async () => true });
    await h.accounts.confirm(h.id, { code: await h.finish() });
    await connections.change(h.db, { proofs: null }, "id = ?", [h.id]);
    h.vendor.proves = false;
    expect(await h.accounts.confirm(h.id, { code: await h.reconnect() })).toMatchObject({ status: "active" });
    expect((await findConnection(h.db, h.id))!.moves).toBeNull();
  });

  it("of a connection that is to be moved take the place of the first account once they are confirmed, not before", async () => {
    const h = await started();
    await h.accounts.confirm(h.id, { code: await h.finish() });
    h.vendor.email = "eve@x.example";
    const { authorizeUrl } = await h.accounts.reconnect(h.id, { confirm: true, account: "move" }, {}, SESSION);
    const callback = { state: new URL(authorizeUrl).searchParams.get("state")!, code: "d" };
    const { confirmation } = await h.accounts.finishOAuth(callback, SESSION);
    expect(await h.accounts.get(h.id)).toMatchObject({ account: { id: "ada@x.example" } });
    await h.accounts.confirm(h.id, { code: confirmation! });
    expect(await h.accounts.get(h.id)).toMatchObject({ account: { id: "eve@x.example", label: "eve@x.example" } });
    expect(h.statuses.at(-1)).toMatchObject({ status: "active", moved: true });
  });

  it("that the vendor has not accepted yet wait for it once they are confirmed", async () => {
    const h = await started();
    h.vendor.isDown = true;
    await h.accounts.confirm(h.id, { code: await h.finish() });
    expect(await h.accounts.get(h.id)).toMatchObject({
      status: "pending",
      error: { message: expect.stringContaining("it is repeated until") },
    });
    h.vendor.isDown = false;
    h.clock.advance(60_000);
    await h.accounts.testWaiting();
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active", label: "ada@x.example" });
  });

  it("that the vendor has not accepted yet do not take the place of some that it has", async () => {
    const h = await started();
    h.vendor.isDown = true;
    const code = await h.finish();
    h.vendor.isDown = false;
    const { authorizeUrl } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    await h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "d" }, SESSION);
    const before = await findConnection(h.db, h.id);
    await expect(h.accounts.confirm(h.id, { code })).rejects.toMatchObject({ code: "conflict" });
    expect(await findConnection(h.db, h.id)).toEqual(before);
    expect(h.revoked()).toEqual([]);
  });

  it("keep the label that a person gave meanwhile", async () => {
    const h = await started();
    const code = await h.finish();
    await h.accounts.update(h.id, { label: "Work" });
    expect(await h.accounts.confirm(h.id, { code })).toMatchObject({ status: "active", label: "Work" });
  });

  it("that no longer open are deleted, and stand in nobody's way", async () => {
    const h = await started();
    await h.finish();
    const [row] = await h.rows();
    await oauthStates.change(h.db, { sealed: Buffer.alloc(200) }, "state_hash = ?", [row!.stateHash]);
    const code = await h.reconnect();
    expect(await h.accounts.confirm(h.id, { code })).toMatchObject({ status: "active" });
    expect(await h.rows()).toEqual([]);
  });

  it("are safe once three codes were tried, even from a right code that was on its way", async () => {
    const h = await started();
    const code = await h.finish();
    const [row] = await h.rows();
    await oauthStates.change(h.db, { tries: 3 }, "state_hash = ?", [row!.stateHash]);
    await expect(h.accounts.confirm(h.id, { code })).rejects.toMatchObject({ code: "conflict" });
    expect(h.revoked()).toEqual(["refresh-token-number-1"]);
  });

  it("are never deleted before they are revoked", async () => {
    const h = await started();
    await h.finish();
    expect(await purgeStates(h.db, h.clock.now() + TEN_MINUTES + 1)).toBe(0);
    expect(await h.rows()).toHaveLength(1);
  });

  it("cannot be had without a code", async () => {
    const h = await started();
    await h.finish();
    await expect(h.accounts.confirm(h.id, {} as never)).rejects.toMatchObject({ code: "invalid_input" });
    await expect(h.accounts.confirm(h.id, { code: "" })).rejects.toMatchObject({ code: "invalid_input" });
    expect((await h.rows())[0]!.tries).toBe(0);
  });
});

describe("a state that was moved to another connection", () => {
  it("opens nothing", async () => {
    const h = await started();
    const { id } = await h.accounts.create({ connector: "acme", user: "u_2" }, {}, SESSION);
    await h.db.run("update oauth_states set connection = ?", [id]);
    await expect(h.finish()).rejects.toMatchObject({ code: "invalid_input" });
  });
});
