/** One install of an agency serves each of its branches. */
import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { MOST_DERIVED } from "../../runtime/model/connection-input.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import { agency, HOUR } from "./agency.ts";

describe("the list of what connections can be derived for", () => {
  it("is what the vendor lists on all of its pages, with the connections there are", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [south] = await h.derive(parent, ["south"]);
    const { data, nextCursor } = await h.accounts.derived(parent, {}, { user: "u_1" });
    expect(nextCursor).toBeNull();
    expect(data.toSorted((a, b) => a.id.localeCompare(b.id))).toEqual([
      { id: "north", label: "North", connections: [] },
      { id: "south", label: "South", connections: [{ id: south, user: "u_1", status: "active" }] },
      { id: "west", label: null, connections: [] },
    ]);
    expect(h.vendor.calls("/v1/branches?").at(-1)!.url).toContain("agency=acme-1&app=client-1");
  });

  it("comes in pages of one order", async () => {
    const h = await agency();
    const parent = await h.connect();
    const whole = (await h.accounts.derived(parent)).data.map(({ id }) => id);
    const first = await h.accounts.derived(parent, { limit: 2 });
    const second = await h.accounts.derived(parent, { limit: 2, cursor: first.nextCursor! });
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(whole);
    expect(second.nextCursor).toBeNull();
    await expect(h.accounts.derived(parent, { cursor: "bm9uZQ" })).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("leaves out what the vendor says is not installed", async () => {
    const h = await agency();
    h.say.branches[0]!.installed = false;
    const { data } = await h.accounts.derived(await h.connect());
    expect(data.map(({ id }) => id).toSorted()).toEqual(["south", "west"]);
  });

  it.each<[string, object]>([
    ["nothing", {}],
    ["a word instead", { branches: null }],
    ["an item without an id", { branches: [{ id: "north" }, { name: "South" }] }],
    ["an item whose id is an object", { branches: [{ id: {} }] }],
    ["an item whose id is a list", { branches: [{ id: ["north"] }] }],
    ["an item whose id is true", { branches: [{ id: true }] }],
    ["an error", { error: { message: "maintenance" }, branches: [] }],
  ])("is an error where the vendor answers 200 with %s", async (_what, json) => {
    const h = await agency();
    const parent = await h.connect();
    h.say.list = () => ({ json });
    await expect(h.accounts.derived(parent)).rejects.toMatchObject({ code: "unexpected_answer" });
    await expect(h.accounts.derive(parent, { all: true })).rejects.toMatchObject({ code: "unexpected_answer" });
  });

  it("is for the owner of the connection and for admins", async () => {
    const h = await agency();
    const parent = await h.connect();
    for (const work of [
      h.accounts.derived(parent, {}, { user: "u_2" }),
      h.accounts.derive(parent, { all: true }, { user: "u_2" }),
    ])
      await expect(work).rejects.toMatchObject({ code: "not_found" });
  });

  it("does not exist for a connection of another kind", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    await expect(h.accounts.derived(north!)).rejects.toMatchObject({
      code: "conflict",
      message: `${north}: no connection can be derived from it: it is not of the kind that others are derived from`,
    });
  });

  it("needs the scopes that the manifest names", async () => {
    const h = await agency();
    const wanted = { connector: "acme", user: "u_1", scopes: ["read"] };
    h.say.token = () => ({
      json: {
        access_token: "a",
        refresh_token: "r",
        expires_in: 3600,
        agency: "acme-1",
        kind: "agency",
        scope: "read",
      },
    });
    const { id, authorizeUrl } = await h.accounts.create(wanted, {}, h.session);
    await h.authorize(authorizeUrl!);
    await expect(h.accounts.derived(id)).rejects.toMatchObject({
      code: "scope_missing",
      data: { scopes: ["derive"], reconnect: `POST /v1/connections/${id}/reconnect` },
    });
    expect(h.vendor.calls("/v1/branches")).toEqual([]);
  });
});

