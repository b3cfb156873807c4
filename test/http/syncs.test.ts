import { HooklineError } from "../../runtime/core/errors.ts";
import { describe, expect, it, onTestFinished } from "vitest";
import { ContactsVendor, flat, nested } from "../sync/vendors.ts";
import { makeApi, soon, type Api } from "./compose.ts";

const mail = (...values: string[]) => values.map((value) => ({ value }));

async function furnished() {
  const left = await new ContactsVendor(nested).start();
  const right = await new ContactsVendor(flat).start();
  onTestFinished(async () => void (await Promise.all([left.stop(), right.stop()])));
  left.add({ first: "Ada", last: "Left", emails: mail("ada@example.com") });
  right.add({ first: "Ada", last: "Right", emails: mail("ADA@example.com") });
  right.add({ first: "Mary", emails: mail("mary@example.com") });
  const api = await makeApi({
    connectors: [nested.manifest, flat.manifest],
    servers: { rolo: { url: left.url }, crm: { url: right.url } },
  });
  const connect = async (connector: string, user: string): Promise<string> =>
    (await api.must("POST", "/v1/connections", { body: { connector, user } })).id;
  const ends = async (user: string) => ({ left: await connect("rolo", user), right: await connect("crm", user) });
  return { api, left, right, ends };
}

const active = (api: Api, id: string, links: object) =>
  soon(async () => {
    const sync = await api.must("GET", `/v1/syncs/${id}`);
    expect(sync).toMatchObject({ status: "active", links });
    return sync;
  });

