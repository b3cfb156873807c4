import { describe, expect, it } from "vitest";
import { LONGEST_SECONDS } from "../../../runtime/accounts/lifetime.ts";
import { createOAuth } from "../../../runtime/accounts/oauth.ts";
import { findConnection } from "../../../runtime/model/connections.ts";
import type { Manifest } from "../../../schemas/manifest.ts";
import { SESSION } from "../../fixtures/browser.ts";
import { acme, acmeOAuth, type Reply, type Seen } from "../harness.ts";
import { faultsOf, fixtureWith, kindWith } from "./kind.ts";
import { GET, HOUR, SEND } from "./reissued.ts";

const oauthWith = (parts: object): Manifest =>
  acme({
    authentication: { ...acmeOAuth, capture: undefined, ...parts } as never,
    server: { url: "https://api.acme.example/v1" },
  });
const me = { json: { email: "ada@x.example" } };

/** A person connects at a vendor whose token endpoint answers so, the first time and later. */
async function authorized(parts: object, token: (request: Seen, n: number) => Reply) {
  let calls = 0;
  const h = await kindWith(oauthWith(parts), (request) =>
    request.url === "/token" || request.url === "/refresh" ? token(request, ++calls) : me,
  );
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  const address = new URL(authorizeUrl!);
  const state = address.searchParams.get("state")!;
  const finished = async () => (await h.accounts.finishOAuth({ state, code: "code-canary-1" }, SESSION)).connection;
  const send = async () => {
    await (await h.accounts.client(id)).send(GET, SEND);
    return h.vendor.seen.at(-1)!.headers;
  };
  return { ...h, id, address, finished, send, calls: () => calls };
}

const standard = { access_token: "app-token-canary", token_type: "Bearer", expires_in: 60 };
const nested = (n: number, more: object = {}): Reply => ({
  json: {
    ...standard,
    ok: true,
    token_type: "bot",
    scope: "bot",
    authed_user: {
      access_token: `user-token-${n}`,
      refresh_token: `user-refresh-${n}`,
      scope: "read,write",
      expires: "7200",
      ...more,
    },
  },
});
const NESTED = {
  accessToken: "$response.body#/authed_user/access_token",
  refreshToken: "$response.body#/authed_user/refresh_token",
  scope: "$response.body#/authed_user/scope",
  expiresIn: "$response.body#/authed_user/expires",
};

