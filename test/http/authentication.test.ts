import { SignJWT } from "jose";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { ADMIN, makeApi } from "./compose.ts";

describe("authentication", () => {
  it("asks for a key when there is none", async () => {
    const { ask } = await makeApi();
    const { status, body, headers } = await ask("GET", "/v1/connections", { token: null });
    expect([status, body.code, headers.get("www-authenticate")]).toEqual([
      401,
      "unauthenticated",
      'Bearer realm="hookline"',
    ]);
    expect(body.detail).toBe(
      "The API key or user token is missing, invalid or expired; send a valid one as Authorization: Bearer <key>",
    );
  });

  it.each([
    [15, 1],
    [16, 0],
  ])("reports a configured key of %i characters %i times as one that can be guessed", async (length, times) => {
    const lines: string[] = [];
    const logger = pino({ level: "warn" }, { write: (line) => void lines.push(line) });
    const { ask } = await makeApi({ apiKey: "k".repeat(length), logger });
    await ask("GET", "/v1/connections", { token: "k".repeat(length) });
    expect(lines.filter((line) => line.includes("short enough to be guessed"))).toHaveLength(times);
  });

  it("takes stored keys, shown once, until they are withdrawn", async () => {
    const { ask, must } = await makeApi();
    const made = await must("POST", "/v1/api-keys", { body: { name: "ci" } });
    expect(made.key).toMatch(/^hl_[0-9a-f]{32}_[\w-]{43}$/);
    expect((await ask("GET", "/v1/connections", { token: made.key })).status).toBe(200);
    const { data } = await must("GET", "/v1/api-keys");
    expect(data).toEqual([expect.objectContaining({ id: made.id, name: "ci", revokedAt: null })]);
    expect(JSON.stringify(data)).not.toContain(made.key.slice(-43));
    expect((await ask("DELETE", `/v1/api-keys/${made.id}`)).status).toBe(204);
    expect((await ask("GET", "/v1/connections", { token: made.key })).status).toBe(401);
    expect((await ask("DELETE", `/v1/api-keys/${made.id}`)).status).toBe(404);
  });

  it("takes no stored key with another secret", async () => {
    const { ask, must } = await makeApi();
    const { key } = await must("POST", "/v1/api-keys", { body: { name: "ci" } });
    const other = key.slice(0, -1) + (key.endsWith("A") ? "B" : "A");
    expect((await ask("GET", "/v1/connections", { token: other })).status).toBe(401);
  });

  it("takes user tokens for fifteen minutes", async () => {
    const clock = new ManualClock(Date.now());
    const { ask, must } = await makeApi({ clock });
    const { token, expiresAt, user } = await must("POST", "/v1/users/u_1/tokens");
    expect([user, Math.round((Date.parse(expiresAt) - clock.now()) / 60_000)]).toEqual(["u_1", 15]);
    clock.advance(14 * 60_000);
    expect((await ask("GET", "/v1/connections", { token })).status).toBe(200);
    clock.advance(2 * 60_000);
    const { status, body } = await ask("GET", "/v1/connections", { token });
    expect([status, body.code]).toEqual([401, "unauthenticated"]);
  });

  it("takes no token that somebody else has signed, or nobody", async () => {
    const { ask, url } = await makeApi();
    const forged = new SignJWT({ role: "user" })
      .setProtectedHeader({ alg: "HS256" })
      .setSubject("u_1")
      .setIssuer("hookline");
    const token = await forged.setAudience(url).setExpirationTime("1h").sign(new Uint8Array(32));
    const unsigned = `${btoa('{"alg":"none"}')}.${token.split(".")[1]}.x`.replaceAll("=", "");
    expect((await ask("GET", "/v1/connections", { token })).status).toBe(401);
    expect((await ask("GET", "/v1/connections", { token: unsigned })).status).toBe(401);
  });

  it("keeps user tokens out of what is an admin's", async () => {
    const { ask, tokenOf } = await makeApi();
    const token = await tokenOf("u_1");
    for (const [method, path] of [
      ["GET", "/v1/api-keys"],
      ["POST", "/v1/api-keys"],
      ["DELETE", "/v1/api-keys/key_1"],
      ["POST", "/v1/users/u_1/tokens"],
      ["GET", "/metrics"],
    ] as const) {
      const { status, body } = await ask(method, path, { token });
      expect([path, status, body.code]).toEqual([path, 403, "forbidden"]);
    }
  });

  it("asks the host's own login when there is no key", async () => {
    const { ask } = await makeApi({
      authenticate: ({ headers }) => (headers.cookie === "user=u_1" ? { role: "user", user: "u_1" } : null),
    });
    const cookie = { cookie: "user=u_1" };
    expect((await ask("GET", "/v1/connections", { token: null, headers: cookie })).status).toBe(200);
    expect((await ask("GET", "/v1/connections", { token: null })).status).toBe(401);
    expect((await ask("GET", "/v1/api-keys", { token: null, headers: cookie })).status).toBe(403);
  });

  it("refuses what another site's page sends with the host's cookie", async () => {
    const { ask } = await makeApi({ authenticate: () => ({ role: "user", user: "u_1" }) });
    const headers = { "sec-fetch-site": "cross-site" };
    const { status, body } = await ask("POST", "/v1/endpoints", {
      token: null,
      headers,
      body: { url: "https://a.example" },
    });
    expect([status, body.code]).toEqual([403, "forbidden"]);
  });

  it("never takes a user without a name, who would be everybody", async () => {
    const { ask } = await makeApi({ authenticate: () => ({ role: "user", user: "" }) });
    expect((await ask("GET", "/v1/connections", { token: null })).status).toBe(500);
  });

  it("never takes a user who would be the workspace", async () => {
    const { ask, connect } = await makeApi({ authenticate: () => ({ role: "user", user: "@workspace" }) });
    await connect("@workspace");
    expect((await ask("GET", "/v1/connections", { token: null })).status).toBe(500);
    const { status, body } = await ask("POST", "/v1/users/@workspace/tokens");
    expect([status, body.errors]).toEqual([400, [{ pointer: "/user", message: expect.stringContaining('"@"') }]]);
  });

  it("turns wrong keys away after thirty in a minute, and still takes right ones", async () => {
    const { ask } = await makeApi();
    const tries = await Promise.all(
      Array.from({ length: 31 }, () => ask("GET", "/v1/connections", { token: "wrong" })),
    );
    expect(tries.filter(({ status }) => status === 401)).toHaveLength(30);
    const limited = tries.find(({ status }) => status === 429)!;
    expect([limited.body.code, limited.headers.get("retry-after")]).toEqual(["rate_limited", "60"]);
    expect((await ask("GET", "/v1/connections", { token: ADMIN })).status).toBe(200);
  });
});