describe("/v1/syncs", () => {
  it("says what it would do, makes a sync, and shows how it fares as people know it", async () => {
    const { api, ends, left } = await furnished();
    const body = { resource: "contact", ...(await ends("u_1")), conflicts: "left" };
    expect(await api.ask("POST", "/v1/syncs", { body: { ...body, dryRun: true } })).toMatchObject({
      status: 200,
      body: { link: 1, create: { left: 1, right: 0 }, update: { left: 0, right: 1 }, conflicts: 1 },
    });
    expect((await api.must("GET", "/v1/syncs")).data).toEqual([]);

    const made = await api.ask("POST", "/v1/syncs", { body });
    expect(made).toMatchObject({
      status: 201,
      body: { status: "matching", enabled: true, direction: "both", deletes: "propagate" },
    });
    const { id } = made.body;
    expect(made.headers.get("location")).toBe(`${api.url}/v1/syncs/${id}`);
    const sync = await active(api, id, { synced: 2, new: 0 });
    expect(sync).toMatchObject({
      pulled: 1,
      pushed: 1,
      conflictCount: 1,
      problem: null,
      left: { connector: "rolo", authorized: true, account: null, syncToken: { known: true }, lastError: null },
      right: { connector: "crm", authorized: true, syncToken: { known: false } },
    });
    expect(sync.lastSyncAt).toMatch(/^20/);
    expect([...left.cards.values()].map(({ first }) => first)).toEqual(["Ada", "Mary"]);

    const first = await api.must("GET", `/v1/syncs/${id}/links?limit=1`);
    const second = await api.must("GET", `/v1/syncs/${id}/links?limit=1&cursor=${first.nextCursor}`);
    expect(new Set([first.data[0].leftId, second.data[0].leftId])).toEqual(new Set(["rolo1", "rolo2"]));
    expect(second.nextCursor).toBe(null);
    for (const state of ["new", "creating", "alone", "detached", "failed"]) {
      expect((await api.must("GET", `/v1/syncs/${id}/links?state=${state}`)).data, state).toEqual([]);
    }
    expect((await api.must("GET", `/v1/syncs/${id}/links?state=synced`)).data).toHaveLength(2);
    expect((await api.must("GET", `/v1/syncs/${id}/conflicts`)).data).toMatchObject([
      {
        leftId: "rolo1",
        rightId: "crm1",
        winner: "left",
        fields: [{ field: "lastName", left: "Left", right: "Right" }],
      },
    ]);
  });

  it("runs on demand, pauses, resumes, changes and ends", async () => {
    const { api, ends, left, right } = await furnished();
    const { id } = await api.must("POST", "/v1/syncs", { body: { resource: "contact", ...(await ends("u_1")) } });
    await active(api, id, { synced: 2, new: 0 });
    left.add({ first: "New", emails: mail("new@example.com") });
    expect(await api.ask("POST", `/v1/syncs/${id}/run`)).toMatchObject({ status: 202, body: { id } });
    await soon(() => expect(right.cards.size).toBe(3));

    expect(await api.must("POST", `/v1/syncs/${id}/pause`)).toMatchObject({
      status: "paused",
      enabled: false,
      problem: null,
    });
    expect(await api.ask("POST", `/v1/syncs/${id}/run`)).toMatchObject({
      status: 409,
      body: { code: "conflict", detail: `Sync ${id} is paused; resume it first` },
    });
    expect(await api.must("POST", `/v1/syncs/${id}/resume`)).toMatchObject({ enabled: true });
    const body = { direction: "left-to-right", writesPerMinute: 10 };
    expect(await api.must("PATCH", `/v1/syncs/${id}`, { body })).toMatchObject(body);
    expect((await api.ask("DELETE", `/v1/syncs/${id}`)).status).toBe(204);
    expect((await api.ask("GET", `/v1/syncs/${id}`)).body).toMatchObject({
      code: "not_found",
      detail: `Sync ${id} does not exist; list them to find the right id`,
    });
    expect((await api.must("GET", "/v1/subscriptions")).data).toEqual([]);
    expect(right.cards.size).toBe(3);
  });

  it("refuses what cannot be, with every place at once", async () => {
    const { api, ends } = await furnished();
    const mine = await ends("u_1");
    const theirs = await ends("u_2");
    const fields = { map: { left: { notes: { $expr: "resource.[" } } } };
    const answer = await api.ask("POST", "/v1/syncs", {
      body: { resource: "contact", left: mine.left, right: theirs.right, fields },
    });
    expect(answer.status).toBe(400);
    expect(answer.body.errors).toMatchObject([
      { pointer: "/fields/map/left/notes" },
      { pointer: "/right", message: "belongs to another user than the left; choose two of one user" },
    ]);
    const unknown = await api.ask("POST", "/v1/syncs", {
      body: { resource: "contact", left: "con_x", right: mine.right },
    });
    expect(unknown).toMatchObject({
      status: 400,
      body: {
        errors: [{ pointer: "/left", message: "Connection con_x does not exist; list them to find the right id" }],
      },
    });
    expect(
      (await api.ask("POST", "/v1/syncs", { body: { resource: "contact", ...mine, conflicts: "oldest" } })).status,
    ).toBe(400);
  });

  it("shows a user only their own, and lets them use only their own connections", async () => {
    const { api, ends } = await furnished();
    const mine = await ends("u_1");
    const theirs = await ends("u_2");
    const { id } = await api.must("POST", "/v1/syncs", { body: { resource: "contact", ...mine } });
    const token = await api.tokenOf("u_2");
    for (const [method, path] of [
      ["GET", ""],
      ["PATCH", ""],
      ["DELETE", ""],
      ["POST", "/run"],
      ["POST", "/pause"],
      ["POST", "/resume"],
      ["GET", "/links"],
      ["GET", "/conflicts"],
    ] as const) {
      const body = method === "PATCH" ? { deletes: "ignore" } : undefined;
      expect((await api.ask(method, `/v1/syncs/${id}${path}`, { token, body })).status, `${method} ${path}`).toBe(404);
    }
    expect((await api.must("GET", "/v1/syncs", { token })).data).toEqual([]);
    const stolen = { resource: "contact", left: theirs.left, right: mine.right };
    expect((await api.ask("POST", "/v1/syncs", { token, body: stolen })).status).toBe(404);
    expect((await api.ask("POST", "/v1/syncs", { token, body: { resource: "contact", ...theirs } })).status).toBe(201);
  });
});

