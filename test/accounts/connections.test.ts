import { describe, expect, it } from "vitest";
import { findConnection } from "../../runtime/model/connections.ts";
import type { Accounts } from "../../runtime/accounts/accounts.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply, type Seen } from "./harness.ts";

const TOKEN = "canary-bearer-token-123456";
const DAY = 24 * 3_600_000;

async function acmeWith(
  authentication: object,
  me: (request: Seen) => Reply = () => ({ json: { email: "ada@x.example", location: "loc_9" } }),
) {
  const vendor = await vendorServer(me);
  const h = await harness([acme({ authentication: authentication as never })], { url: vendor.url });
  return { ...h, vendor };
}
const bearer = acme().authentication;

describe("creating a connection with credentials", () => {
  it("proves them by a real request, and names the account", async () => {
    const { accounts, vendor, statuses } = await acmeWith(bearer);
    const view = await accounts.create({ connector: "acme", user: "u_1", credentials: { token: TOKEN } });
    expect(view).toMatchObject({
      id: expect.stringMatching(/^con_/),
      status: "active",
      label: "ada@x.example",
      authType: "bearer",
    });
    expect(vendor.seen.map(({ url }) => url)).toEqual(["/v1/me"]);
    expect(statuses).toEqual([{ id: view.id, connector: "acme", user: "u_1", status: "active" }]);
  });

  it("stores nothing when the vendor does not accept them", async () => {
    const { accounts } = await acmeWith(bearer, () => ({ status: 401, json: { message: "no" } }));
    await expect(
      accounts.create({ connector: "acme", user: "u_1", credentials: { token: TOKEN } }),
    ).rejects.toMatchObject({
      code: "connection_rejected",
      message: "acme: the vendor does not accept the credentials; check them and try again",
    });
    expect((await accounts.list()).data).toEqual([]);
  });

  it.each<[object, object, Record<string, string>, string]>([
    [
      { type: "apiKey", in: "header", name: "X-Key", prefix: "k ", test: { method: "GET", path: "/me" } },
      { apiKey: "api-key-123" },
      { "x-key": "k api-key-123" },
      "/v1/me",
    ],
    [
      { type: "apiKey", in: "query", name: "key", test: { method: "GET", path: "/me" } },
      { apiKey: "api-key-123" },
      {},
      "/v1/me?key=api-key-123",
    ],
    [
      { type: "basic", test: { method: "GET", path: "/me" } },
      { username: "u", password: "pass-word" },
      { authorization: "Basic dTpwYXNzLXdvcmQ=" },
      "/v1/me",
    ],
  ])("sends %j as it should be", async (authentication, credentials, headers, url) => {
    const { accounts, vendor } = await acmeWith(authentication);
    await accounts.create({ connector: "acme", user: "u_1", credentials: { ...credentials } });
    expect(vendor.seen[0]).toMatchObject({ url, headers });
  });

  it("takes the way among several that fits what was given, or the one named", async () => {
    const { accounts } = await acmeWith({ oneOf: [acmeOAuth, bearer] });
    expect(await accounts.create({ connector: "acme", user: "u", credentials: { token: TOKEN } })).toMatchObject({
      authType: "bearer",
    });
    expect(await accounts.create({ connector: "acme", user: "u", credentials: { accessToken: TOKEN } })).toMatchObject({
      authType: "oauth2",
    });
    await expect(
      accounts.create({ connector: "acme", user: "u", credentials: { type: "basic" } }),
    ).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/credentials/type", message: "must be one of: oauth2, bearer" }],
    });
  });

  it("names every fault of what was given", async () => {
    const { accounts, vendor } = await acmeWith({ type: "basic" });
    await expect(
      accounts.create({ connector: "acme", user: "u", credentials: { username: "a\r\nX: y", extra: 1 } }),
    ).rejects.toMatchObject({
      code: "invalid_input",
      faults: [
        { pointer: "/credentials/username", message: "must not contain line breaks or other control characters" },
        { pointer: "/credentials/password", message: "is required, as text" },
        { pointer: "/credentials/extra", message: "unknown property; basic takes username, password" },
      ],
    });
    expect(vendor.seen).toHaveLength(0);
  });

  it("checks inputs against the manifest, uses them, and hides those that are write-only", async () => {
    const connectionInput = {
      type: "object",
      properties: { locationId: { type: "string" }, pin: { type: "string", writeOnly: true } },
      required: ["locationId"],
      additionalProperties: false,
    };
    const { accounts, vendor } = await acmeWith({ ...bearer, connectionInput });
    const credentials = { token: TOKEN };
    await expect(
      accounts.create({ connector: "acme", user: "u", credentials, inputs: { locationID: "x" } }),
    ).rejects.toMatchObject({
      code: "invalid_input",
      faults: expect.arrayContaining([
        expect.objectContaining({
          pointer: "/inputs/locationID",
          message: expect.stringContaining('did you mean "locationId"'),
        }),
      ]),
    });
    const view = await accounts.create({
      connector: "acme",
      user: "u",
      credentials,
      inputs: { locationId: "loc_1", pin: "0000" },
    });
    expect(view.inputs).toEqual({ locationId: "loc_1" });
    expect(vendor.seen[0]!.headers["x-location"]).toBe("loc_1");
  });

  it("captures values from the test's answer when there is no token answer", async () => {
    const { accounts } = await acmeWith({ ...bearer, capture: { locationId: "$response.body#/location" } });
    const { id } = await accounts.create({ connector: "acme", user: "u", credentials: { token: TOKEN } });
    expect((await accounts.client(id)).values).toMatchObject({ locationId: "loc_9", id, user: "u" });
  });
});

