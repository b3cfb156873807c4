/** One install of a HighLevel agency serves every location. */
import { describe, expect, it } from "vitest";
import catalog from "../fixtures/highlevel-catalog.json" with { type: "json" };
import manifest from "../../connector/highlevel/manifest.json" with { type: "json" };
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import type { World } from "../contract/world.ts";
import { SESSION } from "../fixtures/browser.ts";
import { control, openHighLevel } from "./highlevel-world.ts";

const HOUR = 3_600_000;
const MINT = "highlevel.get-location-access-token";
const LIST = "highlevel.get-installed-location";
const AGENCY_ONLY = ["create_location", "filter_users_by_email", "get_company", "list_snapshots"];
const { id: first, companyId } = samples.location;

/** Adds a location to the agency. */
const found = async (world: World, name: string): Promise<string> =>
  ((await control(world, "POST", "/locations", { companyId, name })) as { id: string }).id;

async function derive(world: World, ids: string[], user?: string): Promise<string[]> {
  const { data } = await world.runtime.accounts.derive(world.connection, { ids, ...(user && { user }) });
  return data.map(({ connection, error }) => {
    if (!connection) throw new Error(error!.message);
    return connection.id;
  });
}

/** The operations of the catalog, by the kind that they have there. */
const CATALOG = ["trigger", "action"].map((kind) => {
  const names = catalog.filter((row) => row.kind === kind).map(({ name }) => name.toLowerCase());
  const keys = Object.keys(kind === "trigger" ? manifest.triggers : manifest.actions);
  const words = (text: string): string => text.replaceAll(/[^a-z]/g, "");
  return new Set(keys.filter((key) => names.some((name) => words(name) === words(key))));
});

const operationsOf = async (world: World, id: string) => {
  const { operations } = await world.runtime.accounts.get(id);
  const named = (part: "granted" | "unknown" | "unsuited"): string[] =>
    [operations.triggers, operations.actions].flatMap((kind, i) =>
      kind[part].map((one) => (typeof one === "string" ? one : one.name)).filter((name) => CATALOG[i]!.has(name)),
    );
  return { offered: [...named("granted"), ...named("unknown")], unsuited: named("unsuited") };
};

