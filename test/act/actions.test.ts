import { describe, expect, it } from "vitest";
import { actModule } from "../../runtime/act/module.ts";
import { createLog } from "../../runtime/core/log.ts";
import { migrateModule } from "../../runtime/store/migrate.ts";
import type { Action, Trigger } from "../../schemas/manifest.ts";
import { acme, acmeOAuth, harness, vendorServer, type Reply, type Seen } from "../accounts/harness.ts";

const actions: Record<string, Action> = {
  make: {
    title: "Make",
    kind: "create",
    scopes: ["write"],
    serial: "connection",
    input: {
      type: "object",
      properties: {
        name: { type: "string" },
        list: {
          type: "string",
          dynamicValues: { action: "lists", value: "/id", label: "/title", dependsOn: ["/account"] },
        },
        account: { type: "string" },
      },
      required: ["name"],
      additionalProperties: false,
    },
    output: { type: "object", properties: { id: { type: "string" } }, required: ["id"] },
    request: { method: "POST", path: "/things", body: { name: "$input.name", owner: "$user.vars.owner" } },
  },
  edit: {
    title: "Edit",
    kind: "update",
    idempotency: "precondition",
    input: { type: "object", properties: { id: { type: "string" }, tag: { type: "string" } } },
    steps: [
      { id: "read", request: { method: "GET", path: "/things/{input.id}" } },
      { id: "tag", when: "input.tag", request: { method: "POST", path: "/tags", body: { tag: "$input.tag" } } },
      {
        id: "write",
        request: { method: "PUT", path: "/things/{input.id}", body: { etag: "$steps.read.body#/etag" } },
        retry: { on: "conflict", max: 2, from: "read" },
      },
    ],
    result: { etag: "$response.body#/etag", was: "$steps.read.body#/etag" },
  },
  book: {
    title: "Book",
    kind: "create",
    idempotency: "key",
    retry: { max: 0 },
    input: { type: "object" },
    request: { method: "POST", path: "/bookings", body: { id: "$run.key" } },
  },
  lists: {
    title: "Lists",
    kind: "list",
    input: { type: "object", properties: { account: { type: "string" } } },
    request: { method: "GET", path: "/lists", query: { account: "$input.account" } },
    result: { lists: "$response.body#/items" },
  },
};
const triggers = {} as Record<string, Trigger>;

async function connected(answer: (request: Seen, count: number) => Reply | Promise<Reply>) {
  let count = 0;
  const vendor = await vendorServer((request) =>
    request.url === "/v1/me" ? { json: { email: "a" } } : answer(request, ++count),
  );
  const h = await harness([acme({ actions, triggers, authentication: { ...acmeOAuth, test: undefined } })], {
    url: vendor.url,
    variablesOf: async (user) => ({ workspace: {}, user: { owner: `owner of ${user}` } }),
  });
  await migrateModule(h.db, createLog({ level: "silent" }), actModule);
  const { id } = await h.accounts.create({
    connector: "acme",
    user: "u_1",
    credentials: { accessToken: "an-access-token" },
  });
  return { ...h, id, vendor, run: (action: string, input: unknown) => h.actions.run(id, action, input) };
}

describe("an action", () => {
  it("sends its request and gives the answer's body", async () => {
    const { run, vendor } = await connected(() => ({ json: { id: "t1" } }));
    expect(await run("make", { name: "Ada" })).toEqual({ output: { id: "t1" } });
    expect(JSON.parse(vendor.seen[0]!.body)).toEqual({ name: "Ada", owner: "owner of u_1" });
  });

  it("refuses bad input with all faults and without any call", async () => {
    const { run, vendor } = await connected(() => ({ json: {} }));
    await expect(run("make", { nam: "Ada", list: 1 })).rejects.toMatchObject({
      code: "invalid_input",
      message: "acme.make: the input does not match its schema: see errors",
      faults: expect.arrayContaining([
        expect.objectContaining({ pointer: "/name" }),
        expect.objectContaining({ pointer: "/nam" }),
        expect.objectContaining({ pointer: "/list" }),
      ]),
    });
    expect(vendor.seen).toHaveLength(0);
  });

  it("names the scope that was not granted, without any call", async () => {
    const { run, vendor, db, id } = await connected(() => ({ json: {} }));
    await db.run("update connections set scopes = ? where id = ?", ['["read"]', id]);
    await expect(run("make", { name: "x" })).rejects.toMatchObject({
      code: "scope_missing",
      data: { scopes: ["write"] },
    });
    expect(vendor.seen).toHaveLength(0);
  });

  it("names the nearest action for an unknown one", async () => {
    const { run } = await connected(() => ({ json: {} }));
    await expect(run("mak", {})).rejects.toMatchObject({
      code: "not_found",
      message: 'acme: Action "mak" does not exist; did you mean "make"?',
    });
  });

  it("gives an output that differs from its schema as it came, flagged and logged", async () => {
    const { run, logged } = await connected(() => ({ json: { ID: 1 } }));
    expect(await run("make", { name: "x" })).toMatchObject({ output: { ID: 1 }, warnings: [{ pointer: "/id" }] });
    expect(logged.join()).toContain("an output differs from its schema");
  });

  it("runs its steps in order, skipping those whose condition is not met", async () => {
    const { run, vendor } = await connected((r) => ({ json: { etag: r.method === "GET" ? "e1" : "e2" } }));
    expect(await run("edit", { id: "a/b" })).toEqual({ output: { etag: "e2", was: "e1" } });
    expect(vendor.seen.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /v1/things/a%2Fb",
      "PUT /v1/things/a%2Fb",
    ]);
    await run("edit", { id: "1", tag: "t" });
    expect(vendor.seen.map(({ url }) => url)).toContain("/v1/tags");
  });

  it("starts again from the read when the write meets a newer state, as often as its manifest says", async () => {
    let reads = 0;
    const { run, vendor } = await connected((r) => {
      if (r.method === "GET") return { json: { etag: `e${++reads}` } };
      return JSON.parse(r.body).etag === "e3" ? { json: { etag: "e4" } } : { status: 409, json: { message: "stale" } };
    });
    expect(await run("edit", { id: "1" })).toEqual({ output: { etag: "e4", was: "e3" } });
    reads = 3;
    await expect(run("edit", { id: "1" })).rejects.toMatchObject({ code: "conflict" });
    expect(vendor.seen).toHaveLength(12);
  });

  it("that writes serially runs one at a time per connection", async () => {
    let [now, most] = [0, 0];
    const { run } = await connected(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 10));
      now--;
      return { json: { id: "x" } };
    });
    const results = await Promise.allSettled(["a", "b", "c"].map((name) => run("make", { name })));
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled"]);
    expect(most).toBe(1);
  });

  it("that creates is not sent twice when nobody knows whether it was executed", async () => {
    const { run, vendor } = await connected(() => "reset");
    await expect(run("make", { name: "x" })).rejects.toMatchObject({ code: "network", data: { sent: true } });
    expect(vendor.seen).toHaveLength(1);
  });
});