describe("syncs by the library", () => {
  it("are refused with the same code, pointers and words as over HTTP", async () => {
    const { api, ends } = await furnished();
    const { syncs } = api.runtime;
    const mine = await ends("u_1");
    const body = { resource: "contact", ...mine };
    const { id } = await api.must("POST", "/v1/syncs", { body });
    const [token, theirs] = [await api.tokenOf("u_2"), { user: "u_2" }];
    type Door = [
      method: string,
      path: string,
      library: () => Promise<unknown>,
      ask?: { body?: unknown; token?: string },
    ];
    // What HTTP can be asked, the library can be given; its types forbid most of it.
    const wrong = (given: unknown) => given as never;
    const doors: Record<string, Door> = {
      "an unknown property": [
        "POST",
        "/v1/syncs",
        () => syncs.create(wrong({ ...body, colour: "red" })),
        { body: { ...body, colour: "red" } },
      ],
      "a wrong type": [
        "POST",
        "/v1/syncs",
        () => syncs.create(wrong({ ...body, everySeconds: "often" })),
        { body: { ...body, everySeconds: "often" } },
      ],
      "nothing at all": ["POST", "/v1/syncs", () => syncs.create(wrong({})), { body: {} }],
      "a dry run of something wrong": [
        "POST",
        "/v1/syncs",
        () => syncs.preview(wrong({ resource: "contact", dryRun: true })),
        { body: { resource: "contact", dryRun: true } },
      ],
      "another user's connection": [
        "POST",
        "/v1/syncs",
        () => syncs.create({ resource: "contact", ...mine }, theirs),
        { body: { resource: "contact", ...mine }, token },
      ],
      "a change that changes nothing": ["PATCH", `/v1/syncs/${id}`, () => syncs.update(id, {}), { body: {} }],
      "a change of what stays": [
        "PATCH",
        `/v1/syncs/${id}`,
        () => syncs.update(id, wrong({ left: "con_1" })),
        { body: { left: "con_1" } },
      ],
      "another user's sync": ["GET", `/v1/syncs/${id}`, () => syncs.get(id, theirs), { token }],
      "a sync that does not exist": ["DELETE", "/v1/syncs/sync_x", () => syncs.remove("sync_x")],
      "a bad cursor": ["GET", "/v1/syncs?cursor=x", () => syncs.list({ cursor: "x" })],
      "a bad cursor of links": ["GET", `/v1/syncs/${id}/links?cursor=x`, () => syncs.links(id, { cursor: "x" })],
      "a bad cursor of conflicts": [
        "GET",
        `/v1/syncs/${id}/conflicts?cursor=x`,
        () => syncs.conflicts(id, { cursor: "x" }),
      ],
      "a page too large": ["GET", "/v1/syncs?limit=201", () => syncs.list({ limit: 201 })],
      "an unknown state": ["GET", `/v1/syncs/${id}/links?state=lost`, () => syncs.links(id, { state: wrong("lost") })],
      "an unknown filter": ["GET", "/v1/syncs?color=red", () => syncs.list(wrong({ color: "red" }))],
    };
    for (const [what, [method, path, library, ask]] of Object.entries(doors)) {
      const { body: problem } = await api.ask(method, path, ask);
      const error: unknown = await library().catch((error: unknown) => error);
      if (!(error instanceof HooklineError)) throw new Error(`${what} is not refused by the library`);
      const faults = error.faults.map(({ pointer, message }) => ({
        pointer: method === "GET" ? `/query${pointer}` : pointer,
        message,
      }));
      expect({ code: error.code, errors: faults }, what).toEqual({ code: problem.code, errors: problem.errors ?? [] });
      if (faults.length === 0 || method !== "GET") expect(error.message, what).toBe(problem.detail);
    }
    await expect(syncs.create({ ...body, dryRun: true })).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/dryRun", message: "only `preview` makes a dry run; call it, or leave `dryRun` out" }],
    });
    await syncs.remove(id);
    expect(await syncs.list()).toEqual({ data: [], nextCursor: null });
  });

  it("are shown as over HTTP", async () => {
    const { api, ends } = await furnished();
    const { syncs } = api.runtime;
    const { id } = await syncs.create({ resource: "contact", ...(await ends("u_1")), conflicts: "left" });
    await active(api, id, { synced: 2, new: 0 });
    await syncs.pause(id);
    const paused = await api.must("GET", `/v1/syncs/${id}`);
    expect(await syncs.get(id)).toEqual(paused);
    expect(await syncs.list({ user: "u_1" })).toEqual({ data: [paused], nextCursor: null });
    expect(await syncs.list({ connection: "con_x" })).toEqual({ data: [], nextCursor: null });
    expect(await syncs.links(id)).toEqual(await api.must("GET", `/v1/syncs/${id}/links`));
    expect(await syncs.conflicts(id)).toEqual(await api.must("GET", `/v1/syncs/${id}/conflicts`));
    const { data, nextCursor } = await syncs.links(id, { limit: 1 });
    expect(await syncs.links(id, { cursor: nextCursor!, state: "synced" })).toMatchObject({
      data: [{ state: "synced", error: null }],
      nextCursor: null,
    });
    expect(data).toHaveLength(1);
  });
});
