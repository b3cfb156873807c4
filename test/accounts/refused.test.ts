/** What a vendor refuses for want of a scope is known of the connection from then on, at every door, until the next consent. */
import { describe, expect, it } from "vitest";
import { createCatalog } from "../../runtime/act/function-catalog.ts";
import { createFunctions } from "../../runtime/act/functions.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import type { BearerAuthentication, Manifest } from "../../schemas/manifest.ts";
import { SESSION } from "../fixtures/browser.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply } from "./harness.ts";

const HOUR = 3_600_000;
const base = acme();
const actions = {
  ...base.actions,
  make_thing: { ...base.actions!["make_thing"]!, scopes: ["write"] },
} as Manifest["actions"];
const INSUFFICIENT: Reply = {
  status: 403,
  headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
  json: {},
};

/** A connection that was granted `scope`, and a vendor that refuses every write as told. */
async function connected({ scope, refusal = INSUFFICIENT }: { scope?: string; refusal?: Reply } = {}) {
  const say: { things: Reply } = { things: refusal };
  const vendor = await vendorServer(({ method, url }) => {
    if (url === "/token")
      return { json: { access_token: "at", refresh_token: "rt", expires_in: 3600, ...(scope && { scope }) } };
    return method === "POST" && url === "/v1/things" ? say.things : { json: { email: "ada@x.example" } };
  });
  const manifest = acme({ authentication: acmeOAuth, actions });
  const h = await harness([manifest], { url: vendor.url });
  const finish = async (authorizeUrl: string) =>
    h.accounts.finishOAuth({ state: new URL(authorizeUrl).searchParams.get("state")!, code: "c" }, SESSION);
  const { id, authorizeUrl } = await h.accounts.create({ connector: "acme", user: "u_1" }, {}, SESSION);
  await finish(authorizeUrl!);
  const connectors = new Map([["acme", compileConnector(await loadManifest(manifest))]]);
  const functions = createFunctions(createCatalog({ db: h.db, connectors }, h.accounts), h.actions);
  return {
    ...h,
    id,
    say,
    functions,
    make: () => h.actions.run(id, "make_thing", { name: "a" }),
    reconnect: async (more: object = {}) => finish((await h.accounts.reconnect(id, more, {}, SESSION)).authorizeUrl),
    operations: async () => (await h.accounts.get(id)).operations.actions,
    writes: () => vendor.seen.filter(({ method, url }) => method === "POST" && url === "/v1/things").length,
  };
}