describe("what the library refuses", () => {
  const refusals: [string, (accounts: Accounts) => Promise<unknown>, object][] = [
    ["nothing at all", (a) => a.create(undefined as never), { faults: [{ pointer: "/connector" }] }],
    [
      "no user",
      (a) => a.create({ connector: "acme" }),
      { message: "connection/user: is required", faults: [{ pointer: "/user", message: "is required" }] },
    ],
    ["an empty user", (a) => a.create({ connector: "acme", user: "" }), { faults: [{ pointer: "/user" }] }],
    [
      "an unknown property",
      (a) => a.create({ connector: "acme", user: "u", return_to: "https://app.example" } as never),
      { faults: [{ pointer: "/return_to", message: 'unknown property "return_to"; did you mean "returnTo"?' }] },
    ],
    [
      "a wrong type",
      (a) => a.create({ connector: "acme", user: "u", inputs: "x" } as never),
      { faults: [{ pointer: "/inputs" }] },
    ],
    [
      "an input that the manifest does not know",
      (a) => a.create({ connector: "acme", user: "u", credentials: { token: TOKEN }, inputs: { "a/b": 1 } }),
      { faults: [{ pointer: "/inputs/a~1b", message: "unknown property" }] },
    ],
    [
      "credentials with a property that it does not know",
      (a) => a.create({ connector: "acme", user: "u", credentials: { token: TOKEN, "a/b": 1 } }),
      { faults: [{ pointer: "/credentials/a~1b", message: "unknown property; bearer takes token" }] },
    ],
    [
      "a number that is no token",
      (a) => a.create({ connector: "acme", user: "u", credentials: { token: 7 } }),
      { faults: [{ pointer: "/credentials/token", message: "is required, as text" }] },
    ],
    [
      "another user than the scope's",
      (a) => a.create({ connector: "acme", user: "u" }, { user: "v" }),
      { code: "forbidden" },
    ],
    ["a change that changes nothing", (a) => a.update("con_x", {}), { code: "invalid_input" }],
    ["a bad cursor", (a) => a.list({ cursor: "nonsense" }), { faults: [{ pointer: "/cursor" }] }],
    ["a bad state", (a) => a.list({ status: "lost" as never }), { faults: [{ pointer: "/status" }] }],
    ["too large a page", (a) => a.list({ limit: 201 }), { faults: [{ pointer: "/limit" }] }],
    ["a bad way back", (a) => a.reconnect("con_x", { returnTo: 1 as never }), { faults: [{ pointer: "/returnTo" }] }],
    ["an id that does not exist", (a) => a.get("con_x"), { code: "not_found" }],
  ];

  it.each(refusals)("is %s", async (_what, attempt, expected) => {
    const { accounts, vendor } = await acmeWith(bearer);
    await expect(attempt(accounts)).rejects.toMatchObject({ name: "HooklineError", ...expected });
    expect(vendor.seen).toEqual([]);
  });
});

