import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/core/clock.ts";
import { createSandbox } from "../../../runtime/sandbox/index.ts";
import type { Sandbox } from "../../../runtime/sandbox/index.ts";
import {
  authorization,
  consent,
  CONTACTS,
  CONTACTS_READONLY,
  control,
  OTHER_CONTACTS,
  REDIRECT_URI,
  signIn,
  token,
} from "../sandbox-client.ts";
import type { Tokens } from "../sandbox-client.ts";

const DEAD = { error: "invalid_grant", error_description: "Token has been expired or revoked." };

let clock: ManualClock;
let sandbox: Sandbox;

beforeEach(async () => {
  clock = new ManualClock();
  sandbox = await createSandbox({ clock, contacts: 0, redirectUris: ["https://app.example/callback"] });
});
afterEach(() => sandbox.stop());

async function whoAmI(accessToken: string): Promise<number> {
  const url = `${sandbox.url}/v1/people/me?personFields=names`;
  return (await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })).status;
}

async function refresh(refreshToken: string) {
  const answer = await token(sandbox, { grant_type: "refresh_token", refresh_token: refreshToken });
  return { status: answer.status, body: (await answer.json()) as Tokens };
}

async function revoke(value: string) {
  const answer = await fetch(`${sandbox.servers["google-contacts"].revokeUrl}?token=${encodeURIComponent(value)}`, {
    method: "POST",
  });
  return { status: answer.status, body: await answer.json() };
}

describe("the authorization-code flow", () => {
  it("goes through the consent page to tokens that work", async () => {
    const { url, verifier } = authorization(sandbox, { login_hint: "alex.morgan@example.com" });
    const html = await (await fetch(url)).text();
    expect(html).toContain("See, edit and permanently delete your contacts");
    const redirect = await consent(url);
    expect(redirect.get("state")).toBe("state-1");
    expect(redirect.get("scope")).toBe(CONTACTS);
    expect(redirect.get("iss")).toBe(sandbox.url);
    const answer = await token(sandbox, {
      grant_type: "authorization_code",
      code: redirect.get("code")!,
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
    });
    const tokens = (await answer.json()) as Tokens;
    expect(tokens).toEqual({
      access_token: expect.stringMatching(/^ya29\./),
      expires_in: 3599,
      refresh_token: expect.stringMatching(/^1\/\//),
      scope: CONTACTS,
      token_type: "Bearer",
    });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await whoAmI(tokens.access_token)).toBe(200);
  });

  it("grants only the scopes that stay ticked", async () => {
    const scope = `openid ${CONTACTS_READONLY} ${OTHER_CONTACTS}`;
    const tokens = await signIn(sandbox, { scope }, { untick: [OTHER_CONTACTS] });
    expect(tokens.scope).toBe(`openid ${CONTACTS_READONLY}`);
  });

  it("signs in the account that was chosen", async () => {
    await control(sandbox, "POST", "/accounts", { email: "sam@example.com" });
    const { access_token } = await signIn(sandbox, {}, { account: "sam@example.com" });
    const answer = await fetch(`${sandbox.url}/tokeninfo?access_token=${access_token}`);
    expect(await answer.json()).toMatchObject({ email: "sam@example.com", scope: CONTACTS, expires_in: "3599" });
  });

  it("redirects with access_denied when the person cancels", async () => {
    const redirect = await consent(authorization(sandbox).url, { decision: "deny" });
    expect([redirect.get("error"), redirect.get("state"), redirect.get("code")]).toEqual([
      "access_denied",
      "state-1",
      null,
    ]);
  });

  it.each([
    ["an unknown client", { client_id: "nobody" }, "invalid_client"],
    ["a redirect URI that is not registered", { redirect_uri: "https://evil.example/" }, "redirect_uri_mismatch"],
    ["one that only begins alike", { redirect_uri: "https://app.example/callback/x" }, "redirect_uri_mismatch"],
    ["another response type", { response_type: "token" }, "unsupported_response_type"],
    ["an unknown scope", { scope: "everything" }, "invalid_scope"],
    ["a plain challenge", { code_challenge_method: "plain" }, "invalid_request"],
  ])("shows an error page, and redirects nowhere, for %s", async (_name, parameters, error) => {
    const answer = await fetch(authorization(sandbox, parameters).url, { redirect: "manual" });
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(`Error 400: ${error}`)]);
  });

  it("accepts the registered redirect URI", async () => {
    const { url } = authorization(sandbox, { redirect_uri: "https://app.example/callback" });
    expect((await fetch(url)).status).toBe(200);
  });
});

