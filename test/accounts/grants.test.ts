/** Whose grant ends with a connection: grants belong to an account and an OAuth client, whoever's connections lead there. */
import { describe, expect, it } from "vitest";
import { acme, acmeOAuth, harness, vendorServer } from "./harness.ts";

const NAMES = ["letters", "dates", "other-client", "other-vendor"] as const;
type Name = (typeof NAMES)[number];

/** Connectors of one vendor; of one, the client is another. The access token says who it is of: `ada`, or `ada?` for nobody knows. */
async function started(vendorName = "post") {
  const vendor = await vendorServer(({ url, headers }) => {
    if (url === "/revoke") return { json: {} };
    const name = headers.authorization!.replace("Bearer token-of-", "");
    return { json: { ...(!name.endsWith("?") && { id: name }), email: "the-same@x.example" } };
  });
  const { url } = vendor;
  const server = {
    url: `${url}/v1`,
    authorizationUrl: `${url}/authorize`,
    tokenUrl: `${url}/token`,
    revokeUrl: `${url}/revoke`,
  };
  const proofs = { id: "$response.body#/id" };
  const manifests = NAMES.map((name) => {
    const of = name === "other-vendor" ? "another" : vendorName;
    return acme({ name, authentication: { ...acmeOAuth, vendor: of, account: proofs, grant: proofs } });
  });
  const clientOf = (name: Name) => ({
    clientId: name === "other-client" ? "c-2" : "c-1",
    clientSecret: "secret-of-a-client",
  });
  const h = await harness(manifests, {
    servers: Object.fromEntries(NAMES.map((name) => [name, server])),
    clients: Object.fromEntries(NAMES.map((name) => [name, clientOf(name)])),
  });
  const connect = async (connector: Name, account: string, user = "u_1") => {
    const credentials = { accessToken: `token-of-${account}`, refreshToken: `refresh-of-${account}` };
    return (await h.accounts.create({ connector, user, credentials })).id;
  };
  return { ...h, connect, revokes: () => vendor.calls("/revoke").length };
}

describe("removing a connection", () => {
  it.each<[string, Name, string, string]>([
    ["another connector of the vendor", "dates", "ada", "u_1"],
    ["another user", "letters", "ada", "u_2"],
    ["another connector and another user", "dates", "ada", "u_2"],
    ["the same user, of which nobody knows whose it is", "dates", "somebody?", "u_1"],
  ])("leaves the grant to a connection of %s", async (_what, connector, account, user) => {
    const h = await started();
    const first = await h.connect("letters", "ada");
    const other = await h.connect(connector, account, user);
    expect(await h.accounts.remove(first)).toEqual({ revoked: false });
    expect(h.revokes()).toBe(0);
    expect(await h.accounts.remove(other)).toEqual({ revoked: true });
    expect(h.revokes()).toBe(1);
  });

  it.each<[string, Name, string, string]>([
    ["another account, whatever it is called", "letters", "bob", "u_1"],
    ["another OAuth client", "other-client", "ada", "u_1"],
    ["another vendor", "other-vendor", "ada", "u_1"],
    ["another user, of which nobody knows whose it is", "letters", "somebody?", "u_2"],
  ])("ends the grant although there is a connection of %s", async (_what, connector, account, user) => {
    const h = await started();
    const first = await h.connect("letters", "ada");
    await h.connect(connector, account, user);
    expect(await h.accounts.remove(first)).toEqual({ revoked: true });
    expect(h.revokes()).toBe(1);
  });

  it("whose account is not known spares the other connections of its user", async () => {
    const h = await started();
    const first = await h.connect("letters", "somebody?");
    const second = await h.connect("dates", "ada");
    await h.connect("dates", "ada", "u_2");
    expect(await h.accounts.remove(first)).toEqual({ revoked: false });
    await h.accounts.remove(second);
    expect(await h.accounts.remove(await h.connect("letters", "somebody?"))).toEqual({ revoked: true });
  });

  it("is not held up by a connection whose grant is gone", async () => {
    const h = await started();
    const first = await h.connect("letters", "ada");
    const dead = await h.connect("dates", "ada");
    await h.db.run("update connections set status = 'reauth_required' where id = ?", [dead]);
    expect(await h.accounts.remove(first)).toEqual({ revoked: true });
  });

  it("that holds no grant revokes none", async () => {
    const h = await started();
    const { id } = await h.accounts.create({ connector: "letters", user: "u_1" });
    expect(await h.accounts.remove(id)).toEqual({ revoked: null });
    expect(h.revokes()).toBe(0);
  });
});

describe("the warning of too many connections", () => {
  it("counts those that hold the grant, of all users and connectors of the vendor, and no strangers", async () => {
    const h = await started();
    const refresh = { maxPerAccount: 3 };
    for (const name of NAMES) Object.assign(h.accounts.vendorOf(name).connector.manifest.authentication, { refresh });
    const id = await h.connect("letters", "ada");
    await h.connect("letters", "bob");
    await h.connect("other-client", "ada");
    await h.connect("dates", "ada", "u_2");
    expect((await h.accounts.get(id)).warnings).toEqual([]);
    await h.connect("dates", "ada", "u_3");
    expect((await h.accounts.get(id)).warnings).toEqual([expect.stringMatching(/^3 connections lead to this account/)]);
  });
});

describe("a connection without a refresh token", () => {
  it("is warned of at once, where its token ends", async () => {
    const h = await started();
    const create = async (expiresAt?: number) => {
      const credentials = { accessToken: "token-of-ada", ...(expiresAt && { expiresAt }) };
      return h.accounts.get((await h.accounts.create({ connector: "letters", user: "u_1", credentials })).id);
    };
    expect((await create(h.clock.now() + 3_600_000)).warnings).toEqual([
      expect.stringMatching(/^The vendor gave no refresh token: the connection ends at 20/),
    ]);
    expect((await create()).warnings).toEqual([]);
  });
});
