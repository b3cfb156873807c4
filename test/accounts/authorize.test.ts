import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { HooklineError } from "../../runtime/core/errors.ts";
import { oauthStates } from "../../runtime/model/oauth-states.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply, type Seen } from "./harness.ts";

interface Vendor {
  email?: string;
  token?: (request: Seen) => Reply | Promise<Reply>;
}

async function started(vendor: Vendor = {}) {
  const state = { email: "ada@x.example", ...vendor };
  const server = await vendorServer((request) => {
    if (request.url === "/token") {
      return (
        state.token?.(request) ?? {
          json: {
            access_token: "new-access-token",
            refresh_token: "new-refresh-token",
            token_type: "Bearer",
            expires_in: 3599,
            scope: "read write",
            locationId: "loc_1",
          },
        }
      );
    }
    return { json: { email: state.email } };
  });
  const h = await harness([acme({ authentication: acmeOAuth })], {
    url: server.url,
    returnOrigins: ["https://shop.example"],
  });
  const given = { connector: "acme", user: "u_1", returnTo: "https://shop.example/done" };
  const created = await h.accounts.create(given, {}, SESSION);
  const url = new URL(created.authorizeUrl!);
  return {
    ...h,
    id: created.id,
    created,
    url,
    vendor: state,
    tokenCalls: () => server.calls("/token"),
    seen: server.seen,
    callback: (more: Record<string, string> = {}) => ({
      state: url.searchParams.get("state")!,
      code: "the-code",
      ...more,
    }),
  };
}

describe("connecting by OAuth", () => {
  it("begins at the vendor with a random state and a S256 challenge", async () => {
    const { created, url } = await started();
    expect(created).toMatchObject({ status: "pending", connector: "acme", user: "u_1", label: null });
    expect(url.pathname).toBe("/authorize");
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: "code",
      client_id: "client-1",
      redirect_uri: "https://app.example/integrations/v1/oauth/callback",
      scope: "read write",
      access_type: "offline",
      code_challenge_method: "S256",
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
    });
  });

  it("ends with an active, tested and named connection, and goes back to where the person was", async () => {
    const h = await started();
    const { connection, returnTo } = await h.accounts.finishOAuth(h.callback(), SESSION);
    expect(connection).toMatchObject({
      id: h.id,
      status: "active",
      label: "ada@x.example",
      scopes: ["read", "write"],
      missingScopes: [],
      error: null,
    });
    expect(returnTo).toBe("https://shop.example/done");
    const sent = new URLSearchParams(h.tokenCalls()[0]!.body);
    expect(Object.fromEntries(sent)).toMatchObject({
      grant_type: "authorization_code",
      code: "the-code",
      redirect_uri: "https://app.example/integrations/v1/oauth/callback",
      client_id: "client-1",
      client_secret: "client-secret-canary",
    });
    const challenge = createHash("sha256").update(sent.get("code_verifier")!).digest("base64url");
    expect(challenge).toBe(h.url.searchParams.get("code_challenge"));
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active"]);
    expect((await h.accounts.client(h.id)).values).toMatchObject({ locationId: "loc_1", account: "ada@x.example" });
  });

  it("keeps neither state, session, verifier nor a link's token in clear", async () => {
    const h = await started();
    const { authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_2" });
    const rows = await h.db.all<{ sealed: Uint8Array }>("select * from oauth_states");
    const kept = rows.map((row) => JSON.stringify(row) + Buffer.from(row.sealed).toString("latin1")).join("");
    expect(rows).toHaveLength(2);
    await h.accounts.finishOAuth(h.callback(), SESSION);
    const verifier = new URLSearchParams(h.tokenCalls()[0]!.body).get("code_verifier")!;
    for (const secret of [h.url.searchParams.get("state")!, SESSION, verifier, authorizeUrl!.split("/").at(-1)!]) {
      expect(kept).not.toContain(secret);
    }
  });

  it("notes the scopes a person did not grant", async () => {
    const h = await started({
      token: () => ({ json: { access_token: "t-access-token", token_type: "Bearer", scope: "read" } }),
    });
    const { connection } = await h.accounts.finishOAuth(h.callback(), SESSION);
    expect(connection).toMatchObject({ status: "active", scopes: ["read"], missingScopes: ["write"] });
  });

  it("a strange id_token is no hindrance; a list of scopes and a missing token type neither", async () => {
    const h = await started({
      token: () => ({ status: 201, json: { access_token: "t-access-token", id_token: "not.a.jwt", scope: ["read"] } }),
    });
    expect((await h.accounts.finishOAuth(h.callback(), SESSION)).connection).toMatchObject({
      status: "active",
      scopes: ["read"],
    });
  });

  it("keeps the tokens when the test request fails for a while", async () => {
    const h = await started();
    h.vendor.email = undefined as never;
    expect((await h.accounts.finishOAuth(h.callback(), SESSION)).connection).toMatchObject({
      status: "active",
      label: null,
    });
  });
});

