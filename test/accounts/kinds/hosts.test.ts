import { describe, expect, it } from "vitest";
import { addressFaults, fillAddress } from "../../../runtime/manifest/address.ts";
import { compileConnector } from "../../../runtime/manifest/connector.ts";
import { loadManifest } from "../../../runtime/manifest/load.ts";
import { createVendors } from "../../../runtime/accounts/vendors.ts";
import { ManualClock } from "../../../runtime/core/clock.ts";
import { memoryCounter } from "../../../runtime/vendor/counter.ts";
import type { Manifest } from "../../../schemas/manifest.ts";
import { SESSION } from "../../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer } from "../harness.ts";
import { faultsOf, fixture } from "./kind.ts";
import { GET, SEND } from "./reissued.ts";

const credentials = { clientId: "client-7", clientSecret: "client-secret-canary-0123456789" };
const input = (name: string) => ({ type: "object", required: [name], properties: { [name]: { type: "string" } } });
const perAccount = (more: Partial<Manifest> = {}): Manifest =>
  acme({
    server: { url: "https://{subdomain}.acme.example/api" },
    allowedHosts: ["{subdomain}.acme.example"],
    authentication: {
      ...acmeOAuth,
      authorizationUrl: "https://{subdomain}.acme.example/oauth/authorize",
      tokenUrl: "https://{subdomain}.acme.example/oauth/token",
      revokeUrl: "https://{subdomain}.acme.example/oauth/revoke",
      capture: undefined,
      connectionInput: input("subdomain"),
    } as never,
    ...more,
  });
const selfHosted = (): Manifest =>
  acme({
    server: { url: "https://{host}/api" },
    allowedHosts: ["{host}"],
    authentication: { type: "bearer", test: { method: "GET", path: "/me" }, connectionInput: input("host") } as never,
  });

/** The vendor of a connection, whose requests are kept instead of sent. */
async function vendorAt(manifest: Manifest, inputs: Record<string, unknown>, hosts?: string[]) {
  const asked: string[] = [];
  const network = {
    request: async (url: URL) => {
      asked.push(url.href);
      return { status: 200, headers: {}, body: Buffer.from('{"access_token":"access-token-canary"}') };
    },
  } as never;
  const connector = compileConnector(await loadManifest(manifest));
  const vendorOf = createVendors(
    { connectors: new Map([["acme", connector]]), clock: new ManualClock("2026-01-01T00:00:00Z") },
    {
      clients: { acme: { clientId: "client-1", clientSecret: "client-secret-canary" } },
      servers: hosts ? { acme: { hosts } } : {},
      redirectUri: "https://app.example/callback",
      network,
      counterOf: memoryCounter,
    },
  );
  return { vendor: vendorOf("acme").at(inputs), asked };
}

const context = { credentials: { headers: {}, query: {} }, headers: {}, deadlineMs: 1000 };

describe("an address of each account", () => {
  it("is made of the connection's input, for the API and for OAuth", async () => {
    const { vendor, asked } = await vendorAt(perAccount(), { subdomain: "Ada" });
    await vendor.http.request({ method: "GET", path: "/things" }, context);
    const oauth = vendor.oauth();
    expect(new URL(await oauth.authorizationUrl("s", "v".repeat(43), [])).origin).toBe("https://ada.acme.example");
    await oauth.refresh("refresh-token-canary");
    await oauth.revoke("refresh-token-canary");
    expect(asked).toEqual([
      "https://ada.acme.example/api/things",
      "https://ada.acme.example/oauth/token",
      "https://ada.acme.example/oauth/revoke",
    ]);
  });

  it("allows no host of another account", async () => {
    const { vendor, asked } = await vendorAt(perAccount(), { subdomain: "ada" });
    for (const url of [
      "https://eve.acme.example/api",
      "https://acme.example/",
      "http://ada.acme.example/api",
      "https://ada.acme.example:8443/",
    ])
      await expect(vendor.http.request({ method: "GET", url }, context)).rejects.toMatchObject({
        code: "host_not_allowed",
      });
    expect(asked).toEqual([]);
  });

  it.each([
    "a.b",
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "a@evil",
    "a:443",
    "a/b",
    "a\\b",
    "..",
    "",
    " ",
    "a b",
    "a\n",
    "-a",
    "a-",
    "a%2eb",
    "%61",
    "ａ",
    "a。b",
    "а",
    "xn--80ak6aa92e",
    "ab--c",
    "a".repeat(64),
    "{subdomain}",
    "[::1]",
    7,
    null,
    undefined,
    ["a"],
  ])("is not made of %j", async (subdomain) => {
    await expect(vendorAt(perAccount(), { subdomain })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/inputs/subdomain" }],
    });
  });

  it.each(["a", "acme", "ACME-2", "0", "a".repeat(63)])("is made of %j", (subdomain) => {
    const template = "https://{subdomain}.acme.example/api";
    expect(addressFaults([template], { subdomain })).toEqual([]);
    expect(new URL(fillAddress(template, { subdomain })).host).toBe(`${subdomain.toLowerCase()}.acme.example`);
  });

  it("that is no name of a host is told before anything is stored", async () => {
    const h = await harness([perAccount()]);
    await expect(
      h.accounts.create({ connector: "acme", user: "u_1", inputs: { subdomain: "a.b" } }, {}, SESSION),
    ).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        {
          pointer: "/inputs/subdomain",
          message: "must be one part of a host name: letters, digits and hyphens, without dots",
        },
      ],
    });
    expect((await h.accounts.list()).data).toEqual([]);
    const { authorizeUrl } = await h.accounts.create(
      { connector: "acme", user: "u_1", inputs: { subdomain: "ada" } },
      {},
      SESSION,
    );
    expect(new URL(authorizeUrl!).host).toBe("ada.acme.example");
  });
});