describe("an agency", () => {
  it("lists the locations in which the app is installed, on all pages", async () => {
    await using world = await openHighLevel("Company");
    const ids = [first];
    for (let i = 0; i < 100; i++) ids.push(await found(world, `Works ${i}`));
    const away = ids.pop()!;
    await control(world, "POST", `/locations/${away}/uninstall`);
    const data = [];
    for (let cursor: string | undefined; ;) {
      const page = await world.runtime.accounts.derived(world.connection, { limit: 40, cursor });
      data.push(...page.data);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(data.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(data.find(({ id }) => id === first)).toMatchObject({ label: samples.location.name });
    expect(world.sandbox.requests.get(LIST)).toBe(3 * 2);
  });

  it("serves a location by its own token: contacts are read and polled, and the token is asked for again", async () => {
    await using world = await openHighLevel("Company");
    const { runtime, sandbox, clock } = world;
    const [id] = await derive(world, [first]);
    expect(await runtime.accounts.get(id!)).toMatchObject({
      status: "active",
      label: samples.location.name,
      account: { id: first },
      parent: world.connection,
    });
    const { output } = await runtime.actions.run(id!, "find_contact", { query: "ada" });
    expect(output).toMatchObject({ total: 1, contact: { id: samples.contact.id } });
    const { id: subscription } = await runtime.subscriptions.create({ connection: id!, trigger: "contact_created" });
    expect(await world.poll(subscription)).toEqual([]);
    await runtime.actions.run(id!, "create_contact", { firstName: "Joseph", email: "joseph@example.com" });
    clock.advance(25 * HOUR);
    expect(await world.poll(subscription)).toMatchObject([{ type: "contact.created" }]);
    // Nobody has said when the token of the agency ends: its first request shows that it has.
    expect(sandbox.requests.get(MINT)).toBe(3);
    expect(sandbox.requests.get("highlevel.oauth.token.refresh_token")).toBe(1);
  });

  it("by itself offers the 11 operations that an agency may call, each derived location all 124", async () => {
    await using world = await openHighLevel("Company");
    const [id] = await derive(world, [first]);
    const own = await operationsOf(world, world.connection);
    expect(own.offered).toHaveLength(11);
    expect(own.offered).toEqual(expect.arrayContaining(AGENCY_ONLY));
    expect(own.unsuited).toHaveLength(catalog.length - 11);
    const derived = await operationsOf(world, id!);
    expect([derived.offered.length, derived.unsuited]).toEqual([catalog.length, []]);
  });

  it("is asked where only an agency may: 4 operations of its location go out with its token", async () => {
    await using world = await openHighLevel("Company");
    const { runtime } = world;
    const [id] = await derive(world, [first]);
    const { output } = await runtime.actions.run(id!, "create_location", { name: "Lyon works" });
    expect(output).toMatchObject({ name: "Lyon works", companyId });
    for (const [trigger, input, key] of [
      ["get_company", {}, companyId],
      ["filter_users_by_email", { emails: [samples.user.email] }, samples.user.id],
      ["list_snapshots", {}, samples.snapshot.id],
    ] as const) {
      const live = await runtime.samples.get(id!, trigger, { live: true, input });
      expect(JSON.stringify(live)).toContain(key);
      const { id: subscription } = await runtime.subscriptions.create({ connection: id!, trigger, input });
      await world.poll(subscription);
    }
  });

  it("is not reached through a location that another user was given, nor is another location", async () => {
    await using world = await openHighLevel("Company");
    const { runtime, sandbox } = world;
    const other = await found(world, "Lyon works");
    const [id] = await derive(world, [first], "u_2");
    const calls = JSON.stringify(sandbox.requests);
    await expect(runtime.actions.run(id!, "create_location", { name: "Mine" })).rejects.toMatchObject({
      code: "forbidden",
    });
    await expect(runtime.subscriptions.create({ connection: id!, trigger: "get_company" })).rejects.toMatchObject({
      code: "forbidden",
    });
    expect((await operationsOf(world, id!)).unsuited.toSorted()).toEqual(AGENCY_ONLY);
    await expect(
      runtime.accounts.update(id!, { inputs: { locationId: other, userType: "Company" } }),
    ).resolves.toBeDefined();
    expect((await runtime.accounts.client(id!)).values).toMatchObject({ locationId: first, userType: "Location" });
    expect(JSON.stringify(sandbox.requests)).toBe(calls);
    const found403 = await runtime.actions.passthrough(id!, { method: "GET", target: `locations/${other}` });
    expect(found403.status).toBe(403);
    found403.body.destroy();
    const minting = await runtime.actions.passthrough(id!, {
      method: "POST",
      target: "oauth/locationToken",
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify({ companyId, locationId: other })),
    });
    expect(minting.status).toBe(401);
    minting.body.destroy();
  });

  it("is told when the app is taken out of a location, and when it is back", async () => {
    await using world = await openHighLevel("Company");
    const { runtime, clock } = world;
    const [id] = await derive(world, [first]);
    await control(world, "POST", `/locations/${first}/uninstall`);
    await expect(runtime.actions.run(id!, "find_contact", { query: "ada" })).rejects.toMatchObject({
      code: "reauth_required",
      data: { reason: "uninstalled" },
    });
    expect(await runtime.accounts.get(id!)).toMatchObject({
      status: "reauth_required",
      error: { reason: "uninstalled" },
    });
    await control(world, "POST", `/locations/${first}/install`);
    clock.advance(60_000);
    expect(await derive(world, [first])).toEqual([id]);
    await runtime.actions.run(id!, "find_contact", { query: "ada" });
  });

  it("takes its locations along when the app is uninstalled from it", async () => {
    await using world = await openHighLevel("Company");
    const { runtime } = world;
    const [id] = await derive(world, [first]);
    await control(world, "POST", "/uninstall");
    await expect(runtime.actions.run(id!, "find_contact", { query: "ada" })).rejects.toMatchObject({
      code: "reauth_required",
      data: { reason: "parent_lost" },
    });
    expect(await runtime.accounts.get(world.connection)).toMatchObject({ status: "reauth_required" });
  });

  it("that a person connects is asked for what deriving needs once it is named", async () => {
    await using world = await openHighLevel();
    const { accounts } = world.runtime;
    const wanted = { connector: "highlevel", user: "u_2", scopes: ["oauth.readonly", "oauth.write"] };
    const { id, authorizeUrl } = await accounts.create(wanted, {}, SESSION);
    const consent = await fetch(authorizeUrl!, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "choice=Company&decision=approve",
      redirect: "manual",
    });
    await accounts.finishOAuth(new URL(consent.headers.get("location")!).searchParams, SESSION);
    const { data } = await accounts.derive(id, { all: true }, { user: "u_2" });
    expect(data).toMatchObject([{ id: first, connection: { user: "u_2", status: "active" } }]);
    expect(await accounts.get(id)).toMatchObject({ account: { id: companyId } });
  });
});

describe("a location or a private token", () => {
  it("derives none", async () => {
    await using world = await openHighLevel();
    await expect(world.runtime.accounts.derived(world.connection)).rejects.toMatchObject({ code: "conflict" });
  });

  it("of an agency is refused what is a location's, also where it names one", async () => {
    await using world = await openHighLevel();
    const { token, locationId } = (await control(world, "POST", "/private-tokens", { userType: "Company" })) as Record<
      string,
      string
    >;
    const { id } = await world.runtime.accounts.create({
      connector: "highlevel",
      user: "u_2",
      credentials: { token },
      inputs: { locationId, userType: "Company" },
    });
    await expect(world.runtime.actions.run(id, "find_contact", { query: "ada" })).rejects.toMatchObject({
      code: "conflict",
    });
    await expect(world.runtime.accounts.derived(id)).rejects.toMatchObject({ code: "conflict" });
  });
});
