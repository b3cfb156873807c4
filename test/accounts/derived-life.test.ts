/** What becomes of derived connections: their tokens end, what they stand for is uninstalled, their parents go and come back. */
import { describe, expect, it } from "vitest";
import { openCredentials } from "../../runtime/accounts/credentials.ts";
import { hindrance, LEASE_MS } from "../../runtime/accounts/renewal.ts";
import { connections, findConnection } from "../../runtime/model/connections.ts";
import { leaseRefresh } from "../../runtime/model/refresh-leases.ts";
import { agency, HOUR } from "./agency.ts";
import type { Reply } from "./harness.ts";

type World = Awaited<ReturnType<typeof agency>>;

/** An agency with one derived connection. */
async function derived(user?: string) {
  const h = await agency();
  const parent = await h.connect();
  const [child] = await h.derive(parent, ["north"], user);
  return { ...h, parent, child: child! };
}

const errorOf = async ({ accounts }: World, id: string) => {
  const { status, error } = await accounts.get(id);
  return { status, reason: error?.reason };
};
const refreshes = ({ vendor }: World): number =>
  vendor.calls("/token").filter(({ body }) => body.includes("grant_type=refresh_token")).length;

describe("the token of a derived connection", () => {
  it("is asked for again ahead of its end, once for all who need it, and never refreshed", async () => {
    const h = await derived();
    for (const round of [2, 3]) {
      h.clock.advance(24 * HOUR);
      const used = await Promise.all(Array.from({ length: 20 }, () => h.by(h.child)));
      expect(new Set(used)).toEqual(new Set([`Bearer branch-token-north-${round}`]));
    }
    expect(h.minted).toHaveLength(3);
    const row = await findConnection(h.db, h.child);
    expect(openCredentials(h.vault, row!, row!.credentials!)).not.toHaveProperty("refreshToken");
  });

  it("stays where the vendor says nothing of its end, and is asked for when it is not accepted any more", async () => {
    const h = await derived();
    h.say.mint = (branch, n) => ({ json: { access_token: `endless-${n}`, branch, refresh_token: "not-for-us" } });
    await h.derive(h.parent, ["north"]);
    h.clock.advance(1000 * HOUR);
    expect(await h.by(h.child)).toBe("Bearer endless-2");
    h.say.call = ({ headers }) => (headers.authorization === "Bearer endless-2" ? { status: 401 } : undefined);
    expect(await h.by(h.child)).toBe("Bearer endless-3");
    const row = await findConnection(h.db, h.child);
    expect(JSON.stringify(openCredentials(h.vault, row!, row!.credentials!))).not.toContain("not-for-us");
  });

  it("needs a parent's token that is good, which is renewed once for all", async () => {
    const h = await agency();
    const parent = await h.connect();
    const children = await h.derive(parent, ["north", "south", "west"]);
    h.clock.advance(25 * HOUR);
    await Promise.all(children.map((child) => h.by(child)));
    expect(refreshes(h)).toBe(1);
    expect(h.minted).toHaveLength(6);
    const minting = h.vendor.calls("/v1/branch-token").slice(3);
    expect(new Set(minting.map(({ headers }) => headers.authorization))).toEqual(new Set(["Bearer agency-token-2"]));
  });

  it("is asked for with a new token of its parent's where the vendor has ended that one early", async () => {
    const h = await derived();
    let isOver = true;
    h.say.mint = () => {
      if (!isOver) return undefined;
      isOver = false;
      return { status: 401, json: {} };
    };
    h.clock.advance(23 * HOUR + 0.99 * HOUR);
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-3");
    expect(refreshes(h)).toBeGreaterThanOrEqual(1);
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
  });

  it("survives that its parent's is renewed", async () => {
    const h = await derived();
    await h.accounts.tokens.open(h.parent, (await findConnection(h.db, h.parent))!.version);
    expect(refreshes(h)).toBe(1);
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-1");
    h.clock.advance(25 * HOUR);
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-2");
  });

  it("is asked for again where a process died between the answer and the store: nothing is lost by it", async () => {
    const h = await derived();
    h.clock.advance(24 * HOUR);
    const { version } = (await findConnection(h.db, h.child))!;
    const at = h.clock.now();
    await leaseRefresh(h.db, h.child, version, { owner: "a process that died", until: at + LEASE_MS }, at);
    const taken = (await findConnection(h.db, h.child))!;
    expect(hindrance(taken, at + LEASE_MS - 1)).toBe("renewing");
    expect(hindrance(taken, at + LEASE_MS)).toBeUndefined();
    h.clock.advance(LEASE_MS);
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-2");
    expect(h.minted).toHaveLength(2);
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
  });

  it.each<[string, Reply]>([
    ["a connection that breaks", "reset"],
    ["502", { status: 502, text: "<html>" }],
    ["503", { status: 503, json: {} }],
    ["429", { status: 429, headers: { "retry-after": "3600" }, json: {} }],
    ["a refusal while it is listed", { status: 404, json: {} }],
    ["a missing scope", { status: 403, json: {} }],
  ])("that cannot be had because of %s ends nothing", async (_what, reply) => {
    const h = await derived();
    h.say.mint = () => reply;
    h.clock.advance(25 * HOUR);
    await expect(h.by(h.child)).rejects.toBeDefined();
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
    h.say.mint = undefined;
    h.clock.advance(2 * HOUR);
    expect(await h.by(h.child)).toMatch(/^Bearer branch-token-north-\d+$/);
  });
});