describe("an action that the vendor does once per key", () => {
  it("is repeated with the same key for the same caller and idempotency key, and with no other", async () => {
    let broken = true;
    const { actions: made, id, vendor } = await connected(() => (broken ? { status: 500 } : { json: {} }));
    const book = (idempotencyKey: string | undefined, user?: string) =>
      made.run(id, "book", {}, { idempotencyKey }, { user });
    await expect(book("k1")).rejects.toMatchObject({ code: "vendor_error" });
    broken = false;
    await book("k1");
    await book("k1");
    await book("k2");
    await book("k1", "u_1");
    await book(undefined);
    const keys = vendor.calls("/v1/bookings").map(({ body }) => (JSON.parse(body) as { id: string }).id);
    expect(keys).toHaveLength(5);
    expect(keys[1]).toBe(keys[0]);
    expect(new Set(keys).size).toBe(4);
  });
});

describe("an action of another user's connection", () => {
  it("does not exist, whatever is done with it", async () => {
    const { actions: made, id, vendor } = await connected(() => ({ json: {} }));
    const scope = { user: "u_2" };
    for (const done of [
      () => made.run(id, "make", { name: "x" }, {}, scope),
      () => made.run(id, "make", { name: "x" }, { idempotencyKey: "k1" }, scope),
      () => made.options(id, "make", "list", { account: "acc" }, scope),
      () => made.passthrough(id, { method: "GET", target: "things" }, scope),
    ]) {
      await expect(done()).rejects.toMatchObject({ code: "not_found" });
    }
    expect(vendor.seen).toHaveLength(0);
  });
});

describe("the passthrough", () => {
  it("holds the connection back for ten seconds when the vendor limits without saying for how long", async () => {
    const { actions: made, id, clock } = await connected((_request, count) => ({ status: count === 1 ? 429 : 200 }));
    const get = () => made.passthrough(id, { method: "GET", target: "things" });
    expect((await get()).status).toBe(429);
    await expect(get()).rejects.toMatchObject({ code: "rate_limited", retry: { after: 10_000 } });
    clock.advance(10_000);
    expect((await get()).status).toBe(200);
  });

  it("holds it back as long as the vendor says", async () => {
    const { actions: made, id } = await connected(() => ({ status: 429, headers: { "retry-after": "30" } }));
    const get = () => made.passthrough(id, { method: "GET", target: "things" });
    expect((await get()).status).toBe(429);
    await expect(get()).rejects.toMatchObject({ code: "rate_limited", retry: { after: 30_000 } });
  });

  it("names the methods there are", async () => {
    const { actions: made, id } = await connected(() => ({}));
    await expect(made.passthrough(id, { method: "TRACE", target: "things" })).rejects.toMatchObject({
      code: "invalid_input",
      message: "Method TRACE is not supported; use GET, HEAD, POST, PUT, PATCH, DELETE",
    });
  });
});

describe("dynamic values of an input", () => {
  it("are listed by the action the manifest names, with what they depend on", async () => {
    const {
      actions: chooser,
      id,
      vendor,
    } = await connected(() => ({
      json: { items: [{ id: "l1", title: "One" }, { id: "l2" }] },
    }));
    expect(await chooser.options(id, "make", "list", { account: "acc" })).toEqual([
      { value: "l1", label: "One" },
      { value: "l2", label: "l2" },
    ]);
    expect(vendor.seen[0]!.url).toBe("/v1/lists?account=acc");
  });

  it("say what has to be chosen first", async () => {
    const { actions: chooser, id } = await connected(() => ({ json: {} }));
    await expect(chooser.options(id, "make", "list")).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/account", message: "is needed to list the values of this property" }],
    });
  });

  it("do not exist for other properties and targets", async () => {
    const { actions: chooser, id } = await connected(() => ({ json: {} }));
    await expect(chooser.options(id, "make", "name")).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining('"name" has no dynamic values'),
    });
    await expect(chooser.options(id, "makes", "list")).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringContaining('did you mean "make"?'),
    });
  });
});