describe("a token answer", () => {
  it("that has its token in an object is read there, and there only", async () => {
    const h = await authorized({ tokenAnswer: NESTED }, (_request, n) => nested(n));
    expect(await h.finished()).toMatchObject({ status: "active", scopes: ["read", "write"] });
    expect((await findConnection(h.db, h.id))!.expiresAt).toBe(h.clock.now() + 2 * HOUR);
    expect((await h.send()).authorization).toBe("Bearer user-token-1");
    h.clock.advance(2 * HOUR);
    expect((await h.send()).authorization).toBe("Bearer user-token-2");
    expect(new URLSearchParams(h.vendor.calls("/token")[1]!.body).get("refresh_token")).toBe("user-refresh-1");
  });

  it.each<[string, object]>([
    ["is missing", { access_token: undefined }],
    ["is empty", { access_token: "" }],
    ["is null", { access_token: null }],
    ["is an object", { access_token: {} }],
  ])("whose declared token %s connects nothing, whatever else it has", async (_what, more) => {
    const h = await authorized({ tokenAnswer: NESTED }, (_request, n) => nested(n, more));
    await expect(h.finished()).rejects.toMatchObject({ code: "connection_rejected" });
    expect((await h.accounts.get(h.id)).status).toBe("pending");
  });

  it("that no longer has a refresh token keeps the one before", async () => {
    const h = await authorized({ tokenAnswer: NESTED }, (_request, n) =>
      nested(n, n === 2 ? { refresh_token: undefined } : {}),
    );
    await h.finished();
    for (let round = 0; round < 2; round++) {
      h.clock.advance(2 * HOUR);
      await h.send();
    }
    const used = h.vendor.calls("/token").map(({ body }) => new URLSearchParams(body).get("refresh_token"));
    expect(used).toEqual([null, "user-refresh-1", "user-refresh-1"]);
  });

  it.each<[string, object, (now: number) => object, number | null]>([
    [
      "a time in seconds",
      { expiresAt: "$response.body#/ends" },
      (now) => ({ ends: Math.floor(now / 1000) + 90 }),
      90_000,
    ],
    [
      "a time as text",
      { expiresAt: "$response.body#/ends" },
      (now) => ({ ends: new Date(now + 90_000).toISOString() }),
      90_000,
    ],
    ["no time, and what is documented", { expiresAt: "$response.body#/ends", expiresIn: 60 }, () => ({}), 60_000],
    ["no time, which is not never", { expiresAt: "$response.body#/ends" }, () => ({ expires_in: undefined }), null],
    ["seconds as text", {}, () => ({ expires_in: "90" }), 90_000],
    ["no seconds", {}, () => ({ expires_in: undefined }), null],
    ["nought", {}, () => ({ expires_in: 0 }), null],
    ["a hundred years", {}, () => ({ expires_in: LONGEST_SECONDS }), LONGEST_SECONDS * 1000],
    ["more than anybody means", {}, () => ({ expires_in: LONGEST_SECONDS + 1 }), null],
    ["more than a store can hold", {}, () => ({ expires_in: 9e15 }), null],
    ["more than any number is", {}, () => ({ expires_in: 1e300 }), null],
    ["no number of seconds", {}, () => ({ expires_in: true }), null],
    ["a time that no calendar has", { expiresAt: "$response.body#/ends" }, () => ({ ends: 9e18 }), null],
    ["seconds elsewhere", { expiresIn: "$response.body#/ttl" }, () => ({ ttl: "90" }), 90_000],
  ])("ends by %s", async (_what, places, fields, ms) => {
    const tokenAnswer = Object.keys(places).length > 0 ? places : undefined;
    const h = await authorized({ tokenAnswer }, () => ({
      json: { ...standard, refresh_token: "r-1-canary", ...fields(h.clock.now()) },
    }));
    // Some of the forms have whole seconds only.
    h.clock.set(Math.floor(h.clock.now() / 1000) * 1000);
    await h.finished();
    const { expiresAt } = (await findConnection(h.db, h.id))!;
    expect(expiresAt).toBe(ms === null ? null : h.clock.now() + ms);
  });

  it.each<[string, Reply, object]>([
    ["an error with 200", { json: { ok: false, error: "invalid_code" } }, { status: 200, error: "invalid_code" }],
    [
      "an error with 200 beside a token",
      { json: { ...standard, ok: false, error: "invalid_code" } },
      { status: 200, error: "invalid_code" },
    ],
    ["nothing", { json: {} }, { status: 200 }],
    ["a page", { text: "<html>" }, { status: 200 }],
  ])("that is %s connects nothing", async (_what, answer, vendor) => {
    const errors = [{ class: "authRevoked" as const, when: "body.ok == `false`", scope: "token" as const }];
    let calls = 0;
    const h = await kindWith({ ...oauthWith({}), errors }, ({ url }) => (url === "/token" ? (calls++, answer) : me));
    const { authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
    const state = new URL(authorizeUrl!).searchParams.get("state")!;
    await expect(h.accounts.finishOAuth({ state, code: "c" }, SESSION)).rejects.toMatchObject({
      code: "connection_rejected",
      data: { vendor },
    });
    expect(calls).toBe(1);
  });

  it("that says with 200 that the grant is gone ends the connection at its renewal", async () => {
    const errors = [{ class: "authRevoked" as const, when: "body.ok == `false`", scope: "token" as const }];
    let calls = 0;
    const answers: Reply[] = [
      { json: { ...standard, ok: true, refresh_token: "r-canary-1" } },
      { json: { ok: false, error: "token_revoked" } },
    ];
    const h = await kindWith({ ...oauthWith({}), errors }, ({ url }) => (url === "/token" ? answers[calls++]! : me));
    const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
    const state = new URL(authorizeUrl!).searchParams.get("state")!;
    await h.accounts.finishOAuth({ state, code: "c" }, SESSION);
    h.clock.advance(HOUR);
    await expect(h.accounts.client(id)).rejects.toMatchObject({
      code: "reauth_required",
      message: "acme: the token endpoint answered 200 token_revoked; the grant is gone; a person has to reconnect",
    });
    expect((await h.accounts.get(id)).status).toBe("reauth_required");
  });
});

describe("a token request", () => {
  const both = (parts: object) =>
    authorized(parts, (_request, n) => ({
      json: { ...standard, access_token: `access-token-${n}`, expires_in: 3600, refresh_token: `refresh-token-${n}` },
    }));

  it("is JSON where the vendor wants it", async () => {
    const h = await both({ tokenRequest: "json", tokenParams: { audience: "a" } });
    await h.finished();
    const [{ headers, body }] = h.vendor.calls("/token") as [Seen];
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(body)).toMatchObject({
      grant_type: "authorization_code",
      code: "code-canary-1",
      client_id: "client-1",
      audience: "a",
    });
  });

  it("has the vendor's names, as the authorization URL has", async () => {
    const h = await both({ parameterNames: { client_id: "client_key", scope: "scopes" } });
    expect([h.address.searchParams.get("client_key"), h.address.searchParams.get("client_id")]).toEqual([
      "client-1",
      null,
    ]);
    expect(h.address.searchParams.get("scopes")).toBe("read write");
    await h.finished();
    const sent = new URLSearchParams(h.vendor.calls("/token")[0]!.body);
    expect([sent.get("client_key"), sent.get("client_id")]).toEqual(["client-1", null]);
  });

  it("for a renewal goes to the address declared for it, unless the operator has another", async () => {
    const parts = { refreshUrl: "https://auth.acme.example/refresh" };
    const h = await both(parts);
    await h.finished();
    h.clock.advance(2 * HOUR);
    await h.send();
    // The double stands for both: tokens never go to the real vendor from it.
    expect(h.vendor.calls("/token")).toHaveLength(2);
    expect(await faultsOf(oauthWith(parts))).toEqual([]);
    expect(await faultsOf(oauthWith({ refreshUrl: "https://evil.example/refresh" }))).toEqual([
      expect.stringMatching(/^#\/authentication\/refreshUrl: "evil\.example" is not in allowedHosts/),
    ]);
  });

  it("for a renewal leaves for the declared address where nothing stands for it", async () => {
    const asked: string[] = [];
    const network = {
      request: async (url: URL) => {
        asked.push(url.href);
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(standard)) };
      },
    } as never;
    const authentication = { ...acmeOAuth, refreshUrl: "https://auth.acme.example/refresh" };
    const client = { clientId: "client-1", clientSecret: "client-secret-canary" };
    const oauth = createOAuth({
      connector: "acme",
      authentication,
      answer: undefined,
      client,
      redirectUri: "https://app.example/callback",
      network,
      assertHost: () => {},
      classify: () => undefined,
      now: Date.now,
    });
    await oauth.refresh("refresh-token-canary");
    await oauth.exchange(new URLSearchParams({ code: "code-canary-2" }), "verifier-canary");
    expect(asked).toEqual(["https://auth.acme.example/refresh", "https://auth.acme.example/token"]);
  });

  it("separates scopes as declared, and understands both ways in answers", async () => {
    const h = await authorized({ scopeSeparator: ";" }, () => ({ json: { ...standard, scope: "read;write" } }));
    expect(h.address.searchParams.get("scope")).toBe("read;write");
    expect((await h.finished()).scopes).toEqual(["read", "write"]);
  });

  it("asks for no scope where the vendor knows none", async () => {
    const manifest = oauthWith({ scopes: {} });
    expect(await faultsOf(manifest)).toEqual([]);
    const h = await both({ scopes: {} });
    expect(h.address.searchParams.has("scope")).toBe(false);
    expect(await h.finished()).toMatchObject({ status: "active", scopes: [], missingScopes: [] });
  });
});

