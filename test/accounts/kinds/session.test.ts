import type { AddressInfo } from "node:net";
import express from "express";
import { getSetCookies, Headers } from "undici";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../../runtime/core/clock.ts";
import type { HooklineError } from "../../../runtime/core/errors.ts";
import type { Action } from "../../../schemas/manifest.ts";
import { findConnection } from "../../../runtime/model/connections.ts";
import { cookiesOf } from "../../../runtime/vendor/cookies.ts";
import { harness, later, type Reply, type Seen } from "../harness.ts";
import { faultsOf, fixture, fixtureWith, kindWith } from "./kind.ts";
import { GET, HOUR, issuesByRound, ONCE_EACH, reissuing, SEND, storeOf, STORES, type Reissued } from "./reissued.ts";

const NAME = "session-kind";
const credentials = { user: "ada@example.com", password: "pässword-canary-0123456789" };
const session = (n: number, more: object = {}): Reply => ({
  json: { session: { token: `session-token-${n}`, ttl: "3600", region: `eu-${n}`, ...more } },
});
const isLogin = ({ url }: Seen): boolean => url.startsWith("/v1/login");

const playing = async (more: Partial<Reissued> = {}): Promise<Reissued> => ({
  manifest: await fixture("session"),
  credentials,
  issue: (request, n) => (isLogin(request) ? session(n) : undefined),
  carries: ({ headers }, n) => headers["x-auth-token"] === `session-token-${n}`,
  ...more,
});