describe("an operation that the vendor refuses for want of a scope", () => {
  it("is not granted from then on: it is shown so, and refused before any call", async () => {
    const h = await connected({ scope: "read write" });
    expect((await h.operations()).granted).toContain("make_thing");
    const data = { scopes: ["write"], reconnect: `POST /v1/connections/${h.id}/reconnect` };
    await expect(h.make()).rejects.toMatchObject({ code: "scope_missing", data });
    expect(await h.operations()).toMatchObject({
      granted: ["get_thing"],
      missing: [{ name: "make_thing", scopes: ["write"] }],
      unknown: [],
    });
    await expect(h.make()).rejects.toMatchObject({
      code: "scope_missing",
      message: `Action make_thing needs a scope that connection ${h.id} does not have, as the vendor has answered; ask for it: POST /v1/connections/${h.id}/reconnect {"scopes":["write"]}`,
      data,
    });
    expect(h.writes()).toBe(1);
    // Another process knows it too.
    await expect(
      h
        .another()
        .client(h.id)
        .then((client) => client.requireScopes({ operation: "action", name: "make_thing", scopes: ["write"] }, "It")),
    ).rejects.toMatchObject({ code: "scope_missing" });
  });

  it("is no function of an agent any more, and a call of it is told what it needs", async () => {
    const h = await connected({ scope: "read write" });
    const names = async () =>
      (await h.functions.list({ user: "u_1" })).data.map((one) => (one as { name: string }).name);
    expect(await names()).toEqual(["acme-get_thing", "acme-make_thing"]);
    await expect(h.functions.call("acme-make_thing", { name: "a" }, { user: "u_1" })).rejects.toMatchObject({
      code: "scope_missing",
    });
    expect(await names()).toEqual(["acme-get_thing"]);
    await expect(h.functions.call("acme-make_thing", { name: "a" }, { user: "u_1" })).rejects.toMatchObject({
      code: "scope_missing",
      data: { scopes: ["write"] },
    });
    expect(h.writes()).toBe(1);
  });

  it("stays so with a renewed token, and is open again after the next consent", async () => {
    const h = await connected({ scope: "read write" });
    await expect(h.make()).rejects.toMatchObject({ code: "scope_missing" });
    h.clock.advance(2 * HOUR);
    await h.accounts.client(h.id);
    expect((await h.operations()).missing).toHaveLength(1);
    h.say.things = { json: {} };
    await h.reconnect();
    expect((await h.operations()).missing).toEqual([]);
    await h.make();
    expect(h.writes()).toBe(2);
  });

  it("is open again with the confirmation of the next consent, not before", async () => {
    const h = await connected({ scope: "read write" });
    await expect(h.make()).rejects.toMatchObject({ code: "scope_missing" });
    const { confirmation } = await h.reconnect({ confirm: true });
    expect((await h.operations()).missing).toHaveLength(1);
    await h.accounts.confirm(h.id, { code: confirmation! });
    expect((await h.operations()).missing).toEqual([]);
  });

  it("is not noted for credentials that came while it was refused", async () => {
    const h = await connected({ scope: "read write" });
    const refused = Promise.withResolvers<Reply>();
    const reached = Promise.withResolvers<void>();
    const made = (async () => {
      const { things } = h.say;
      Object.defineProperty(h.say, "things", {
        get: () => {
          reached.resolve();
          return refused.promise;
        },
      });
      await h.make().catch(() => {});
      return things;
    })();
    await reached.promise;
    await h.reconnect();
    refused.resolve(INSUFFICIENT);
    await made;
    expect((await h.operations()).missing).toEqual([]);
  });

  it("asks for the scopes that the vendor names (RFC 6750 §3)", async () => {
    const header = 'Bearer realm="x", error="insufficient_scope", scope="write things.admin"';
    const h = await connected({
      scope: "read write",
      refusal: { status: 403, headers: { "www-authenticate": header }, json: {} },
    });
    await expect(h.make()).rejects.toMatchObject({ data: { scopes: ["write", "things.admin"] } });
    expect((await h.operations()).missing).toEqual([{ name: "make_thing", scopes: ["write", "things.admin"] }]);
  });

  it("is known where it was not known what was granted, and the others stay unknown", async () => {
    const h = await connected();
    await h.db.run("update connections set scopes = '[]' where id = ?", [h.id]);
    expect((await h.operations()).unknown).toEqual(["make_thing"]);
    await expect(h.make()).rejects.toMatchObject({ code: "scope_missing" });
    expect(await h.operations()).toMatchObject({ missing: [{ name: "make_thing", scopes: ["write"] }], unknown: [] });
  });

  it.each<[string, Reply]>([
    ["any other 403", { status: 403, json: { message: "the API is disabled" } }],
    ["503", { status: 503, json: {} }],
    ["404", { status: 404, json: {} }],
  ])("is not learnt from %s", async (_what, refusal) => {
    const h = await connected({ scope: "read write", refusal });
    await expect(h.make()).rejects.toMatchObject({ code: "vendor_error" });
    expect((await h.operations()).missing).toEqual([]);
  });
});

describe("a private token whose vendor refuses an operation for want of a scope", () => {
  it("is told to be allowed at the vendor, and is asked anew after a test", async () => {
    const say = { isAllowed: false };
    const vendor = await vendorServer(({ url }) => {
      const isRefused = url.startsWith("/v1/things") && !say.isAllowed;
      return isRefused ? INSUFFICIENT : { json: { email: "ada@x.example" } };
    });
    const h = await harness([acme({ actions })], { url: vendor.url });
    const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials: { token: "t" } });
    const make = () => h.actions.run(id, "make_thing", { name: "a" });
    expect((await h.accounts.get(id)).operations.actions.unknown).toEqual(["make_thing"]);
    await expect(make()).rejects.toMatchObject({ code: "scope_missing", data: { scopes: ["write"] } });
    await expect(make()).rejects.toMatchObject({
      message: `Action make_thing needs a scope that connection ${id} does not have, as the vendor has answered; allow it at the vendor, then test the connection: POST /v1/connections/${id}/test`,
    });
    expect((await h.accounts.get(id)).operations.actions.missing).toEqual([{ name: "make_thing", scopes: ["write"] }]);
    say.isAllowed = true;
    await h.accounts.test(id);
    expect((await h.accounts.get(id)).operations.actions).toMatchObject({ missing: [], unknown: ["make_thing"] });
    await make();
    expect(vendor.calls("/v1/things")).toHaveLength(2);
  });
});