describe("a token that is presented otherwise", () => {
  it("goes into its declared header, and into no other", async () => {
    const h = await authorized({ present: { headers: { "X-Shop-Token": "$accessToken" } } }, () => ({
      json: standard,
    }));
    await h.finished();
    const headers = await h.send();
    expect([headers["x-shop-token"], headers.authorization]).toEqual(["app-token-canary", undefined]);
  });

  it.each<[string, object, RegExp]>([
    [
      "that carries no token",
      { present: { headers: { "X-A": "a" } } },
      /^#\/authentication\/present: does not carry the token/,
    ],
    [
      "that reads credentials",
      { present: { headers: { "X-A": "$credentials.a{$accessToken}" } } },
      /^#\/authentication\/present\/headers\/X-A: /,
    ],
    ["of an unknown separator", { scopeSeparator: "" }, /^#\/authentication\/scopeSeparator: must be one of/],
    ["of an unknown name", { parameterNames: { clientId: "x" } }, /^#\/authentication\/parameterNames/],
    [
      "whose token is nowhere",
      { tokenAnswer: { accessToken: "access_token" } },
      /^#\/authentication\/tokenAnswer\/accessToken: must match/,
    ],
    [
      "whose token is in a request",
      { tokenAnswer: { accessToken: "$input.a" } },
      /^#\/authentication\/tokenAnswer\/accessToken: .*unknown root "\$input"/,
    ],
  ])("is a fault in a manifest %s", async (_what, parts, fault) => {
    expect(await faultsOf(oauthWith(parts))).toContainEqual(expect.stringMatching(fault));
  });
});

describe("client credentials at a vendor with ways of its own", () => {
  it("are sent as JSON, and their token is found where it is", async () => {
    const manifest = await fixtureWith("client-credentials", {
      clientAuthentication: "body",
      tokenRequest: "json",
      tokenParams: { resource: ["a", "b"] },
      tokenAnswer: { accessToken: "$response.body#/data/token", expiresAt: "$response.body#/data/until" },
      present: { headers: { "X-Token": "Key {$accessToken}" } },
      capture: undefined,
    });
    expect(await faultsOf(manifest)).toEqual([]);
    const h = await kindWith(manifest, ({ url }) =>
      url === "/token"
        ? { json: { data: { token: 4711, until: new Date(h.clock.now() + 2 * HOUR).toISOString() } } }
        : { json: { id: "a_1", name: "Ada" } },
    );
    const credentials = { clientId: "client-7", clientSecret: "client-secret-canary-0123456789" };
    await h.accounts.create({ connector: manifest.name, user: "u_1", credentials });
    expect(JSON.parse(h.vendor.calls("/token")[0]!.body)).toMatchObject({
      client_id: "client-7",
      resource: ["a", "b"],
    });
    expect(h.vendor.calls("/v1/account")[0]!.headers).toMatchObject({ "x-token": "Key 4711" });
  });
});
