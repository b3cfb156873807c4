import { describe, expect, it } from "vitest";
import { openClient, samples, type Client } from "./client.ts";

const refresh = (client: Client, refresh_token: string) => client.token({ grant_type: "refresh_token", refresh_token });

/** The page with what a person answers; gives where they are sent. */
async function choose({ sandbox }: Client, answer: Record<string, string>, query: Record<string, string> = {}) {
  const address = new URL(sandbox.servers.highlevel.authorizationUrl);
  const asked = {
    response_type: "code",
    client_id: sandbox.client.clientId,
    redirect_uri: "http://localhost/back",
    scope: "contacts.readonly",
    state: "s1",
  };
  for (const [name, value] of Object.entries({ ...asked, ...query })) address.searchParams.set(name, value);
  const response = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams(answer).toString(),
    redirect: "manual",
  });
  const location = response.headers.get("location");
  return {
    status: response.status,
    text: await response.text(),
    query: location ? new URL(location).searchParams : undefined,
  };
}

describe("the authorization page", () => {
  it("gives a code that is good once, for a token that tells location, agency and user", async () => {
    await using client = await openClient();
    const { query } = await choose(client, { choice: "Location", decision: "approve" });
    expect(query!.get("state")).toBe("s1");
    const form = { grant_type: "authorization_code", code: query!.get("code")!, redirect_uri: "http://localhost/back" };
    const first = await client.token(form);
    expect(first).toMatchObject({
      status: 200,
      body: {
        token_type: "Bearer",
        expires_in: 86_399,
        scope: "contacts.readonly",
        userType: "Location",
        locationId: samples.location.id,
        companyId: samples.company.id,
        userId: samples.user.id,
      },
    });
    expect(await client.token(form)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });

  it("gives a token without location for the agency", async () => {
    await using client = await openClient();
    const { query } = await choose(client, { choice: "Company", decision: "approve" });
    const form = { grant_type: "authorization_code", code: query!.get("code")!, redirect_uri: "http://localhost/back" };
    const { body } = await client.token(form);
    expect(body).toMatchObject({ userType: "Company" });
    expect(body).not.toHaveProperty("locationId");
  });

  it("sends people back without a code when they cancel", async () => {
    await using client = await openClient();
    const { query } = await choose(client, { decision: "deny" });
    expect(Object.fromEntries(query!)).toEqual({ error: "access_denied", state: "s1" });
  });

  it.each([
    [{ client_id: "nobody" }, "error: the app was not found"],
    [{ redirect_uri: "https://elsewhere.example/back" }, "error: invalid redirect_uri"],
    [{ response_type: "token" }, "error: response_type must be code"],
    [{ scope: "contacts.readonly everything" }, "error: unknown scope everything"],
  ])("refuses %j", async (query, text) => {
    await using client = await openClient();
    expect(await choose(client, { decision: "approve" }, query)).toMatchObject({ status: 400, text });
  });
});

describe("a refresh token", () => {
  it("is good for one use; within 30 seconds a second use gives the same tokens, later none", async () => {
    await using client = await openClient();
    const { refresh_token } = client.tokens();
    const { body: first } = await refresh(client, refresh_token);
    expect(first.refresh_token).not.toBe(refresh_token);
    client.clock.advance(29_000);
    expect((await refresh(client, refresh_token)).body).toEqual(first);
    client.clock.advance(2_000);
    expect(await refresh(client, refresh_token)).toMatchObject({
      status: 400,
      body: { error: "invalid_grant", error_description: "Invalid grant: refresh token is invalid" },
    });
    expect(await refresh(client, first.refresh_token)).toMatchObject({ status: 200 });
  });

  it("is nobody else's", async () => {
    await using client = await openClient();
    const { refresh_token } = client.tokens();
    const answer = await client.token({ grant_type: "refresh_token", refresh_token, client_secret: "wrong" });
    expect(answer).toMatchObject({ status: 401, body: { error: "invalid_client" } });
  });
});

describe("an access token", () => {
  it("ends after a day; a private one does not", async () => {
    await using client = await openClient();
    const { oauth } = client.sandbox.highLevel;
    const token = oauth.privateToken(client.sandbox.highLevel.access("Location", ["contacts.readonly"]));
    client.clock.advance(86_400_000);
    const path = `/contacts/${samples.contact.id}`;
    expect(await client.call("GET", path)).toMatchObject({
      status: 401,
      body: { statusCode: 401, message: "Invalid token: access token is invalid", error: "Unauthorized" },
    });
    expect((await client.call("GET", path, undefined, { authorization: `Bearer ${token}` })).status).toBe(200);
  });
});