describe("what another private token was refused", () => {
  it.each<[string, object, string]>([
    ["the same account", {}, "ada@x.example"],
    ["another account", { account: "move" }, "eve@x.example"],
  ])("is not held against the one that takes its place, of %s", async (_whose, more, second) => {
    const vendor = await vendorServer(({ url, headers }) => {
      const isFirst = headers.authorization === "Bearer first-token";
      if (url.startsWith("/v1/things")) return isFirst ? INSUFFICIENT : { json: {} };
      return { json: { email: isFirst ? "ada@x.example" : second } };
    });
    const authentication: Manifest["authentication"] = {
      ...(base.authentication as BearerAuthentication),
      account: { email: "$response.body#/email" },
    };
    const h = await harness([acme({ actions, authentication })], { url: vendor.url });
    const credentials = { token: "first-token" };
    const { id } = await h.accounts.create({ connector: "acme", user: "u_1", credentials });
    const make = () => h.actions.run(id, "make_thing", { name: "a" });
    await expect(make()).rejects.toMatchObject({ code: "scope_missing" });
    await h.accounts.update(id, { credentials: { token: "second-token" }, ...more });
    expect((await h.accounts.get(id)).operations.actions.missing).toEqual([]);
    await make();
  });
});

describe("the connectors that come along learn from", () => {
  const google = {
    error: {
      code: 403,
      status: "PERMISSION_DENIED",
      message: "x",
      details: [{ reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT" }],
    },
  };
  it.each<[string, string, string, object, Reply]>([
    ["Google's ACCESS_TOKEN_SCOPE_INSUFFICIENT", "google-contacts", "list_contacts", {}, { status: 403, json: google }],
    ["Google's ACCESS_TOKEN_SCOPE_INSUFFICIENT", "google-tasks", "list_task_lists", {}, { status: 403, json: google }],
    [
      "HighLevel's words",
      "highlevel",
      "find_contact",
      { email: "ada@x.example" },
      { status: 401, json: { statusCode: 401, message: "The token is not authorized for this scope." } },
    ],
  ])("%s, in %s", async (_words, name, action, input, reply) => {
    let isAsked = false;
    const vendor = await vendorServer(({ url }) => {
      if (isAsked) return reply;
      if (url.includes("people/me")) return { json: { resourceName: "people/1" } };
      return { json: { id: "L1", items: [{ id: "L1" }], location: { id: "loc1" }, contacts: [], count: 0 } };
    });
    const h = await harness([name], {
      servers: { [name]: { url: vendor.url, tokenUrl: `${vendor.url}/token`, authorizationUrl: `${vendor.url}/a` } },
      clients: { [name]: { clientId: "c", clientSecret: "s" } },
    });
    const credentials =
      name === "highlevel"
        ? { token: "pit-1" }
        : { accessToken: "at", refreshToken: "rt", expiresAt: h.clock.now() + HOUR };
    const inputs = name === "highlevel" ? { locationId: "loc1" } : undefined;
    const { id } = await h.accounts.create({ connector: name, user: "u_1", credentials, ...(inputs && { inputs }) });
    isAsked = true;
    const { length } = vendor.seen;
    await expect(h.actions.run(id, action, input)).rejects.toMatchObject({ code: "scope_missing" });
    const first = vendor.seen.length - length;
    await expect(h.actions.run(id, action, input)).rejects.toMatchObject({ code: "scope_missing" });
    expect(vendor.seen.length - length).toBe(first);
    const { missing } = (await h.accounts.get(id)).operations.actions;
    expect(missing.map((one) => one.name)).toEqual([action]);
    expect(missing[0]!.scopes.length).toBeGreaterThan(0);
  });
});