describe("connections", () => {
  it("name the nearest connector for an unknown one", async () => {
    const { accounts } = await acmeWith(bearer);
    await expect(accounts.create({ connector: "acmee", user: "u" })).rejects.toMatchObject({
      code: "not_found",
      message: 'Connector "acmee" does not exist; did you mean "acme"?',
    });
    await expect(accounts.create({ connector: "constructor", user: "u" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("say which OAuth client is missing", async () => {
    const h = await harness([acme({ authentication: acmeOAuth })], { clients: {} });
    await expect(h.accounts.create({ connector: "acme", user: "u" })).rejects.toMatchObject({
      code: "invalid_config",
      message: "clients.acme: no OAuth client is configured; register one at the vendor and set its id and secret",
    });
    expect((await h.accounts.list()).data).toEqual([]);
  });

  it("are listed page by page in the order they were made, filtered by user", async () => {
    const { accounts } = await acmeWith(bearer);
    const ids: string[] = [];
    for (const user of ["a", "b", "a", "a"])
      ids.push((await accounts.create({ connector: "acme", user, credentials: { token: TOKEN } })).id);
    const first = await accounts.list({ user: "a", limit: 2 });
    expect(first.data.map(({ id }) => id)).toEqual([ids[0], ids[2]]);
    const second = await accounts.list({ user: "a", limit: 2, cursor: first.nextCursor! });
    expect(second).toMatchObject({ data: [{ id: ids[3] }], nextCursor: null });
  });

  it("of another user do not exist", async () => {
    const { accounts } = await acmeWith(bearer);
    const { id } = await accounts.create({ connector: "acme", user: "a", credentials: { token: TOKEN } });
    const missing = { code: "not_found", message: `Connection ${id} does not exist; list them to find the right id` };
    for (const attempt of [
      () => accounts.get(id, { user: "b" }),
      () => accounts.update(id, { label: "x" }, { user: "b" }),
      () => accounts.remove(id, {}, { user: "b" }),
      () => accounts.test(id, { user: "b" }),
      () => accounts.reconnect(id, {}, { user: "b" }),
    ]) {
      await expect(attempt()).rejects.toMatchObject(missing);
    }
    expect(await accounts.get(id, { user: "a" })).toMatchObject({ id, label: "ada@x.example" });
  });

  it("keep the label a person gave them", async () => {
    const { accounts } = await acmeWith(bearer);
    const { id } = await accounts.create({ connector: "acme", user: "a", credentials: { token: TOKEN } });
    expect(await accounts.update(id, { label: "Shop" })).toMatchObject({ label: "Shop" });
    expect(await accounts.test(id)).toMatchObject({ label: "Shop" });
  });

  it("with a token cannot be reconnected by OAuth", async () => {
    const { accounts } = await acmeWith(bearer);
    const { id } = await accounts.create({ connector: "acme", user: "a", credentials: { token: TOKEN } });
    await expect(accounts.reconnect(id)).rejects.toMatchObject({
      code: "conflict",
      message: `${id} is connected by bearer, not by OAuth; give it new credentials: PATCH /v1/connections/${id} {"credentials": {…}}`,
    });
  });

  it("never show a secret", async () => {
    const { accounts, logged, events } = await acmeWith(bearer);
    const view = await accounts.create({ connector: "acme", user: "a", credentials: { token: TOKEN } });
    const shown = [
      view,
      await accounts.get(view.id),
      await accounts.list(),
      await accounts.test(view.id),
      logged,
      events,
    ];
    expect(JSON.stringify(shown)).not.toContain(TOKEN);
  });

  const copies = async (h: Awaited<ReturnType<typeof acmeWith>>, id: string, from: number, to: number) => {
    const numbers = `with recursive n(i) as (select ${from} union all select i + 1 from n where i < ${to - 1})`;
    const columns =
      "connector, user_id, status, inputs, captured, scopes, auth_type, credentials, version, created_at, updated_at";
    await h.db.run(
      `${numbers} insert into connections (id, ${columns}) select 'con_x' || i, ${columns} from connections, n where id = ?`,
      [id],
    );
    await h.db.run(
      `${numbers} insert into connection_grants select 'con_x' || i, name, hash, place from connection_grants, n where connection = ?`,
      [id],
    );
  };
  const withRefresh = (refresh: object) => acmeWith({ ...acmeOAuth, refresh });
  const grant = (expiresAt: number) => ({ accessToken: TOKEN, refreshToken: "refresh-token-x", expiresAt });

  it.each([
    ["30 days before the vendor ends it", 180, 150],
    ["at half of a time shorter than 60 days", 10, 5],
  ])("warn of a refresh token that is not used, %s", async (_when, unusedDays, day) => {
    const { accounts, clock } = await withRefresh({ unusedDays });
    const { id } = await accounts.create({ connector: "acme", user: "a", credentials: grant(clock.now()) });
    const warnings = async () => (await accounts.get(id)).warnings;
    clock.advance(day * DAY - 1);
    expect(await warnings()).toEqual([]);
    clock.advance(1);
    expect(await warnings()).toEqual([
      expect.stringMatching(
        new RegExp(`^The refresh token has not been used since 20.*ends one that is unused for ${unusedDays} days`),
      ),
    ]);
  });

  it("warn from nine tenths of the refresh tokens on that an account may have", async () => {
    const h = await withRefresh({ maxPerAccount: 100 });
    const { id } = await h.accounts.create({ connector: "acme", user: "a", credentials: grant(h.clock.now()) });
    await copies(h, id, 1, 89);
    expect((await h.accounts.get(id)).warnings).toEqual([]);
    await copies(h, id, 89, 90);
    expect((await h.accounts.get(id)).warnings).toEqual([
      "90 connections lead to this account; above 100 the vendor ends the oldest refresh token. " +
        "Remove connections that are not needed.",
    ]);
  });

  it("warn of nothing that their manifest does not declare", async () => {
    const h = await withRefresh({ marginSeconds: 300 });
    const { id } = await h.accounts.create({ connector: "acme", user: "a", credentials: grant(h.clock.now()) });
    await copies(h, id, 1, 200);
    h.clock.advance(1000 * DAY);
    expect((await h.accounts.get(id)).warnings).toEqual([]);
  });

  it("take the end of a token as whole milliseconds, and no time beyond the calendar", async () => {
    const { accounts, db } = await acmeWith(acmeOAuth);
    const create = (expiresAt: unknown) =>
      accounts.create({ connector: "acme", user: "a", credentials: { accessToken: TOKEN, expiresAt } });
    for (const [given, kept] of [
      [1.5, 1],
      [8.64e15, 8.64e15],
    ]) {
      const { id } = await create(given);
      expect((await findConnection(db, id))!.expiresAt).toBe(kept);
    }
    await expect(create(8.64e15 + 1)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/credentials/expiresAt", message: "must be an RFC 3339 time or milliseconds" }],
    });
  });

  it("leave the grant alone on removal while another connection lives on it", async () => {
    const { accounts, vendor } = await acmeWith(acmeOAuth);
    const credentials = { accessToken: TOKEN, refreshToken: "refresh-token-x" };
    const one = await accounts.create({ connector: "acme", user: "a", credentials });
    const two = await accounts.create({ connector: "acme", user: "a", credentials });
    expect(await accounts.remove(one.id)).toEqual({ revoked: false });
    expect(vendor.calls("/revoke")).toHaveLength(0);
    expect(await accounts.remove(two.id)).toEqual({ revoked: true });
    expect(vendor.calls("/revoke")).toHaveLength(1);
  });

  it("are removed even when the vendor does not take the grant back", async () => {
    const vendor = await vendorServer((request) => (request.url === "/revoke" ? "reset" : { json: { email: "a" } }));
    const { accounts, logged } = await harness([acme({ authentication: acmeOAuth })], { url: vendor.url });
    const { id } = await accounts.create({ connector: "acme", user: "a", credentials: { accessToken: TOKEN } });
    expect(await accounts.remove(id)).toEqual({ revoked: false });
    await expect(accounts.get(id)).rejects.toMatchObject({ code: "not_found" });
    expect(logged.join()).toContain("could not be revoked");
  });

  it("tell accounts apart by what the vendor says, never by a label that a person chose", async () => {
    const { accounts, vendor } = await acmeWith(acmeOAuth, ({ headers }) => ({
      json: { email: headers.authorization },
    }));
    const connect = (user: string, accessToken: string) =>
      accounts.create({ connector: "acme", user, credentials: { accessToken } });
    const his = await connect("him", "a-token-of-him");
    const hers = await connect("her", "a-token-of-her");
    await accounts.update(his.id, { label: hers.label! });
    await accounts.remove(hers.id);
    expect(vendor.calls("/revoke")).toHaveLength(1);
    const again = await connect("him", "a-token-of-him");
    await accounts.update(again.id, { label: "Work" });
    await accounts.remove(again.id);
    expect(vendor.calls("/revoke")).toHaveLength(1);
  });
});