describe("what is no longer installed", () => {
  it("is said by the vendor twice: no token, and not in the list", async () => {
    const h = await derived();
    h.say.branches[0]!.installed = false;
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-1");
    h.clock.advance(25 * HOUR);
    await expect(h.by(h.child)).rejects.toMatchObject({ code: "reauth_required", data: { reason: "uninstalled" } });
    expect(await errorOf(h, h.child)).toEqual({ status: "reauth_required", reason: "uninstalled" });
    expect(await errorOf(h, h.parent)).toEqual({ status: "active", reason: undefined });
    expect(h.events.filter(({ type }) => type === "connection.reauth_required")).toHaveLength(1);
    const asked = h.vendor.seen.length;
    await expect(h.by(h.child)).rejects.toMatchObject({ data: { reason: "uninstalled" } });
    expect(h.vendor.seen).toHaveLength(asked);
  });

  it("is noticed as soon as its token is refused", async () => {
    const h = await derived();
    h.say.branches.shift();
    h.say.call = () => ({ status: 401 });
    await expect(h.by(h.child)).rejects.toMatchObject({ code: "reauth_required", data: { reason: "uninstalled" } });
  });

  it.each<[string, Reply]>([
    ["nothing", { json: {} }],
    ["nothing at all", { status: 200 }],
    ["503", { status: 503, json: {} }],
    ["a page of HTML", { text: "<html>" }],
    ["an error in a 200", { json: { branches: [], error: { message: "maintenance" } } }],
    ["a list whose second page fails", "hang"],
  ])("is not concluded from a list that answers %s", async (what, reply) => {
    const h = await derived();
    h.say.branches[0]!.installed = false;
    h.say.list = ({ url }) => {
      if (!what.includes("second page")) return reply;
      return url.includes("skip=0") ? undefined : { status: 500, json: {} };
    };
    h.clock.advance(25 * HOUR);
    await expect(h.by(h.child)).rejects.toBeDefined();
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
  });

  it("is not concluded, nor that a thing is deleted, where the list is not found either", async () => {
    const h = await derived();
    h.say.mint = () => ({ status: 404, json: {} });
    h.say.list = () => ({ status: 404, json: {} });
    h.say.call = () => ({ status: 401, json: {} });
    await expect(h.actions.run(h.child, "delete_thing", {})).rejects.toMatchObject({ code: "vendor_error" });
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
  });

  it("works again, with its id, once it is installed and derived again", async () => {
    const h = await derived();
    h.say.branches[0]!.installed = false;
    h.clock.advance(25 * HOUR);
    await expect(h.by(h.child)).rejects.toMatchObject({ code: "reauth_required" });
    h.say.branches[0]!.installed = true;
    expect(await h.derive(h.parent, ["north"])).toEqual([h.child]);
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
    expect(await h.by(h.child)).toMatch(/^Bearer branch-token-north-/);
    expect(h.events.at(-1)).toMatchObject({ type: "connection.active", data: { connection: h.child } });
  });
});

