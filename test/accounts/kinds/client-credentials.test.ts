import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findConnection } from "../../../runtime/model/connections.ts";
import { harness, later, vendorServer, type Reply, type Seen } from "../harness.ts";
import { faultsOf, fixture, fixtureWith, kindWith } from "./kind.ts";
import { HOUR, issuesByRound, ONCE_EACH, reissuing, SEND, GET, storeOf, STORES, type Reissued } from "./reissued.ts";

const NAME = "client-credentials-kind";
const RESOURCE = "https://api.client.example/v1";
const given = { clientId: "client-7", clientSecret: "client-secret-canary-0123456789" };

beforeAll(() => {
  // It remarks at length that its defaults are for development.
  for (const level of ["info", "warn"] as const) vi.spyOn(console, level).mockImplementation(() => {});
});
afterAll(() => void vi.restoreAllMocks());

/** A certified authorization server with one client. */
async function authorizationServer() {
  let calls = 0;
  const server = createServer((req, res) => {
    if (req.url === "/token") calls++;
    void handler(req, res);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  later(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider = new Provider(url, {
    clients: [
      {
        client_id: given.clientId,
        client_secret: given.clientSecret,
        redirect_uris: [],
        response_types: [],
        grant_types: ["client_credentials"],
        token_endpoint_auth_method: "client_secret_basic",
        scope: "read",
      },
    ],
    scopes: ["read"],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: async (_ctx: unknown, audience: string) => ({
          scope: "read",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    cookies: { keys: ["k"] },
  });
  const handler = provider.callback();
  const keys = createRemoteJWKSet(new URL(`${url}/jwks`));
  const payloadOf = async ({ headers }: Seen) => {
    const token = headers.authorization!.replace(/^Bearer /, "");
    return (await jwtVerify(token, keys, { issuer: url, audience: RESOURCE })).payload;
  };
  return { url, calls: () => calls, payloadOf };
}

async function atProvider(credentials: Record<string, unknown> = given) {
  const server = await authorizationServer();
  const seen: unknown[] = [];
  const api = async (request: Seen): Promise<Reply> => {
    seen.push(await server.payloadOf(request));
    return { json: { id: "a_1", name: "Ada" } };
  };
  const vendor = await vendorServer(api);
  const servers = { [NAME]: { url: `${vendor.url}/v1`, tokenUrl: `${server.url}/token` } };
  const h = await harness([await fixture("client-credentials")], { servers });
  const made = await h.accounts.create({ connector: NAME, user: "u_1", credentials });
  return { ...h, made, server, seen };
}

describe("client credentials at a certified authorization server", () => {
  it("get a token of the declared scopes for the declared resource", async () => {
    const { made, seen } = await atProvider();
    expect(made).toMatchObject({ status: "active", label: "Ada", authType: "clientCredentials", scopes: ["read"] });
    expect(seen).toEqual([expect.objectContaining({ aud: RESOURCE, client_id: given.clientId, scope: "read" })]);
  });

  it("that are wrong connect nothing", async () => {
    const wrong = { ...given, clientSecret: "another-secret-0123456789" };
    await expect(atProvider(wrong)).rejects.toMatchObject({
      code: "connection_rejected",
      message: `${NAME}: the vendor does not accept the credentials; check them and try again`,
      data: { vendor: { status: 401, error: "invalid_client" } },
    });
  });

  it("are used once for each expiry, and no refresh token is", async () => {
    const h = await atProvider();
    for (let round = 2; round <= 4; round++) {
      h.clock.advance(HOUR);
      await Promise.all([1, 2, 3].map(async () => (await h.accounts.client(h.made.id)).send(GET, SEND)));
      expect(h.server.calls()).toBe(round);
    }
  });
});

const issued = (n: number, more: object = {}): Reply => ({
  json: { access_token: `access-token-${n}`, token_type: "bearer", expires_in: 3600, instance: `eu-${n}`, ...more },
});
const playing = async (more: Partial<Reissued> = {}): Promise<Reissued> => ({
  manifest: await fixture("client-credentials"),
  credentials: given,
  issue: ({ url }, n) => (url === "/token" ? issued(n) : undefined),
  carries: ({ headers }, n) => headers.authorization === `Bearer access-token-${n}`,
  ...more,
});

describe("client credentials", () => {
  it("have a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("client-credentials"))).toEqual([]);
  });

  it.each(STORES)("issue one token for each expiry to many callers in several processes, on %s", async (kind) => {
    const h = await reissuing(await playing({ options: { db: await storeOf(kind) } }));
    expect(await issuesByRound(h, () => h.clock.advance(HOUR))).toEqual(ONCE_EACH);
  });

  it.each(STORES)("issue one token for each that the vendor refuses, on %s", async (kind) => {
    const options = { db: await storeOf(kind) };
    let refused = 0;
    const h = await reissuing(
      await playing({
        options,
        carries: ({ headers }, n) => n > refused && headers.authorization === `Bearer access-token-${n}`,
      }),
    );
    expect(await issuesByRound(h, () => void (refused = h.state.issued))).toEqual(ONCE_EACH);
  });

  it("give up after one new token that is refused too, and stay connected", async () => {
    const h = await reissuing(await playing());
    h.state.isAccepting = false;
    await expect(h.send()).rejects.toMatchObject({ class: "authExpired" });
    expect(h.state.issued).toBe(2);
    expect((await h.accounts.get(h.id)).status).toBe("active");
  });

  it("renew through the passthrough and the test as well", async () => {
    const h = await reissuing(await playing());
    h.clock.advance(2 * HOUR);
    const answer = await h.actions.passthrough(h.id, { method: "GET", target: "things" });
    answer.body.destroy();
    expect([answer.status, h.state.issued]).toEqual([200, 2]);
    h.clock.advance(2 * HOUR);
    expect(await h.accounts.test(h.id)).toMatchObject({ status: "active" });
    expect(h.state.issued).toBe(3);
  });

  it("wait 30 s after an answer that may pass, whatever it was, and lose nothing", async () => {
    let isDown = false;
    const h = await reissuing(
      await playing({
        issue: ({ url }, n) => (url !== "/token" ? undefined : isDown ? { status: 503, json: {} } : issued(n)),
      }),
    );
    h.clock.advance(2 * HOUR);
    isDown = true;
    await expect(h.send()).rejects.toMatchObject({ code: "vendor_error" });
    isDown = false;
    h.clock.advance(29_999);
    await expect(h.send()).rejects.toMatchObject({ code: "network", retry: { after: 1 } });
    h.clock.advance(1);
    expect((await h.send()).status).toBe(200);
  });

  it("of a connection that are refused need others; the same again once the vendor takes them again", async () => {
    let isRefused = false;
    const refusal = { status: 401, json: { error: "invalid_client", error_description: "no such client" } };
    const h = await reissuing(
      await playing({ issue: ({ url }, n) => (url !== "/token" ? undefined : isRefused ? refusal : issued(n)) }),
    );
    h.clock.advance(2 * HOUR);
    isRefused = true;
    await expect(h.send()).rejects.toMatchObject({
      code: "reauth_required",
      message: `${NAME}: the token endpoint answered 401 invalid_client; the credentials are not accepted; a person has to reconnect with others`,
    });
    await expect(h.send()).rejects.toMatchObject({ code: "reauth_required" });
    expect(h.state.issued).toBe(2);
    await expect(h.accounts.test(h.id)).rejects.toMatchObject({ code: "connection_rejected" });
    isRefused = false;
    expect(await h.accounts.test(h.id)).toMatchObject({ status: "active", error: null });
    expect((await h.send()).status).toBe(200);
    expect(h.events.map(({ type }) => type)).toEqual([
      "connection.active",
      "connection.reauth_required",
      "connection.active",
    ]);
  });

  it("of the operator that are refused are the operator's to correct, and lose no connection", async () => {
    let isRefused = false;
    const h = await reissuing(
      await playing({
        manifest: await fixtureWith("client-credentials", { client: "operator", clientAuthentication: "body" }),
        credentials: {},
        options: { clients: { [NAME]: { ...given, scopes: ["read"] } } },
        issue: ({ url }, n) =>
          url !== "/token" ? undefined : isRefused ? { status: 401, json: { error: "invalid_client" } } : issued(n),
      }),
    );
    const first = new URLSearchParams(h.vendor.calls("/token")[0]!.body);
    expect(Object.fromEntries(first)).toEqual({
      grant_type: "client_credentials",
      client_id: given.clientId,
      client_secret: given.clientSecret,
      scope: "read",
      resource: RESOURCE,
    });
    h.clock.advance(2 * HOUR);
    isRefused = true;
    await expect(h.send()).rejects.toMatchObject({
      code: "vendor_error",
      message: expect.stringContaining("check the client id and secret in clients"),
    });
    expect((await h.accounts.get(h.id)).status).toBe("active");
  });

  it("ask for no scope of the operator's client that is not registered, and say when there is no client", async () => {
    const manifest = await fixtureWith("client-credentials", { client: "operator" });
    const h = await reissuing(
      await playing({ manifest, credentials: {}, options: { clients: { [NAME]: { ...given, scopes: [] } } } }),
    );
    expect(new URLSearchParams(h.vendor.calls("/token")[0]!.body).has("scope")).toBe(false);
    await expect(
      reissuing(await playing({ manifest, credentials: {}, options: { clients: {} } })),
    ).rejects.toMatchObject({
      code: "invalid_config",
      message: `clients.${NAME}: no OAuth client is configured; register one at the vendor and set its id and secret`,
    });
  });

  it("send lists of parameters one by one, and what people gave", async () => {
    const manifest = await fixtureWith("client-credentials", {
      tokenParams: {
        resource: ["https://a.example", "https://{$connection.site}.example"],
        audience: "$connection.none",
      },
      connectionInput: { type: "object", properties: { site: { type: "string" } } },
    });
    const h = await reissuing(await playing({ manifest, inputs: { site: "b" } }));
    const sent = new URLSearchParams(h.vendor.calls("/token")[0]!.body);
    expect([sent.getAll("resource"), sent.has("audience")]).toEqual([
      ["https://a.example", "https://b.example"],
      false,
    ]);
  });

  it("keep what is captured of the token answer, and never the secret or the token in clear", async () => {
    const h = await reissuing(await playing());
    const row = (await findConnection(h.db, h.id))!;
    expect(row.captured).toEqual({ instance: "eu-1" });
    const shown = JSON.stringify([await h.db.all("select * from connections"), h.logged, await h.accounts.get(h.id)]);
    for (const secret of [given.clientSecret, "access-token-1"]) expect(shown).not.toContain(secret);
  });

  it("are removed without a word to the vendor, which has no grant to end", async () => {
    const h = await reissuing(await playing());
    const before = h.vendor.seen.length;
    expect(await h.accounts.remove(h.id)).toEqual({ revoked: null });
    expect(h.vendor.seen).toHaveLength(before);
    expect(h.statuses.at(-1)).toMatchObject({ id: h.id, status: "removed" });
  });

  it.each<[string, object, RegExp]>([
    [
      "a token URL elsewhere",
      { tokenUrl: "https://evil.example/token" },
      /^#\/authentication\/tokenUrl: "evil\.example" is not in allowedHosts/,
    ],
    [
      "a parameter from an answer",
      { tokenParams: { a: "$response.body#/a" } },
      /^#\/authentication\/tokenParams\/a: .*Allowed here: \$connection$/,
    ],
    [
      "a page for people",
      { authorizationUrl: "https://auth.client.example/" },
      /^#\/authentication\/authorizationUrl: unknown property/,
    ],
    ["no token URL", { tokenUrl: undefined }, /^#\/authentication\/tokenUrl: is required/],
  ])("are a fault in a manifest with %s", async (_what, parts, fault) => {
    expect(await faultsOf(await fixtureWith("client-credentials", parts))).toEqual([expect.stringMatching(fault)]);
  });
});

describe("new credentials of a connection", () => {
  const accounts: Record<string, string> = { "client-7": "a_1", "client-8": "a_1", "client-9": "a_2" };
  async function connected() {
    const clientOf = ({ headers }: Seen) =>
      Buffer.from(headers.authorization!.slice(6), "base64").toString().split(":")[0]!.replaceAll("%2D", "-");
    const state = { isRefused: false, isDown: false };
    const h = await kindWith(await fixture("client-credentials"), (request) => {
      if (request.url === "/token")
        return state.isRefused
          ? { status: 400, json: { error: "invalid_client" } }
          : issued(1, { access_token: `token-of-${clientOf(request)}` });
      if (state.isDown) return { status: 503, json: {} };
      const client = request.headers.authorization!.slice("Bearer token-of-".length);
      return { json: { id: accounts[client], name: client } };
    });
    const { id } = await h.accounts.create({ connector: NAME, user: "u_1", credentials: given });
    const token = async () =>
      (await h.accounts.client(id)).send(GET, SEND).then(({ body }) => (body as { name: string }).name);
    return { ...h, id, state, token };
  }
  const other = (clientId: string) => ({ ...given, clientId });

  it("are taken where they lead to the same account", async () => {
    const h = await connected();
    expect(await h.accounts.update(h.id, { credentials: other("client-8") })).toMatchObject({
      id: h.id,
      status: "active",
      label: "client-8",
    });
    expect(await h.token()).toBe("client-8");
    expect(h.statuses.at(-1)).not.toHaveProperty("moved");
  });

  it("are refused where they lead to another one, unless it is to move", async () => {
    const h = await connected();
    await expect(h.accounts.update(h.id, { credentials: other("client-9") })).rejects.toMatchObject({
      code: "account_mismatch",
      message: expect.stringContaining('give {"account": "move"} beside the credentials'),
    });
    expect(await h.token()).toBe("client-7");
    await h.accounts.update(h.id, { credentials: other("client-9"), account: "move" });
    expect(await h.token()).toBe("client-9");
    expect(h.statuses.at(-1)).toMatchObject({ id: h.id, moved: true });
  });

  it("are not taken while the vendor proves nothing, and what was there stays", async () => {
    const h = await connected();
    h.state.isDown = true;
    await expect(h.accounts.update(h.id, { credentials: other("client-8") })).rejects.toMatchObject({
      code: "account_unproved",
    });
    h.state.isDown = false;
    expect(await h.token()).toBe("client-7");
    h.state.isRefused = true;
    await expect(h.accounts.update(h.id, { credentials: other("client-8") })).rejects.toMatchObject({
      code: "connection_rejected",
    });
    h.state.isRefused = false;
    expect(await h.token()).toBe("client-7");
  });

  it("bring back a connection that was lost", async () => {
    const h = await connected();
    h.state.isRefused = true;
    h.clock.advance(2 * HOUR);
    await expect(h.token()).rejects.toMatchObject({ code: "reauth_required" });
    h.state.isRefused = false;
    expect(await h.accounts.update(h.id, { credentials: other("client-8") })).toMatchObject({
      status: "active",
      error: null,
    });
  });

  it("are checked like those of a new one", async () => {
    const h = await connected();
    await expect(h.accounts.update(h.id, { credentials: { clientId: "x", key: "y" } })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/credentials/clientSecret", message: "is required, as text" },
        { pointer: "/credentials/key", message: "unknown property; clientCredentials takes clientId, clientSecret" },
      ],
    });
    await expect(h.accounts.reconnect(h.id)).rejects.toMatchObject({
      code: "conflict",
      message: `${h.id} is connected by clientCredentials, not by OAuth; give it new credentials: PATCH /v1/connections/${h.id} {"credentials": {…}}`,
    });
  });
});