describe("a host of its own", () => {
  it.each<[string, string[] | undefined, boolean]>([
    ["crm.example.com", undefined, false],
    ["crm.example.com", [], false],
    ["crm.example.com", ["crm.example.com"], true],
    ["CRM.example.com", ["crm.example.com"], true],
    ["crm.example.com", ["*.example.com"], true],
    ["evilexample.com", ["*.example.com"], false],
    ["example.com", ["*.example.com"], false],
    ["crm.example.com", ["*"], true],
  ])("%s with %j allowed by the operator: %s", async (host, hosts, isAllowed) => {
    const reached = vendorAt(selfHosted(), { host }, hosts).then(async ({ vendor, asked }) => {
      await vendor.http.request({ method: "GET", path: "/things" }, context);
      return asked;
    });
    const outcome = await reached.catch((error: { code: string; message: string }) => [error.code, error.message]);
    expect(outcome).toEqual(
      isAllowed
        ? [`https://${host.toLowerCase()}/api/things`]
        : [
            "host_not_allowed",
            `acme: ${host} is no host that connections may name; the operator has to add it to servers.acme.hosts`,
          ],
    );
  });

  it.each([
    "localhost",
    "127.0.0.1",
    "0x7f.1",
    "1.2.3.0x4",
    "2130706433",
    "[::1]",
    "crm.example.com:8443",
    "https://crm.example.com",
    "crm.example.com/x",
    "a@crm.example.com",
    "crm..example.com",
    "crm.example.com.",
    "xn--e1awd7f.com",
    "",
  ])("is not %j, whatever is allowed", async (host) => {
    await expect(vendorAt(selfHosted(), { host }, ["*"])).rejects.toMatchObject({ code: "invalid_input" });
  });
});