describe("a parent that has lost its grant", () => {
  const lose = async (h: World, parent: string): Promise<void> => {
    h.say.token = () => ({ status: 400, json: { error: "invalid_grant" } });
    const { version } = (await findConnection(h.db, parent))!;
    await expect(h.accounts.tokens.open(parent, version)).rejects.toMatchObject({ code: "reauth_required" });
  };

  it("ends what was derived from it, with a reason, and has it back when it is reconnected", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north, south] = await h.derive(parent, ["north", "south"]);
    await lose(h, parent);
    expect(await h.accounts.followParents()).toBeUndefined();
    for (const id of [north!, south!]) {
      expect(await errorOf(h, id)).toEqual({ status: "reauth_required", reason: "parent_lost" });
      expect(h.statuses).toContainEqual({ id, connector: "acme", user: "u_1", status: "reauth_required" });
    }
    const minted = h.minted.length;
    await h.accounts.followParents();
    expect(h.minted).toHaveLength(minted);

    h.say.token = undefined;
    h.say.branches[1]!.installed = false;
    const { authorizeUrl } = await h.accounts.reconnect(parent, {}, {}, h.session);
    await h.authorize(authorizeUrl);
    expect(await h.accounts.followParents()).toBeUndefined();
    expect(await errorOf(h, north!)).toEqual({ status: "active", reason: undefined });
    expect(await h.by(north!)).toMatch(/^Bearer branch-token-north-/);
    expect(await errorOf(h, south!)).toEqual({ status: "reauth_required", reason: "uninstalled" });
  });

  it("is looked for again where the vendor could not be asked", async () => {
    const h = await derived();
    await lose(h, h.parent);
    await h.accounts.followParents();
    h.say.token = undefined;
    const { authorizeUrl } = await h.accounts.reconnect(h.parent, {}, {}, h.session);
    await h.authorize(authorizeUrl);
    h.say.mint = () => ({ status: 503, json: {} });
    expect(await h.accounts.followParents()).toBe(h.clock.now() + 60_000);
    expect(await errorOf(h, h.child)).toEqual({ status: "reauth_required", reason: "parent_lost" });
    h.say.mint = undefined;
    expect(await h.accounts.followParents()).toBeUndefined();
    expect(await errorOf(h, h.child)).toEqual({ status: "active", reason: undefined });
  });

  const reconnect = async (h: World, parent: string): Promise<void> => {
    h.say.token = undefined;
    const { authorizeUrl } = await h.accounts.reconnect(parent, {}, {}, h.session);
    await h.authorize(authorizeUrl);
  };

  it("has nothing back that a person removes while a token is asked for", async () => {
    const h = await derived();
    await lose(h, h.parent);
    await h.accounts.followParents();
    await reconnect(h, h.parent);
    h.say.mint = async () => void (await h.accounts.remove(h.child));
    await h.accounts.followParents();
    expect((await h.accounts.list({})).data.map(({ id }) => id)).toEqual([h.parent]);
  });

  it("has nothing back that works by another parent meanwhile", async () => {
    const h = await derived();
    await lose(h, h.parent);
    await h.accounts.followParents();
    await reconnect(h, h.parent);
    const other = await h.connect();
    const rederived: string[][] = [];
    h.say.mint = async () => {
      h.say.mint = undefined;
      rederived.push(await h.derive(other, ["north"]));
      return undefined;
    };
    await h.accounts.followParents();
    expect(rederived).toEqual([[h.child]]);
    expect(await h.accounts.get(h.child)).toMatchObject({ status: "active", parent: other });
  });

  it("has back what was changed otherwise meanwhile", async () => {
    const h = await derived();
    await lose(h, h.parent);
    await h.accounts.followParents();
    await reconnect(h, h.parent);
    h.say.mint = async () => void (await h.accounts.update(h.child, { label: "Mine" }));
    expect(await h.accounts.followParents()).toBeUndefined();
    expect(await h.accounts.get(h.child)).toMatchObject({ status: "active", label: "Mine" });
  });

  it("is noticed by who asks for a token, too", async () => {
    const h = await derived();
    h.say.token = () => ({ status: 400, json: { error: "invalid_grant" } });
    h.clock.advance(25 * HOUR);
    await expect(h.by(h.child)).rejects.toMatchObject({ code: "reauth_required", data: { reason: "parent_lost" } });
    expect(await errorOf(h, h.parent)).toMatchObject({ status: "reauth_required" });
  });
});

