/** Tokens that wait for a confirmation hold their grant, and outlive a process that dies while they are confirmed. */
import { describe, expect, it } from "vitest";
import { findConnection } from "../../runtime/model/connections.ts";
import { oauthStates } from "../../runtime/model/oauth-states.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestDatabase } from "../postgres.ts";
import { SESSION } from "../fixtures/browser.ts";
import { dyingStore } from "./dying-store.ts";
import { acme, acmeOAuth, harness, later, vendorServer } from "./harness.ts";

const TEN_MINUTES = 10 * 60_000;

/** A vendor that gives tokens to the account whose turn it is, and knows afterwards whose each is. */
async function started(options: Parameters<typeof harness>[1] = {}) {
  const vendor = { email: "ada@x.example" as string | undefined, tokens: 0, isDown: false };
  const owners = new Map<string, string | undefined>();
  const server = await vendorServer(({ url, headers }) => {
    if (url === "/revoke") return { json: {} };
    if (url === "/token") {
      const n = ++vendor.tokens;
      owners.set(`Bearer access-${n}`, vendor.email);
      return { json: { access_token: `access-${n}`, refresh_token: `refresh-${n}`, expires_in: 3600 } };
    }
    if (vendor.isDown) return { status: 503, json: {} };
    return { json: { email: owners.get(headers.authorization!) ?? vendor.email } };
  });
  const h = await harness([acme({ authentication: acmeOAuth })], { url: server.url, ...options });
  const finish = async (authorizeUrl: string) => {
    const state = new URL(authorizeUrl).searchParams.get("state")!;
    return (await h.accounts.finishOAuth({ state, code: "c" }, SESSION)).confirmation!;
  };
  return {
    ...h,
    vendor,
    finish,
    first: async () => {
      const { id, authorizeUrl } = await h.accounts.create(
        { connector: "acme", user: "u_1", confirm: true },
        {},
        SESSION,
      );
      return { id, code: await finish(authorizeUrl!) };
    },
    connected: async (user = "u_1") => {
      const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user }, {}, SESSION);
      await finish(authorizeUrl!);
      return id;
    },
    /** Tokens that wait to be confirmed for a connection that works. */
    held: async (id: string, more: { account?: "move" } = {}) =>
      finish((await h.accounts.reconnect(id, { confirm: true, ...more }, {}, SESSION)).authorizeUrl),
    revoked: () => server.calls("/revoke").map(({ body }) => new URLSearchParams(body).get("token")),
  };
}

describe("tokens that wait for the confirmation of", () => {
  it("a move hold their grant when the other connection of it is removed", async () => {
    const h = await started();
    const id = await h.connected();
    h.vendor.email = "eve@x.example";
    const other = await h.connected("u_2");
    const code = await h.held(id, { account: "move" });
    expect(await h.accounts.remove(other)).toEqual({ revoked: false });
    expect(h.revoked()).toEqual([]);
    expect(await h.accounts.confirm(id, { code })).toMatchObject({ account: { id: "eve@x.example" } });
    // Ada's grant is the one that nothing lives on any more.
    expect(h.revoked()).toEqual(["refresh-1"]);
  });

  it("a move end their grant with them, once nothing else lives on it", async () => {
    const h = await started();
    const id = await h.connected();
    h.vendor.email = "eve@x.example";
    const other = await h.connected("u_2");
    await h.held(id, { account: "move" });
    await h.accounts.remove(other);
    h.clock.advance(TEN_MINUTES + 1);
    await h.accounts.purgeAuthorizations();
    expect(h.revoked()).toEqual(["refresh-3"]);
    expect(await h.db.all("select * from held_grants")).toEqual([]);
  });

  it("a move hold the grant that the moving connection has, for another person whose connection is removed", async () => {
    const h = await started();
    const id = await h.connected();
    const other = await h.connected("u_2");
    h.vendor.email = "eve@x.example";
    await h.held(id, { account: "move" });
    expect(await h.accounts.remove(other)).toEqual({ revoked: false });
    expect(await h.accounts.remove(id)).toEqual({ revoked: true });
    expect(h.revoked()).toEqual(["refresh-3", "refresh-1"]);
  });

  it("an account that nothing proves spare the other connections of the same user, and no others", async () => {
    const h = await started();
    const [own, strange] = [await h.connected("u_1"), await h.connected("u_2")];
    h.vendor.email = undefined;
    await h.first();
    expect(await h.accounts.remove(strange)).toEqual({ revoked: false });
    expect(await h.accounts.remove(own)).toEqual({ revoked: false });
  });

  it("a first connection do not take the place of an account that came meanwhile and that nothing proves", async () => {
    const h = await started();
    const { id, code } = await h.first();
    h.vendor.email = undefined;
    await h.finish((await h.accounts.reconnect(id, {}, {}, SESSION)).authorizeUrl);
    const before = await findConnection(h.db, id);
    await expect(h.accounts.confirm(id, { code })).rejects.toMatchObject({ code: "conflict" });
    expect(await findConnection(h.db, id)).toEqual(before);
  });
});

describe.each(["sqlite", "postgres"] as const)("a process that dies while tokens are confirmed, on %s", (kind) => {
  const storeOf = async () => {
    if (kind === "sqlite") return openDatabase("sqlite::memory:");
    const { url, drop } = await createTestDatabase();
    later(drop);
    return openDatabase(url);
  };

  it.each([
    ["a first connection", false, false],
    ["a first connection whose vendor is down", false, true],
    ["a move", true, false],
  ])("loses no tokens of %s", async (_what, moves, isDown) => {
    for (let commit = 1, isOver = false; !isOver; commit++) {
      for (const when of ["before", "after"] as const) {
        const store = await storeOf();
        const dying = dyingStore(store);
        const h = await started({ db: dying.db });
        h.vendor.isDown = isDown;
        let { id, code } = moves ? { id: await h.connected(), code: "" } : await h.first();
        if (moves) {
          h.vendor.email = "eve@x.example";
          code = await h.held(id, { account: "move" });
        }
        const wanted = `refresh-${h.vendor.tokens}`;
        dying.dieAt({ commit, when });
        const outcome = await h.accounts.confirm(id, { code }).then(
          () => "confirmed",
          () => "died",
        );
        isOver = !dying.life.isDead;
        expect(outcome).toBe(isOver ? "confirmed" : "died");
        // Another process finds the tokens in their connection, or still waiting.
        dying.dieAt({ commit: Infinity, when: "before" });
        if ((await oauthStates.all(store, "where tries is not null")).length > 0)
          await h.accounts.confirm(id, { code });
        const row = (await findConnection(store, id))!;
        expect([row.status, row.credentials === null]).toEqual([isDown ? "pending" : "active", false]);
        expect(h.revoked()).not.toContain(wanted);
        h.vendor.isDown = false;
        if (isDown) await h.accounts.test(id);
        expect(await h.accounts.remove(id)).toEqual({ revoked: true });
        expect(h.revoked().at(-1)).toBe(wanted);
        await store.close();
      }
    }
  });
});