describe("an authorization code", () => {
  const redeem = async (overrides: Record<string, string> = {}) => {
    const { url, verifier } = authorization(sandbox);
    const code = (await consent(url)).get("code")!;
    const form = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
    return { form, answer: await token(sandbox, { ...form, ...overrides }) };
  };

  it("is good once", async () => {
    const { form, answer } = await redeem();
    expect(answer.status).toBe(200);
    const again = await token(sandbox, form);
    expect([again.status, await again.json()]).toEqual([
      400,
      { error: "invalid_grant", error_description: "Malformed auth code." },
    ]);
  });

  it("is good for ten minutes", async () => {
    const { url, verifier } = authorization(sandbox);
    const code = (await consent(url)).get("code")!;
    clock.advance(10 * 60_000);
    const form = { grant_type: "authorization_code", code, redirect_uri: REDIRECT_URI, code_verifier: verifier };
    const answer = await token(sandbox, form);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: "invalid_grant", error_description: "Bad Request" },
    ]);
  });

  it.each([
    ["another verifier", { code_verifier: "wrong" }, "Invalid code verifier."],
    ["no verifier", { code_verifier: "" }, "Missing code verifier."],
    ["another redirect URI", { redirect_uri: "http://127.0.0.1:9/other" }, "Bad Request"],
  ])("is refused with %s", async (_name, overrides, description) => {
    const { answer } = await redeem(overrides);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: "invalid_grant", error_description: description },
    ]);
  });

  it("needs the client's secret, in the body or in the header", async () => {
    const { answer } = await redeem({ client_secret: "wrong" });
    expect([answer.status, await answer.json()]).toEqual([
      401,
      { error: "invalid_client", error_description: "Unauthorized" },
    ]);
    const { refresh_token } = await signIn(sandbox, { prompt: "consent" });
    const { clientId, clientSecret } = sandbox.client;
    const basic = await fetch(sandbox.servers["google-contacts"].tokenUrl, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: refresh_token! }),
    });
    expect(basic.status).toBe(200);
  });
});

describe("a refresh token", () => {
  it("comes with the first offline consent, and later only when consent is prompted for", async () => {
    expect((await signIn(sandbox, { access_type: "online" })).refresh_token).toBeUndefined();
    expect((await signIn(sandbox)).refresh_token).toBeDefined();
    expect((await signIn(sandbox)).refresh_token).toBeUndefined();
    expect((await signIn(sandbox, { prompt: "consent" })).refresh_token).toBeDefined();
  });

  it("gives new access tokens and stays the same", async () => {
    const { access_token, refresh_token } = await signIn(sandbox);
    clock.advance(3599 * 1000);
    expect(await whoAmI(access_token)).toBe(401);
    const { status, body } = await refresh(refresh_token!);
    expect([status, body.refresh_token, body.scope, await whoAmI(body.access_token)]).toEqual([
      200,
      undefined,
      CONTACTS,
      200,
    ]);
    expect((await refresh(refresh_token!)).status).toBe(200);
  });

  it("covers what was granted before when that is asked for", async () => {
    await signIn(sandbox, { scope: CONTACTS_READONLY });
    const more = { scope: OTHER_CONTACTS, include_granted_scopes: "true" };
    expect((await signIn(sandbox, more)).scope).toBe(`${CONTACTS_READONLY} ${OTHER_CONTACTS}`);
    expect((await signIn(sandbox, { scope: OTHER_CONTACTS })).scope).toBe(OTHER_CONTACTS);
  });

  it("dies silently when a hundred newer ones exist", async () => {
    const { refresh_token: oldest } = await signIn(sandbox, { prompt: "consent" });
    const { refresh_token: second } = await signIn(sandbox, { prompt: "consent" });
    for (let i = 2; i < 100; i++) await signIn(sandbox, { prompt: "consent" });
    expect((await refresh(oldest!)).status).toBe(200);
    await signIn(sandbox, { prompt: "consent" });
    expect(await refresh(oldest!)).toEqual({ status: 400, body: DEAD });
    expect((await refresh(second!)).status).toBe(200);
  });

  it("dies when it was not used for six months", async () => {
    const { refresh_token } = await signIn(sandbox);
    clock.advance(180 * 24 * 3_600_000);
    expect((await refresh(refresh_token!)).status).toBe(200);
    clock.advance(184 * 24 * 3_600_000);
    expect(await refresh(refresh_token!)).toEqual({ status: 400, body: DEAD });
  });

  it("dies with its whole grant when any token of it is revoked", async () => {
    const first = await signIn(sandbox, { prompt: "consent" });
    const second = await signIn(sandbox, { prompt: "consent" });
    expect(await revoke(first.access_token)).toEqual({ status: 200, body: {} });
    expect(await refresh(second.refresh_token!)).toEqual({ status: 400, body: DEAD });
    expect(await whoAmI(second.access_token)).toBe(401);
    expect(await revoke(first.access_token)).toEqual({
      status: 400,
      body: { error: "invalid_token", error_description: "Token expired or revoked" },
    });
    expect((await signIn(sandbox)).refresh_token).toBeDefined();
  });

  it("rotates when so set", async () => {
    const { refresh_token } = await signIn(sandbox);
    await control(sandbox, "POST", "/settings", { rotateRefreshTokens: true });
    const { body } = await refresh(refresh_token!);
    expect(await refresh(refresh_token!)).toEqual({ status: 400, body: DEAD });
    expect((await refresh(body.refresh_token!)).status).toBe(200);
  });

  it("is refused in another kind of request, in words", async () => {
    const answer = await token(sandbox, { grant_type: "password" });
    expect([answer.status, await answer.json()]).toEqual([
      400,
      { error: "unsupported_grant_type", error_description: "Invalid grant_type: password" },
    ]);
  });
});