describe("a parent that is reconnected", () => {
  it("with more scopes has given them to what was derived from it, once that has its next token", async () => {
    const h = await agency();
    const answer = { access_token: "a", refresh_token: "r", expires_in: 86_400, agency: "acme-1", kind: "agency" };
    h.say.token = () => ({ json: { ...answer, scope: "read derive" } });
    // The vendor does not say what a branch's token allows.
    h.say.mint = (branch, n) => ({ json: { access_token: `branch-${n}`, branch, expires_in: 86_400 } });
    const parent = await h.connect();
    const [child] = await h.derive(parent, ["north"]);
    h.say.call = () => ({
      status: 403,
      headers: { "www-authenticate": 'Bearer error="insufficient_scope"' },
      json: {},
    });
    const data = { reconnect: `POST /v1/connections/${parent}/reconnect` };
    await expect(h.by(child!)).rejects.toMatchObject({ code: "scope_missing", data });
    h.say.call = undefined;
    h.say.token = () => ({ json: { ...answer, scope: "read write derive" } });
    await h.authorize((await h.accounts.reconnect(parent, { scopes: ["write"] }, {}, h.session)).authorizeUrl);
    expect((await h.accounts.get(child!)).operations.actions.missing).toHaveLength(1);
    h.clock.advance(24 * HOUR);
    await h.accounts.client(child!);
    const { scopes, operations } = await h.accounts.get(child!);
    expect([scopes, operations.actions.missing]).toEqual([["read", "write", "derive"], []]);
    expect(await h.by(child!)).toBe("Bearer branch-2");
  });

  it("with another agency stays what it was, and so does what was derived from it", async () => {
    const h = await derived();
    h.say.token = () => ({
      json: { access_token: "other", refresh_token: "other", expires_in: 3600, agency: "acme-2", kind: "agency" },
    });
    const { authorizeUrl } = await h.accounts.reconnect(h.parent, {}, {}, h.session);
    await expect(h.authorize(authorizeUrl)).rejects.toMatchObject({ code: "account_mismatch" });
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-1");
    h.say.token = undefined;
    h.clock.advance(25 * HOUR);
    expect(await h.by(h.child)).toBe("Bearer branch-token-north-2");
  });

  it("with another agency deliberately is no parent any more: nothing is asked for by that agency's token", async () => {
    const h = await derived();
    h.say.token = () => ({
      json: { access_token: "other", refresh_token: "other", expires_in: 86_400, agency: "acme-2", kind: "agency" },
    });
    const { authorizeUrl } = await h.accounts.reconnect(h.parent, { account: "move" }, {}, h.session);
    await h.authorize(authorizeUrl);
    h.clock.advance(23.99 * HOUR);
    await expect(h.by(h.child)).rejects.toMatchObject({ code: "reauth_required", data: { reason: "parent_moved" } });
    expect(h.minted).toHaveLength(1);
  });

  it("with another agency after its grant was lost brings nothing back, and acts for nothing that was derived before", async () => {
    const h = await derived();
    const other = {
      access_token: "other",
      refresh_token: "other",
      expires_in: 86_400,
      agency: "acme-2",
      kind: "agency",
    };
    h.say.token = () => ({ json: other });
    await expect(h.actions.run(h.child, "agency_only", {})).resolves.toBeDefined();
    const { authorizeUrl } = await h.accounts.reconnect(h.parent, { account: "move" }, {}, h.session);
    await h.authorize(authorizeUrl);
    const called = h.vendor.calls("/v1/agency").length;
    await expect(h.actions.run(h.child, "agency_only", {})).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("which leads to another account now") as string,
    });
    expect(h.vendor.calls("/v1/agency")).toHaveLength(called);
    await connections.change(h.db, { status: "reauth_required" }, "id = ?", [h.parent]);
    await h.accounts.followParents();
    await connections.change(h.db, { status: "active" }, "id = ?", [h.parent]);
    await h.accounts.followParents();
    expect(await errorOf(h, h.child)).toEqual({ status: "reauth_required", reason: "parent_moved" });
    expect(h.minted).toHaveLength(1);
  });
});