describe("a callback", () => {
  const stale = {
    code: "invalid_input",
    message: "OAuth: the link or state is unknown, used, or older than ten minutes; connect again",
  };

  it.each(["unknown-state", ""])("with the state %j is refused without a token call", async (state) => {
    const h = await started();
    await expect(h.accounts.finishOAuth(h.callback({ state }), SESSION)).rejects.toMatchObject(stale);
    expect(h.tokenCalls()).toHaveLength(0);
  });

  it("after ten minutes is refused", async () => {
    const h = await started();
    h.clock.advance(10 * 60_000 + 1);
    await expect(h.accounts.finishOAuth(h.callback(), SESSION)).rejects.toMatchObject(stale);
    expect(await h.accounts.purgeAuthorizations()).toBe(1);
  });

  it("within ten minutes is accepted", async () => {
    const h = await started();
    h.clock.advance(10 * 60_000);
    expect(await h.accounts.purgeAuthorizations()).toBe(0);
    expect((await h.accounts.finishOAuth(h.callback(), SESSION)).connection.status).toBe("active");
  });

  it("that is loaded twice, one after the other or at once, redeems its code once", async () => {
    const h = await started();
    const [a, b] = await Promise.all([
      h.accounts.finishOAuth(h.callback(), SESSION),
      h.accounts.finishOAuth(h.callback(), SESSION),
    ]);
    const c = await h.accounts.finishOAuth(h.callback(), SESSION);
    expect([a, b, c].map(({ connection }) => connection.status)).toEqual(["active", "active", "active"]);
    expect(h.tokenCalls()).toHaveLength(1);
    expect(h.events).toHaveLength(1);
  });

  it("that replays a used state with another code is refused", async () => {
    const h = await started();
    await h.accounts.finishOAuth(h.callback(), SESSION);
    await expect(h.accounts.finishOAuth(h.callback({ code: "another" }), SESSION)).rejects.toMatchObject(stale);
    expect(h.tokenCalls()).toHaveLength(1);
  });

  it("in another browser than the one that began is refused, and leaves it to the right one", async () => {
    const h = await started();
    const elsewhere = {
      code: "forbidden",
      message:
        "This authorization was begun in another browser. Finish it in the browser in which it was begun, or go back and connect again.",
    };
    await expect(h.accounts.finishOAuth(h.callback(), "session-of-somebody-else")).rejects.toMatchObject(elsewhere);
    await expect(h.accounts.finishOAuth(h.callback(), [])).rejects.toMatchObject(elsewhere);
    expect(h.tokenCalls()).toHaveLength(0);
    const { connection, account } = await h.accounts.finishOAuth(h.callback(), SESSION);
    expect([connection.status, account]).toEqual(["active", "ada@x.example"]);
  });

  it("for a connection of another user than who is there is refused, and leaves it to the right one", async () => {
    const h = await started();
    await expect(h.accounts.finishOAuth(h.callback(), SESSION, { user: "u_2" })).rejects.toMatchObject({
      code: "forbidden",
      message: "This link is for another user. Sign in as the user it was made for, or connect an account of your own.",
    });
    expect((await h.accounts.finishOAuth(h.callback(), SESSION, { user: "u_1" })).connection.status).toBe("active");
  });

  it("of an authorization that an earlier version began, bound to no browser, is refused", async () => {
    const h = await started();
    const [row] = await oauthStates.all(h.db, "");
    const place = { table: "oauth_states", row: row!.stateHash, field: "sealed" };
    const sealed = h.vault.seal(JSON.stringify({ verifier: "v", session: null }), place);
    await oauthStates.change(h.db, { sealed }, "state_hash = ?", [row!.stateHash]);
    await expect(h.accounts.finishOAuth(h.callback(), SESSION)).rejects.toMatchObject(stale);
    expect(h.tokenCalls()).toHaveLength(0);
  });

  it("of a denial that is loaded again does not pass for a success where the old credentials still work", async () => {
    const h = await started();
    await h.accounts.finishOAuth(h.callback(), SESSION);
    const { authorizeUrl } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    const denial = { state: new URL(authorizeUrl).searchParams.get("state")!, error: "access_denied" };
    await expect(h.accounts.finishOAuth(denial, SESSION)).rejects.toMatchObject({ code: "connection_rejected" });
    await expect(h.accounts.finishOAuth(denial, SESSION)).rejects.toMatchObject(stale);
  });

  it("from another issuer is refused (RFC 9207)", async () => {
    const h = await started();
    await expect(h.accounts.finishOAuth(h.callback({ iss: "https://evil.example" }), SESSION)).rejects.toMatchObject({
      code: "connection_rejected",
      message: "acme: the callback comes from another issuer; connect again",
    });
    expect(h.tokenCalls()).toHaveLength(0);
  });

  it("with access_denied leaves the connection pending and repeats nothing of what it carried", async () => {
    const h = await started();
    const error = await h.accounts
      .finishOAuth(
        {
          state: h.callback().state,
          error: "access_denied",
          error_description: "<script>alert(1)</script>",
        },
        SESSION,
      )
      .catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "connection_rejected",
      message: "acme: access was not granted; connect again and agree to what is asked",
      data: { error: "access_denied" },
    });
    expect(JSON.stringify(error)).not.toContain("script");
    expect((await h.accounts.get(h.id)).status).toBe("pending");
    await expect(h.accounts.client(h.id)).rejects.toMatchObject({
      code: "conflict",
      message: `${h.id} is not authorized yet; open its authorizeUrl first`,
    });
  });

  it("whose code the vendor refuses is a rejection, without the code in it", async () => {
    const h = await started({
      token: () => ({ status: 400, json: { error: "invalid_grant", error_description: "Bad code the-code" } }),
    });
    const error = await h.accounts.finishOAuth(h.callback(), SESSION).catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "connection_rejected",
      message: "acme: the vendor did not accept the authorization code; connect again",
    });
    expect((await h.accounts.get(h.id)).status).toBe("pending");
  });
});

