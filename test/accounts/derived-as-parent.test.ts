/** What only a parent may do is sent as the parent, and stays about what the derived connection is. */
import { describe, expect, it } from "vitest";
import { createBatches } from "../../runtime/act/batches.ts";
import type { Context } from "../../runtime/engine/context.ts";
import { actModule } from "../../runtime/act/module.ts";
import { createLog } from "../../runtime/core/log.ts";
import { createRefusalOf } from "../../runtime/flows/calls.ts";
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { connections } from "../../runtime/model/connections.ts";
import { migrateModule } from "../../runtime/store/migrate.ts";
import { agency, agencyManifest } from "./agency.ts";

const run = async (h: Awaited<ReturnType<typeof agency>>, id: string, action: string, input = {}) =>
  (await h.actions.run(id, action, input)).output as { by: string; url: string };

describe('an operation that is declared "as": "parent"', () => {
  it("is sent with the parent's token, about what the derived connection is", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north, south] = await h.derive(parent, ["north", "south"]);
    const answer = await run(h, north!, "agency_only", { word: "x" });
    expect(answer.by).toBe("Bearer agency-token-1");
    expect(answer.url).toBe("/v1/agency?branch=north&agency=acme-1&word=x");
    expect((await run(h, south!, "agency_only")).url).toBe("/v1/agency?branch=south&agency=acme-1");
    expect((await run(h, parent, "agency_only")).url).toBe("/v1/agency?agency=acme-1");
  });

  it("cannot be made to be about another by inputs of the connection or of the action", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    await expect(run(h, north!, "agency_only", { branch: "south" })).rejects.toMatchObject({ code: "invalid_input" });
    await expect(h.accounts.update(north!, { inputs: { branch: "south" } })).rejects.toMatchObject({
      code: "invalid_input",
    });
    expect((await run(h, north!, "agency_only")).url).toContain("branch=north");
  });

  it("is taken on for many inputs too, and refused at once where the parent is not to be had", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    const [theirs] = await h.derive(parent, ["south"], "u_2");
    const engine = { enqueue: async () => {} } as unknown as Context["engine"];
    await migrateModule(h.db, createLog({ level: "silent" }), actModule);
    const batches = createBatches({ ...h, engine, log: createLog({ level: "silent" }) }, h.accounts);
    const inputs = [{ word: "x" }];
    const taken = await batches.create(north!, "agency_only", { inputs });
    expect(taken).toMatchObject({ connection: north, status: "running" });
    await expect(batches.create(theirs!, "agency_only", { inputs })).rejects.toMatchObject({ code: "forbidden" });
  });

  it("needs scopes of the parent, and none of the derived connection, before a run begins", async () => {
    const h = await agency();
    const [north] = await h.derive(await h.connect(), ["north"]);
    await connections.change(h.db, { scopes: ["derive"] }, "id = ?", [north!]);
    const { actions, ...manifest } = agencyManifest();
    const agencyOnly = { ...actions!["agency_only"]!, scopes: ["write"] };
    const loaded = await loadManifest({ ...manifest, actions: { ...actions, agency_only: agencyOnly } });
    const connector = compileConnector(loaded);
    const refusalOf = createRefusalOf({ db: h.db, connectors: new Map([["acme", connector]]) });
    const asker = { owner: "u_1", user: "u_1", workspace: false };
    const refusal = (action: string) =>
      refusalOf({ work: { kind: "action", action, connection: north! } } as never, asker);
    expect(await refusal("agency_only")).toBeUndefined();
    expect(await refusal("get_things")).toMatchObject({ code: "scope_missing" });
  });

  it("leaves everything else with the derived connection's own token", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    expect(await run(h, north!, "branch_only")).toMatchObject({
      by: "Bearer branch-token-north-1",
      url: "/v1/branch/north",
    });
    await expect(run(h, parent, "branch_only")).rejects.toMatchObject({
      code: "conflict",
      message: "acme.branch_only: is for branches; connect one",
    });
  });

  it("is refused to a connection that stands alone and is of another kind, before any call", async () => {
    const h = await agency();
    h.say.token = () => ({
      json: { access_token: "a", refresh_token: "r", expires_in: 3600, branch: "north", kind: "branch", scope: "read" },
    });
    const alone = await h.connect();
    const calls = h.vendor.seen.length;
    await expect(run(h, alone, "agency_only")).rejects.toMatchObject({
      code: "conflict",
      message: "acme.agency_only: is for agencies; connect one",
    });
    expect(h.vendor.seen).toHaveLength(calls);
  });

  it("is refused where the parent is somebody else's: an admin made the connection to do less", async () => {
    const h = await agency();
    const [theirs] = await h.derive(await h.connect(), ["north"], "u_2");
    const calls = h.vendor.seen.length;
    await expect(run(h, theirs!, "agency_only")).rejects.toMatchObject({
      code: "forbidden",
      message: `acme.agency_only works only with the connection that ${theirs} was derived from, which is somebody else's; ask its owner to run it`,
    });
    expect(h.vendor.seen).toHaveLength(calls);
  });

  it("is refused with the reason where the parent is gone or has lost its grant", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    h.say.token = () => ({ status: 400, json: { error: "invalid_grant" } });
    h.say.call = ({ url }) => (url.startsWith("/v1/agency") ? { status: 401 } : undefined);
    await expect(run(h, north!, "agency_only")).rejects.toMatchObject({ code: "reauth_required" });
    expect((await h.accounts.get(parent)).status).toBe("reauth_required");
    expect((await h.accounts.get(north!)).status).toBe("active");
  });
});

describe("what a connection is said to offer", () => {
  it("is what it may do: by itself, by its parent, and what is for others with the reason", async () => {
    const h = await agency();
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    const [theirs] = await h.derive(parent, ["south"], "u_2");
    const offered = async (id: string) => (await h.accounts.get(id)).operations.actions;
    expect(await offered(north!)).toEqual({
      granted: ["get_things", "delete_thing", "branch_only", "agency_only"],
      missing: [],
      unknown: [],
      unsuited: [],
    });
    expect(await offered(parent)).toMatchObject({
      granted: ["get_things", "delete_thing", "agency_only"],
      unsuited: [{ name: "branch_only", message: "is for branches; connect one" }],
    });
    expect(await offered(theirs!)).toMatchObject({
      granted: ["get_things", "delete_thing", "branch_only"],
      unsuited: [{ name: "agency_only", message: expect.stringContaining("somebody else's") as string }],
    });
  });
});