describe("a parent that is removed", () => {
  it("ends what was derived from it, whoever's it is, and its grant with the last that holds it", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    const [theirs] = await h.derive(parent, ["south"], "u_2");
    expect(await h.accounts.remove(parent, {}, { user: "u_1" })).toEqual({ revoked: true });
    for (const id of [north!, theirs!]) {
      expect(await errorOf(h, id)).toEqual({ status: "reauth_required", reason: "parent_removed" });
      expect((await connections.find(h.db, id))!.credentials).toBeNull();
      const ended = { code: "reauth_required", data: { reason: "parent_removed" } };
      await expect(h.by(id)).rejects.toMatchObject(ended);
      await expect(h.accounts.test(id)).rejects.toMatchObject(ended);
    }
    expect(h.vendor.calls("/revoke")).toHaveLength(1);
    expect(await h.accounts.get(north!, { user: "u_1" })).toMatchObject({ parent: null });
  });

  it("leaves the grant where another connection holds it", async () => {
    const h = await derived();
    await h.connect();
    expect(await h.accounts.remove(h.parent)).toEqual({ revoked: false });
    expect(h.vendor.calls("/revoke")).toEqual([]);
  });

  it("while a connection is derived from it that had another parent leaves that one as it was", async () => {
    const h = await derived();
    await h.accounts.remove(h.parent);
    const next = await h.connect();
    h.say.mint = async () => void (await h.accounts.remove(next));
    await expect(h.derive(next, ["north"])).rejects.toThrow("changed meanwhile");
    expect(await errorOf(h, h.child)).toEqual({ status: "reauth_required", reason: "parent_removed" });
  });

  it("is followed by another of the same agency: what is derived from that one keeps its id and history", async () => {
    const h = await derived();
    await h.accounts.remove(h.parent);
    const next = await h.connect();
    expect(await h.derive(next, ["north"])).toEqual([h.child]);
    expect(await h.accounts.get(h.child)).toMatchObject({ status: "active", parent: next, account: { id: "north" } });
    expect(await h.by(h.child)).toMatch(/^Bearer branch-token-north-/);
  });
});

describe("a derived connection that is removed", () => {
  it("takes nothing from its parent and its sisters: the grant is not its own", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north, south] = await h.derive(parent, ["north", "south"]);
    expect(await h.accounts.remove(north!)).toEqual({ revoked: null });
    expect(h.vendor.calls("/revoke")).toEqual([]);
    expect(await h.by(south!)).toBe("Bearer branch-token-south-2");
    expect(await h.derive(parent, ["north"])).not.toEqual([north]);
  });

  it("of a parent that stays is told as gone to what uses it", async () => {
    const h = await derived("u_2");
    await h.accounts.remove(h.child, {}, { user: "u_2" });
    expect(h.statuses.at(-1)).toEqual({ id: h.child, connector: "acme", user: "u_2", status: "removed" });
  });
});