describe("a token endpoint that quotes what it was sent", () => {
  it("puts neither code nor verifier into errors or the log", async () => {
    let sent = new URLSearchParams();
    const h = await started({
      token: ({ body }) => {
        sent = new URLSearchParams(body);
        return { status: 400, json: { error: "invalid_request", error_description: [...sent.values()].join(" ") } };
      },
    });
    const callback = h.callback({ code: "a-code-that-is-long-enough" });
    const error = await h.accounts.finishOAuth(callback, SESSION).catch((thrown: HooklineError) => thrown);
    expect(error).toMatchObject({ code: "connection_rejected" });
    const told = JSON.stringify([error, (error as HooklineError).data, h.logged]);
    for (const name of ["code", "code_verifier"]) expect(told).not.toContain(sent.get(name)!);
  });
});

describe("reconnecting", () => {
  it("keeps the connection's id and makes it active again", async () => {
    const h = await started();
    await h.accounts.finishOAuth(h.callback(), SESSION);
    const { authorizeUrl } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    await h.accounts.finishOAuth(
      { state: new URL(authorizeUrl).searchParams.get("state")!, code: "second-code" },
      SESSION,
    );
    expect(await h.accounts.get(h.id)).toMatchObject({ id: h.id, status: "active" });
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active", "connection.active"]);
  });

  it("does not put another account in the place of the first", async () => {
    const h = await started();
    await h.accounts.finishOAuth(h.callback(), SESSION);
    h.vendor.email = "eve@x.example";
    const { authorizeUrl } = await h.accounts.reconnect(h.id, {}, {}, SESSION);
    await expect(
      h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "c2" }, SESSION),
    ).rejects.toMatchObject({
      code: "account_mismatch",
      message: expect.stringContaining(
        `${h.id} belongs to another account of the vendor, and what it had stays as it was`,
      ),
    });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active", label: "ada@x.example" });
  });
});

describe("the session of a host that finishes by itself", () => {
  it.each(["", "u_1", "fifteen letters"])("%j is refused: it could be guessed", async (session) => {
    const h = await started();
    await expect(h.accounts.create({ connector: "acme", user: "u_2" }, {}, session)).rejects.toMatchObject({
      code: "invalid_input",
      message: "session: must be a secret of the person's own browser, of at least 16 characters, such as a session id",
    });
    expect((await h.accounts.list({ user: "u_2" })).data).toEqual([]);
  });

  it("of sixteen characters is taken", async () => {
    const h = await started();
    const { authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_2" }, {}, "sixteen letters!");
    expect(new URL(authorizeUrl!).pathname).toBe("/authorize");
  });
});

describe("the address to return to", () => {
  it.each([
    "https://evil.example/",
    "https://shop.example.evil.example/",
    "javascript:alert(1)",
    "//evil.example",
    "https://u:p@shop.example/",
    "nonsense",
  ])("%s is refused before anything is stored", async (returnTo) => {
    const { accounts } = await started();
    await expect(accounts.create({ connector: "acme", user: "u_2", returnTo })).rejects.toMatchObject({
      code: "invalid_url",
      message:
        "returnTo must lead to one of https://app.example, https://shop.example; add its origin to returnOrigins",
    });
    expect((await accounts.list({ user: "u_2" })).data).toEqual([]);
  });
});
