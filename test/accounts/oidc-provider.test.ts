import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Provider } from "oidc-provider";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findConnection } from "../../runtime/model/connections.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, later, vendorServer } from "./harness.ts";

const CALLBACK = "https://app.example/integrations/v1/oauth/callback";

beforeAll(() => {
  // It remarks at length that its defaults are for development.
  for (const level of ["info", "warn"] as const) vi.spyOn(console, level).mockImplementation(() => {});
});
afterAll(() => void vi.restoreAllMocks());

/** A certified authorization server that rotates refresh tokens and ends the whole grant when an old one comes back. */
async function authorizationServer() {
  let tokenCalls = 0;
  const server = createServer((req, res) => {
    if (req.url === "/token") tokenCalls++;
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
        client_id: "client-1",
        client_secret: "client-secret-canary",
        redirect_uris: [CALLBACK],
        grant_types: ["authorization_code", "refresh_token"],
      },
    ],
    clientAuthMethods: ["client_secret_basic", "client_secret_post"],
    scopes: ["openid", "offline_access", "read", "write"],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    features: { devInteractions: { enabled: true }, revocation: { enabled: true } },
    findAccount: async (_ctx: unknown, id: string) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    cookies: { keys: ["k"] },
  });
  const handler = provider.callback();
  return { url, tokenCalls: () => tokenCalls };
}

/** A person in a browser: signs in, consents, and is sent back; gives the callback's parameters. */
async function consent(authorizeUrl: string): Promise<URLSearchParams> {
  const jar = new Map<string, string>();
  const browse = async (url: string, form?: Record<string, string>): Promise<Response> => {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie },
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair] = line.split(";");
      jar.set(pair!.split("=")[0]!, pair!.slice(pair!.indexOf("=") + 1));
    }
    return response;
  };
  let url = authorizeUrl;
  let form: Record<string, string> | undefined;
  for (let step = 0; step < 12; step++) {
    const response = await browse(url, form);
    const location = response.headers.get("location");
    form = undefined;
    if (location?.startsWith(CALLBACK)) return new URL(location).searchParams;
    if (location) {
      url = new URL(location, url).href;
      continue;
    }
    const page = await response.text();
    const prompt = /name="prompt" value="(\w+)"/.exec(page)?.[1];
    const action = /action="([^"]+)"/.exec(page)?.[1];
    if (!prompt || !action) throw new Error(`no form on ${url}: ${page.slice(0, 300)}`);
    url = new URL(action, url).href;
    form = prompt === "login" ? { prompt, login: "ada", password: "x" } : { prompt };
  }
  throw new Error("the authorization did not come to an end");
}

async function connectedAtProvider() {
  const server = await authorizationServer();
  const api = await vendorServer((request) => ({
    json: { email: "ada@x.example", sent: request.headers.authorization },
  }));
  const authentication = {
    ...acmeOAuth,
    authorizationParams: { prompt: "consent" },
    scopes: { openid: "Sign in", offline_access: "Stay signed in" },
  };
  const h = await harness([acme({ authentication })], {
    servers: {
      acme: {
        url: `${api.url}/v1`,
        authorizationUrl: `${server.url}/auth`,
        tokenUrl: `${server.url}/token`,
        revokeUrl: `${server.url}/token/revocation`,
      },
    },
  });
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  const { connection } = await h.accounts.finishOAuth(await consent(authorizeUrl!), SESSION);
  return { ...h, id, connection, server };
}

describe("against a certified authorization server with rotating refresh tokens", () => {
  it("a person connects with PKCE and consent", async () => {
    const { connection } = await connectedAtProvider();
    expect(connection).toMatchObject({
      status: "active",
      label: "ada@x.example",
      scopes: ["openid", "offline_access"],
    });
  });

  it("many renewals, each by many callers at once, never use a refresh token twice", async () => {
    const h = await connectedAtProvider();
    const before = h.server.tokenCalls();
    const processes = [h.accounts, h.another(), h.another()];
    for (let round = 1; round <= 4; round++) {
      h.clock.advance(2 * 3_600_000);
      const clients = await Promise.all(
        processes.flatMap((accounts) => [accounts.client(h.id), accounts.client(h.id)]),
      );
      expect(clients).toHaveLength(6);
      expect(h.server.tokenCalls()).toBe(before + round);
    }
    expect((await h.accounts.get(h.id)).status).toBe("active");
  });

  it("a store restored from before a renewal ends in one event, not in a loop", async () => {
    const h = await connectedAtProvider();
    const old = (await findConnection(h.db, h.id))!;
    h.clock.advance(2 * 3_600_000);
    await h.accounts.client(h.id);
    await h.db.run("update connections set credentials = ?, expires_at = ?, version = version + 1 where id = ?", [
      old.credentials,
      old.expiresAt,
      h.id,
    ]);
    const calls = h.server.tokenCalls();
    for (let i = 0; i < 3; i++)
      await expect(h.accounts.client(h.id)).rejects.toMatchObject({ code: "reauth_required" });
    expect(h.server.tokenCalls()).toBe(calls + 1);
    expect(h.events.map(({ type }) => type)).toEqual(["connection.active", "connection.reauth_required"]);
  });

  it("a removed connection's grant is given back", async () => {
    const h = await connectedAtProvider();
    const { credentials, user } = (await findConnection(h.db, h.id))!;
    const { refreshToken } = JSON.parse(
      h.vault.open(credentials!, { table: "connections", row: h.id, field: "credentials", user }),
    );
    await h.accounts.remove(h.id);
    const answer = await fetch(`${h.server.url}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        client_id: "client-1",
        client_secret: "client-secret-canary",
      }),
    });
    expect(await answer.json()).toMatchObject({ error: "invalid_grant" });
    await expect(h.accounts.get(h.id)).rejects.toMatchObject({
      code: "not_found",
      message: `Connection ${h.id} does not exist; list them to find the right id`,
    });
    expect(h.statuses.at(-1)).toMatchObject({ id: h.id, status: "removed" });
  });
});