describe("a derived connection", () => {
  it("is a connection like any other, with its own account and the grant of its parent", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    expect(await h.accounts.get(north!, { user: "u_1" })).toMatchObject({
      status: "active",
      user: "u_1",
      label: "North",
      account: { id: "north", label: "North" },
      parent,
      scopes: ["read", "write"],
      missingScopes: [],
      warnings: [],
    });
    expect((await h.accounts.client(north!)).values).toMatchObject({
      branch: "north",
      agency: "acme-1",
      kind: "branch",
    });
    expect(await h.by(north!)).toBe("Bearer branch-token-north-1");
    expect(h.statuses.at(-1)).toMatchObject({ id: north, status: "active" });
    const { data } = await h.accounts.list({ user: "u_1" });
    expect(data.map((one) => one.parent)).toEqual([null, parent]);
  });

  it("is answered as it is shown: with its parent to those who see that one", async () => {
    const h = await agency();
    const parent = await h.connect();
    const { data } = await h.accounts.derive(parent, { ids: ["north"] }, { user: "u_1" });
    const { warnings: _warnings, operations: _operations, ...shown } = await h.accounts.get(data[0]!.connection!.id);
    expect(data[0]!.connection).toEqual({ ...shown, parent });
  });

  it("exists once for a user, is given another token when it is derived again, and keeps its id", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [first] = await h.derive(parent, ["north"]);
    const [again] = await h.derive(parent, ["north"]);
    expect(again).toBe(first);
    expect(await h.by(first!)).toBe("Bearer branch-token-north-2");
    const { data } = await h.accounts.list({ connector: "acme" });
    expect(data).toHaveLength(2);
  });

  it("is made once by two who derive it at the same time", async () => {
    const h = await agency();
    const parent = await h.connect();
    const made = await Promise.all([h.derive(parent, ["north"]), h.derive(parent, ["north"])]);
    expect(new Set(made.flat()).size).toBe(1);
  });

  it("is made for all that have none, and each fails for itself", async () => {
    const h = await agency();
    const parent = await h.connect();
    await h.derive(parent, ["south"]);
    h.say.mint = (branch) => (branch === "west" ? { status: 500, json: {} } : undefined);
    const { data, remaining } = await h.accounts.derive(parent, { all: true });
    const ids = Object.fromEntries(data.map(({ id, connection, error }) => [id, connection?.status ?? error!.code]));
    expect(ids).toEqual({ north: "active", west: "vendor_error" });
    expect(remaining).toBe(1);
    expect(await h.accounts.derive(parent, { ids: ["east"] })).toEqual({
      data: [
        {
          id: "east",
          label: null,
          connection: null,
          error: {
            code: "not_found",
            message:
              "acme: the vendor does not list east as installed; install the app there, and derive the connection again",
          },
        },
      ],
      remaining: 1,
    });
  });

  it(`is one of at most ${MOST_DERIVED} that a call makes`, async () => {
    const h = await agency();
    h.say.branches = Array.from({ length: MOST_DERIVED + 1 }, (_, i) => ({ id: `branch-${i}` }));
    const parent = await h.connect();
    const ids = h.say.branches.map(({ id }) => id);
    await expect(h.accounts.derive(parent, { ids })).rejects.toMatchObject({ code: "invalid_input" });
    const first = await h.accounts.derive(parent, { all: true });
    expect([first.data.length, first.remaining]).toEqual([MOST_DERIVED, 1]);
    const second = await h.accounts.derive(parent, { all: true });
    expect([second.data.length, second.remaining]).toEqual([1, 0]);
  });

  it.each([{}, { ids: ["north"], all: true }, { all: false }, { ids: [] }])("is not made of %j", async (given) => {
    const h = await agency();
    await expect(h.accounts.derive(await h.connect(), given)).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("is made for another user by an admin only, and shows that user nothing of its parent", async () => {
    const h = await agency();
    const parent = await h.connect();
    await expect(h.accounts.derive(parent, { ids: ["north"], user: "u_2" }, { user: "u_1" })).rejects.toMatchObject({
      code: "forbidden",
    });
    const [north] = await h.derive(parent, ["north"], "u_2");
    expect(await h.accounts.get(north!, { user: "u_2" })).toMatchObject({ user: "u_2", parent: null });
    expect(await h.accounts.get(north!)).toMatchObject({ parent });
    const { data } = await h.accounts.derived(parent, {}, { user: "u_1" });
    expect(data.flatMap(({ connections }) => connections)).toEqual([]);
    await expect(h.accounts.get(parent, { user: "u_2" })).rejects.toMatchObject({ code: "not_found" });
  });

  it("is answered with its parent where the caller is shown that one too, as a read has it", async () => {
    const h = await agency();
    const parent = await h.connect();
    const { data } = await h.accounts.derive(parent, { ids: ["north"] }, { user: "u_1" });
    const made = data[0]!.connection!;
    expect(made).toMatchObject({ parent });
    expect(await h.accounts.get(made.id, { user: "u_1" })).toMatchObject(made);
  });

  it.each(["lacks a scope", "cannot be renewed"])("of another user says nothing of a parent that %s", async (what) => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"], "u_2");
    if (what === "lacks a scope") {
      h.say.token = () => ({
        json: {
          access_token: "a",
          refresh_token: "r",
          expires_in: 86_400,
          agency: "acme-1",
          kind: "agency",
          scope: "read",
        },
      });
      await h.authorize((await h.accounts.reconnect(parent, {}, {}, h.session)).authorizeUrl);
    } else h.say.token = () => ({ status: 500, json: {} });
    h.clock.advance(25 * HOUR);
    for (let round = 0; round < 2; round++) {
      const error = await h.by(north!).catch((thrown: unknown) => thrown as HooklineError);
      expect(error).toBeInstanceOf(HooklineError);
      const { message, data } = error as HooklineError;
      expect(JSON.stringify([message, data])).not.toContain(parent);
      h.clock.advance(31_000);
    }
  });

  it("cannot be reconnected by itself", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    await expect(h.accounts.reconnect(north!)).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("was derived from another connection") as string,
    });
  });

  it("names its parent where a scope is missing, for its parent is what is granted", async () => {
    const h = await agency();
    h.say.mint = (branch) => ({ json: { access_token: "t", expires_in: 60, scope: "write", branch } });
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    await expect(h.by(north!)).rejects.toMatchObject({
      code: "scope_missing",
      data: { reconnect: `POST /v1/connections/${parent}/reconnect` },
    });
  });

  it("is tested with its own token", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    expect(await h.accounts.test(north!)).toMatchObject({ status: "active", account: { id: "north" } });
    expect(h.vendor.calls("/v1/me").at(-1)!.headers.authorization).toBe("Bearer branch-token-north-1");
    const other = await findConnection(h.db, north!);
    expect(other!.label).toBe("North");
  });

  it("holds nothing of its parent's tokens, in the store or in any answer", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"], "u_2");
    const shown = JSON.stringify([
      await h.accounts.get(north!),
      await h.accounts.derived(parent),
      h.events,
      h.logged,
      (await h.accounts.tokens.open(north!)).credentials,
    ]);
    expect(shown).not.toContain("agency-token");
    expect(shown).not.toContain("agency-refresh");
  });

  it("passes requests through with its own token only", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"], "u_2");
    const answer = await h.actions.passthrough(north!, { method: "GET", target: "agency?x=1" });
    expect(JSON.parse(Buffer.concat(await answer.body.toArray()).toString())).toMatchObject({
      by: "Bearer branch-token-north-1",
    });
    await expect(h.actions.passthrough(north!, { method: "GET", target: "https://evil.example/x" })).rejects.toThrow(
      /evil|not allowed|invalid/i,
    );
  });
});