describe("a connection with a host of its account", () => {
  async function connected() {
    const vendor = await vendorServer(({ url }) =>
      url.endsWith("/token")
        ? { json: { access_token: `token-of-${url.split("/")[1]}`, token_type: "Bearer", expires_in: 3600 } }
        : { json: { id: "a_1", name: url.split("/")[1] } },
    );
    const servers = {
      "hosts-kind": { url: `${vendor.url}/{subdomain}/v1`, tokenUrl: `${vendor.url}/{subdomain}/token` },
    };
    const h = await harness([await fixture("hosts-client")], { servers });
    const made = await h.accounts.create({
      connector: "hosts-kind",
      user: "u_1",
      credentials,
      inputs: { subdomain: "ada" },
    });
    const send = async () => {
      await (await h.accounts.client(made.id)).send(GET, SEND);
      const { url, headers } = vendor.seen.at(-1)!;
      return [url, headers.authorization];
    };
    return { ...h, made, id: made.id, send, vendor };
  }

  it("has a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("hosts-client"))).toEqual([]);
  });

  it("gets its token and its records there, also through the passthrough", async () => {
    const h = await connected();
    expect(new URLSearchParams(h.vendor.seen[0]!.body).get("audience")).toBe("https://ada.acme.example");
    expect(await h.send()).toEqual(["/ada/v1/things", "Bearer token-of-ada"]);
    (await h.actions.passthrough(h.id, { method: "GET", target: "things" })).body.destroy();
    expect(h.vendor.seen.at(-1)!.url).toBe("/ada/v1/things");
  });

  it("is another account at another host, whatever that says of itself", async () => {
    const h = await connected();
    for (const edit of [{ inputs: { subdomain: "eve" } }, { inputs: { subdomain: "eve" }, credentials }])
      await expect(h.accounts.update(h.id, edit)).rejects.toMatchObject({ code: "account_mismatch" });
    expect(await h.send()).toEqual(["/ada/v1/things", "Bearer token-of-ada"]);
    await h.accounts.update(h.id, { inputs: { subdomain: "eve" }, credentials, account: "move" });
    expect(await h.send()).toEqual(["/eve/v1/things", "Bearer token-of-eve"]);
    expect(h.statuses.at(-1)).toMatchObject({ moved: true });
  });

  it("stays the same account where only the case of the host differs", async () => {
    const h = await connected();
    const view = await h.accounts.update(h.id, { inputs: { subdomain: "ADA" } });
    expect(view).toMatchObject({ inputs: { subdomain: "ADA" }, status: "active" });
  });

  it("by OAuth cannot be led elsewhere", async () => {
    const h = await harness([perAccount()]);
    const { id } = await h.accounts.create(
      { connector: "acme", user: "u_1", inputs: { subdomain: "ada" } },
      {},
      SESSION,
    );
    await expect(h.accounts.update(id, { inputs: { subdomain: "eve" } })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/inputs", message: "make another address, and another account: connect it as a new connection" },
      ],
    });
  });
});

describe("a manifest with hosts of accounts", () => {
  const server = (url: string, allowedHosts: string[], name = "x") =>
    acme({
      server: { url },
      allowedHosts,
      authentication: {
        type: "bearer",
        test: { method: "GET", path: "/me" },
        account: { id: "$response.body#/id" },
        connectionInput: input(name),
      } as never,
    });

  it.each<[string, Manifest]>([
    ["a label of an allowed pattern", server("https://{x}.acme.example/v1", ["{x}.acme.example"])],
    ["a label below a wildcard", server("https://{x}.acme.example/v1", ["*.acme.example"])],
    ["a label below a country's domain", server("https://{x}.acme.co.uk/v1", ["{x}.acme.co.uk"])],
    ["a whole host", server("https://{x}/v1", ["{x}"])],
  ])("has no fault with %s", async (_what, manifest) => {
    expect(await faultsOf(manifest)).toEqual([]);
  });

  it.each<[string, Manifest, RegExp]>([
    [
      "a placeholder that is not asked for",
      server("https://{x}.acme.example/v1", ["{x}.acme.example"], "y"),
      /^#\/server\/url: takes up "x", which the connectionInput of bearer does not require as text; add it there/,
    ],
    [
      "a host that is not allowed",
      server("https://{x}.acme.example/v1", ["{x}.other.example"]),
      /^#\/server\/url: "\{x\}\.acme\.example" is not in allowedHosts/,
    ],
    [
      "a domain that anybody may have",
      server("https://{x}.com/v1", ["{x}.com"]),
      /^#\/server\/url: "\{x\}\.com": what follows a placeholder is a domain that one owner has/,
    ],
    [
      "a country's second level",
      server("https://{x}.co.uk/v1", ["{x}.co.uk"]),
      /^#\/allowedHosts\/0: "\{x\}\.co\.uk": what follows a placeholder/,
    ],
    [
      "a domain in a placeholder",
      server("https://api.{x}.example/v1", ["api.acme.example"]),
      /^#\/server\/url: "api\.\{x\}\.example": what follows a placeholder/,
    ],
    [
      "a part of a label",
      server("https://a-{x}.acme.example/v1", ["*.acme.example"]),
      /^#\/server\/url: "a-\{x\}\.acme\.example": a placeholder is a whole part of a host name/,
    ],
    [
      "a whole host without the operator",
      server("https://{x}/v1", ["api.acme.example"]),
      /^#\/server\/url: "\{x\}" is not in allowedHosts/,
    ],
    ["no URL", server("acme", ["api.acme.example"]), /^#\/server\/url: must match/],
    ["a port", server("https://{x}.acme.example:8443/v1", ["{x}.acme.example"]), /^#\/server\/url: has port 8443/],
  ])("has a fault with %s", async (_what, manifest, fault) => {
    expect(await faultsOf(manifest)).toContainEqual(expect.stringMatching(fault));
  });
});
