/** Locations and agencies of HighLevel are accounts of their own; what a person writes about a connection proves nothing. */
import { describe, expect, it } from "vitest";
import { SESSION } from "../fixtures/browser.ts";
import { harness, vendorServer, type Reply } from "./harness.ts";

const LOCATION = { userType: "Location", companyId: "agency-1", locationId: "location-1" };
const AGENCY = { userType: "Company", companyId: "agency-1" };

async function started() {
  const say: { token: object; test: Reply } = { token: LOCATION, test: { json: { locations: [] } } };
  const vendor = await vendorServer(({ url }) => {
    const tokens = { access_token: "highlevel-access", refresh_token: "highlevel-refresh", expires_in: 86_399 };
    return url.startsWith("/oauth/token") ? { json: { ...tokens, ...say.token } } : say.test;
  });
  const { url } = vendor;
  const h = await harness(["highlevel"], {
    servers: { highlevel: { url, authorizationUrl: `${url}/authorize`, tokenUrl: `${url}/oauth/token` } },
    clients: { highlevel: { clientId: "client-of-highlevel", clientSecret: "secret-of-highlevel" } },
  });
  const finish = (authorizeUrl: string) =>
    h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "c" }, SESSION);
  const connect = async (token: object): Promise<string> => {
    say.token = token;
    const { id, authorizeUrl } = await h.accounts.create({ connector: "highlevel", user: "u_1" }, {}, SESSION);
    await finish(authorizeUrl!);
    return id;
  };
  const reconnect = async (id: string, token: object): Promise<string> => {
    say.token = token;
    const { authorizeUrl } = await h.accounts.reconnect(id, {}, {}, SESSION);
    return finish(authorizeUrl).then(
      ({ connection }) => connection.status,
      ({ code }: { code: string }) => code,
    );
  };
  return { ...h, say, connect, reconnect };
}

describe("a location of HighLevel", () => {
  it.each<[string, object, string]>([
    ["itself", LOCATION, "active"],
    ["another location of the same agency", { ...LOCATION, locationId: "location-2" }, "account_mismatch"],
    ["its agency", AGENCY, "account_unproved"],
    ["nothing that the vendor names", {}, "account_unproved"],
  ])("reconnects as %s: %s", async (_what, token, outcome) => {
    const h = await started();
    const id = await h.connect(LOCATION);
    expect((await h.accounts.get(id)).account).toMatchObject({ id: "location-1" });
    expect(await h.reconnect(id, token)).toBe(outcome);
    expect((await h.accounts.client(id)).values).toMatchObject({ locationId: "location-1" });
  });

  it("is not proved by the inputs of its connection", async () => {
    const h = await started();
    const { id } = await h.accounts.create({
      connector: "highlevel",
      user: "u_1",
      credentials: { accessToken: "highlevel-access", refreshToken: "highlevel-refresh" },
      inputs: { locationId: "location-1" },
    });
    expect((await h.accounts.get(id)).account).toBeNull();
    expect(await h.reconnect(id, LOCATION)).toBe("account_unproved");
  });
});

describe("an agency of HighLevel", () => {
  it.each<[string, object, string]>([
    ["itself", AGENCY, "active"],
    ["another", { ...AGENCY, companyId: "agency-2" }, "account_mismatch"],
    ["one of its locations", LOCATION, "account_unproved"],
  ])("reconnects as %s: %s", async (_what, token, outcome) => {
    const h = await started();
    expect(await h.reconnect(await h.connect(AGENCY), token)).toBe(outcome);
  });
});

describe("a private integration token", () => {
  const credentials = { type: "bearer", token: "pit-token-of-a-location" };
  const inputs = { locationId: "location-1" };

  it("that may not read its location is good all the same", async () => {
    const h = await started();
    h.say.test = { status: 401, json: { statusCode: 401, message: "The token is not authorized for this scope." } };
    expect(await h.accounts.create({ connector: "highlevel", user: "u_1", credentials, inputs })).toMatchObject({
      status: "active",
      account: null,
    });
  });

  it("is proved by the location it reads", async () => {
    const h = await started();
    h.say.test = { json: { location: { id: "location-1", companyId: "agency-1" } } };
    expect(await h.accounts.create({ connector: "highlevel", user: "u_1", credentials, inputs })).toMatchObject({
      account: { id: "location-1", label: "Location location-1" },
    });
  });
});