describe("an answer that is no token for what was asked", () => {
  it.each<[string, object | undefined, RegExp]>([
    ["nothing", undefined, /with no token/],
    ["an empty object", {}, /with no token/],
    ["another branch's token", { access_token: "t-secret-1", branch: "south" }, /with a token that is not for north/],
    ["a token for nobody knows what", { access_token: "t-secret-2" }, /with a token that is not for north/],
    ["the parent's own token", { access_token: "t-secret-3", branch: "acme-1" }, /with a token that is not for north/],
    ["an empty token", { access_token: "", branch: "north" }, /with no token/],
    ["a token that is no text", { access_token: 7, branch: "north" }, /with no token/],
  ])("such as 200 with %s makes no connection", async (_what, json, message) => {
    const h = await agency();
    const parent = await h.connect();
    h.say.mint = () => ({ status: 200, ...(json && { json }) });
    const { data } = await h.accounts.derive(parent, { ids: ["north"] });
    expect(data).toMatchObject([
      { id: "north", connection: null, error: { code: "unexpected_answer", message: expect.stringMatching(message) } },
    ]);
    expect((await h.accounts.list({})).data).toHaveLength(1);
  });

  it.each([9e15, 1e300])(
    "that lives for %d seconds is used until it is refused, and hides no connection",
    async (life) => {
      const h = await agency();
      const parent = await h.connect();
      h.say.mint = () => ({ json: { access_token: "t-secret-4", branch: "north", expires_in: life } });
      const [north] = await h.derive(parent, ["north"]);
      expect((await findConnection(h.db, north!))!.expiresAt).toBeNull();
      expect((await h.accounts.list()).data).toHaveLength(2);
    },
  );

  it("names scopes as texts only", async () => {
    const h = await agency();
    const parent = await h.connect();
    h.say.mint = () => ({
      json: { access_token: "t-secret-5", branch: "north", scope: ["read", { name: "write" }, null, 5] },
    });
    const [north] = await h.derive(parent, ["north"]);
    expect((await h.accounts.get(north!)).scopes).toEqual(["read"]);
  });

  it("leaves a connection with what it has, and is asked for again", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    h.say.mint = () => ({ json: { access_token: "of-another", expires_in: 60, branch: "south" } });
    h.clock.advance(25 * HOUR);
    await expect(h.by(north!)).rejects.toMatchObject({ code: "unexpected_answer" });
    expect(await h.accounts.get(north!)).toMatchObject({ status: "active" });
    h.say.mint = undefined;
    h.clock.advance(31_000);
    expect(await h.by(north!)).toBe("Bearer branch-token-north-3");
    expect(h.vendor.seen.some(({ headers }) => headers.authorization === "Bearer of-another")).toBe(false);
  });

  it("never counts as the answer to what the token was for", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    h.say.mint = () => ({ status: 404, json: { error: "what?" } });
    h.say.call = () => ({ status: 401, json: {} });
    // To delete what is not there is done; what no token is given for is not.
    await expect(h.actions.run(north!, "delete_thing", {})).rejects.toMatchObject({ code: "vendor_error" });
  });
});