describe("a session", () => {
  it("has a fixture manifest without faults", async () => {
    expect(await faultsOf(await fixture("session"))).toEqual([]);
  });

  it("is begun by the declared login, and carried in the declared place", async () => {
    const h = await reissuing(await playing());
    expect(h.made).toMatchObject({ status: "active", label: "Ada", authType: "session", scopes: [] });
    const [login, test] = h.vendor.seen;
    expect([login!.method, login!.url, JSON.parse(login!.body)]).toEqual(["POST", "/v1/login", credentials]);
    expect([login!.headers["x-client"], login!.headers["x-auth-token"]]).toEqual(["hookline", undefined]);
    expect([test!.url, test!.headers["x-auth-token"]]).toEqual(["/v1/account", "session-token-1"]);
    expect((await findConnection(h.db, h.id))!).toMatchObject({
      captured: { region: "eu-1" },
      expiresAt: h.clock.now() + HOUR,
    });
  });

  it.each(STORES)("is begun once for each expiry by many callers in several processes, on %s", async (kind) => {
    const h = await reissuing(await playing({ options: { db: await storeOf(kind) } }));
    expect(await issuesByRound(h, () => h.clock.advance(HOUR))).toEqual(ONCE_EACH);
  });

  it.each(STORES)("is begun once for each that the vendor ends, where it does not say when, on %s", async (kind) => {
    let refused = 0;
    const h = await reissuing(
      await playing({
        options: { db: await storeOf(kind) },
        issue: (request, n) => (isLogin(request) ? session(n, { ttl: null }) : undefined),
        carries: ({ headers }, n) => n > refused && headers["x-auth-token"] === `session-token-${n}`,
      }),
    );
    expect((await findConnection(h.db, h.id))!.expiresAt).toBeNull();
    h.clock.advance(1000 * HOUR);
    await h.send();
    expect(h.state.issued).toBe(1);
    expect(await issuesByRound(h, () => void (refused = h.state.issued))).toEqual(ONCE_EACH);
  });

  it.each<[string, object, (n: number) => Reply]>([
    [
      "a header",
      { token: "$response.header.X-Session" },
      (n) => ({ headers: { "x-session": `session-token-${n}` }, json: {} }),
    ],
    ["a number", {}, (n) => session(n, { token: 1000 + n })],
    [
      "a cookie among others",
      { token: "$cookie#/connect.sid" },
      (n) => ({
        headers: {
          "set-cookie": `a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT, connect.sid=session-token-${n}; Path=/; HttpOnly, b=2`,
        },
        json: {},
      }),
    ],
  ])("is found in %s", async (_where, parts, answer) => {
    const manifest = await fixtureWith("session", parts);
    const h = await reissuing(
      await playing({
        manifest,
        issue: (request, n) => (isLogin(request) ? answer(n) : undefined),
        carries: ({ headers }) => ["session-token-1", "1001"].includes(String(headers["x-auth-token"])),
      }),
    );
    expect(h.made.status).toBe("active");
  });

  it.each<[string, unknown, unknown, number | null]>([
    ["the seconds that are documented", 1800, {}, 1800],
    ["seconds as text", "$response.body#/session/ttl", { ttl: "90" }, 90],
    ["the first that is there", ["$response.body#/session/none", "$response.body#/session/ttl", 60], { ttl: 120 }, 120],
    ["what is documented where the answer says nothing", ["$response.body#/session/ttl", 60], { ttl: undefined }, 60],
    ["nothing where nothing says it", "$response.body#/session/ttl", { ttl: undefined }, null],
    ["nothing by a number that makes no sense", "$response.body#/session/ttl", { ttl: 0 }, null],
    ["nothing by no number", "$response.body#/session/ttl", { ttl: "soon" }, null],
    ["nothing by an empty text", "$response.body#/session/ttl", { ttl: "" }, null],
  ])("ends after %s", async (_what, expiresIn, answer, seconds) => {
    const manifest = await fixtureWith("session", { expiresIn });
    const issue = (request: Seen, n: number) => (isLogin(request) ? session(n, answer as object) : undefined);
    const h = await reissuing(await playing({ manifest, issue }));
    const expected = seconds === null ? null : h.clock.now() + seconds * 1000;
    expect((await findConnection(h.db, h.id))!.expiresAt).toBe(expected);
  });

  it.each<[string, (now: number) => unknown, number | null]>([
    ["RFC 3339", (now) => new Date(now + 90_000).toISOString(), 90_000],
    ["seconds since 1970", (now) => Math.floor(now / 1000) + 90, 90_000],
    ["milliseconds since 1970, as text", (now) => String(now + 90_000), 90_000],
    ["a time that has passed, which proves nothing", (now) => new Date(now - 1).toISOString(), null],
    ["no time", () => "tomorrow", null],
  ])("ends at a time given as %s", async (_form, end, ms) => {
    const manifest = await fixtureWith("session", { expiresIn: undefined, expiresAt: "$response.body#/session/end" });
    const clock = new ManualClock("2026-01-01T00:00:00Z");
    const issue = (request: Seen, n: number) => (isLogin(request) ? session(n, { end: end(clock.now()) }) : undefined);
    const h = await reissuing(await playing({ manifest, issue, options: { clock } }));
    const { expiresAt } = (await findConnection(h.db, h.id))!;
    expect(expiresAt).toBe(ms === null ? null : clock.now() + ms);
  });

  it.each<[string, Reply, string, RegExp]>([
    ["by status", { status: 401, json: {} }, "connection_rejected", /does not accept the credentials/],
    [
      "by the manifest's errors",
      { status: 400, json: { code: "bad_login" } },
      "connection_rejected",
      /does not accept/,
    ],
    [
      "for another reason",
      { status: 400, json: { code: "odd" } },
      "vendor_error",
      /the login: the vendor answered 400/,
    ],
    ["by an answer without a token", { json: { session: {} } }, "vendor_error", /the login answered without a token/],
    ["by an empty token", { json: { session: { token: "" } } }, "vendor_error", /the login answered without a token/],
    ["by a token with a line break", { json: { session: { token: "a\nb: c" } } }, "vendor_error", /without a token/],
    [
      "by a page",
      { text: "<html>" },
      "vendor_error",
      /the login: the vendor answered 200 with a body that is not JSON/,
    ],
    ["by a redirect", { status: 302, headers: { location: "https://evil.example" } }, "vendor_error", /answered 302/],
  ])("that is refused %s connects nothing", async (_how, answer, code, message) => {
    const issue = (request: Seen) => (isLogin(request) ? answer : undefined);
    await expect(reissuing(await playing({ issue }))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it("whose password was changed needs another, and is never tried again by itself", async () => {
    const state = { isRefused: false };
    const h = await reissuing(
      await playing({
        issue: (request, n) =>
          !isLogin(request) ? undefined : state.isRefused ? { status: 401, json: {} } : session(n),
      }),
    );
    state.isRefused = true;
    h.clock.advance(2 * HOUR);
    for (let i = 0; i < 3; i++) await expect(h.send()).rejects.toMatchObject({ code: "reauth_required" });
    expect(h.state.issued).toBe(2);
    state.isRefused = false;
    const next = { ...credentials, password: "another-password" };
    expect(await h.accounts.update(h.id, { credentials: next })).toMatchObject({ status: "active" });
    expect((await h.send()).status).toBe(200);
  });

  it("never shows its password or token", async () => {
    const state = { isOdd: false };
    const h = await reissuing(
      await playing({
        issue: (request, n) =>
          !isLogin(request)
            ? undefined
            : state.isOdd
              ? { status: 500, json: { message: `no: ${request.body}` } }
              : session(n),
      }),
    );
    state.isOdd = true;
    h.clock.advance(2 * HOUR);
    const error = await h.send().catch((thrown: unknown) => thrown);
    const view = await h.accounts.get(h.id);
    const shown = JSON.stringify([
      error,
      (error as { data: object }).data,
      String(error),
      view,
      h.logged,
      await h.db.all("select * from connections"),
    ]);
    for (const secret of [credentials.password, "session-token-1"]) expect(shown).not.toContain(secret);
    expect(shown).toContain("500");
  });

  it("never shows its password where the first login fails, before there is a connection", async () => {
    const password = "first-pässword-canary-9876";
    let status = 401;
    const h = await kindWith(await fixture("session"), () => ({ status, json: { message: `not ${password}` } }));
    const given = { connector: NAME, user: "u_1", credentials: { ...credentials, password } };
    const refused = (await h.accounts.create(given).catch((thrown: unknown) => thrown)) as HooklineError;
    status = 500;
    const failed = (await h.accounts.create(given).catch((thrown: unknown) => thrown)) as HooklineError;
    const shown = JSON.stringify([
      refused,
      refused.message,
      refused.data,
      failed,
      failed.message,
      failed.data,
      h.logged,
    ]);
    expect([refused.code, failed.code]).toEqual(["connection_rejected", "vendor_error"]);
    expect(shown).not.toContain(password);
  });

  it("whose login is not found says nothing of what it was to be used for: a thing is not deleted by that", async () => {
    const manifest = await fixture("session");
    const remove: Action = {
      title: "Delete",
      kind: "delete",
      input: {},
      request: { method: "DELETE", path: "/things" },
      accept: ["notFound"],
    };
    const h = await reissuing(
      await playing({
        manifest: { ...manifest, actions: { ...manifest.actions, delete_thing: remove } },
        issue: (request, n) => (isLogin(request) ? (n === 1 ? session(1) : { status: 404, json: {} }) : undefined),
      }),
    );
    h.state.isAccepting = false;
    await expect(h.actions.run(h.id, "delete_thing", {})).rejects.toMatchObject({
      code: "vendor_error",
      message: expect.stringContaining("the login: the vendor answered 404") as string,
    });
    expect(await h.accounts.get(h.id)).toMatchObject({ status: "active" });
  });

  it.each<[string, object, RegExp]>([
    [
      "whose token goes nowhere",
      { present: { headers: { "X-User": "$credentials.user" } } },
      /^#\/authentication\/present: does not carry the token; write \$accessToken/,
    ],
    ["whose token is nowhere", { token: "$response.status" }, /^#\/authentication\/token: must match/],
    [
      "whose login reads an answer",
      { login: { method: "POST", path: "/login", body: "$response.body" } },
      /^#\/authentication\/login\/body: .*unknown root/,
    ],
    ["that ends at once", { expiresIn: 0 }, /^#\/authentication\/expiresIn: must be at least 1/],
  ])("is a fault in a manifest %s", async (_what, parts, fault) => {
    expect(await faultsOf(await fixtureWith("session", parts))).toContainEqual(expect.stringMatching(fault));
  });
});

describe("a session in a cookie, at a server of Express", () => {
  it("is begun, carried, ended and begun again", async () => {
    const app = express().use(express.urlencoded());
    const sessions = new Set<string>();
    let count = 0;
    app.post("/v1/login", (request, response) => {
      if (request.body.user !== credentials.user || request.body.password !== credentials.password)
        return void response.status(401).json({});
      const id = `s:${++count}/ä; b`;
      sessions.add(encodeURIComponent(id));
      response.cookie("lang", "de", { expires: new Date("2099-01-01") });
      response.cookie("connect.sid", id, { httpOnly: true, maxAge: 3_600_000 }).json({});
    });
    app.use((request, response) => {
      const [, id = ""] = /^connect\.sid=([^;]+)$/.exec(request.headers.cookie ?? "") ?? [];
      if (sessions.has(id)) response.json({ id: "a_1", name: "Ada" });
      else response.status(401).json({});
    });
    const server = app.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    later(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const manifest = await fixtureWith("session", {
      login: {
        method: "POST",
        path: "/login",
        bodyType: "form",
        body: { user: "$credentials.user", password: "$credentials.password" },
      },
      token: "$cookie#/connect.sid",
      expiresIn: undefined,
      present: { headers: { Cookie: "connect.sid={$accessToken}" } },
    });
    const h = await harness([manifest], { servers: { [NAME]: { url } } });
    const { id } = await h.accounts.create({ connector: NAME, user: "u_1", credentials });
    sessions.clear();
    const client = await h.accounts.client(id);
    expect((await client.send(GET, SEND)).status).toBe(200);
    expect(count).toBe(2);
  });
});

describe("cookies of an answer", () => {
  it.each([
    "a=1",
    "a=1; Path=/; HttpOnly",
    "a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT; Secure",
    "SID=31d4d96e407aad42; Path=/; Domain=example.com",
    "lang=en-US; Expires=Wed, 09 Jun 2099 10:18:14 GMT",
    "connect.sid=s%3Aabc.def; Path=/",
  ])("are read as undici reads %s", (line) => {
    const headers = new Headers();
    headers.append("set-cookie", line);
    headers.append("set-cookie", "last=x=y; Max-Age=60");
    const theirs = Object.fromEntries(getSetCookies(headers).map(({ name, value }) => [name, value]));
    expect(cookiesOf(`${line}, last=x=y; Max-Age=60`, Date.now())).toEqual(theirs);
  });

  it.each([
    ["nothing at all", undefined, {}],
    ["a cookie that ends at once", "a=1, a=x; Max-Age=0", {}],
    ["one that has ended", "a=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT", {}],
    ["one without a name", "=x, b=1", { b: "1" }],
    ["a value in quotes", 'a="x y"', { a: "x y" }],
    ["a name of an object's own", "__proto__=1", Object.fromEntries([["__proto__", "1"]])],
  ])("are what is left of %s", (_what, header, cookies) => {
    expect(cookiesOf(header, Date.now())).toEqual(cookies);
  });
});
