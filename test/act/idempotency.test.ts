import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { describe, expect, it, onTestFinished } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { ENCRYPTION_KEY } from "../fixtures/compose.ts";
import { createLog } from "../../runtime/core/log.ts";
import { problemOf } from "../../runtime/core/problem.ts";
import { createOnce } from "../../runtime/act/idempotency.ts";
import { claimKey, purgeIdempotency } from "../../runtime/act/model/idempotency.ts";
import { actModule } from "../../runtime/act/module.ts";
import { migrate, migrateModule } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";
import { makeApi, soon } from "../http/compose.ts";

const DAY = 24 * 60 * 60 * 1000;

async function makeNotes(options: Parameters<typeof makeApi>[0] = {}) {
  const api = await makeApi(options);
  const id = await api.connect("u_1");
  const run = (key: string, body: unknown, action = "create_note", token?: string) =>
    api.ask("POST", `/v1/connections/${id}/actions/${action}`, { body, headers: { "idempotency-key": key }, token });
  return { ...api, id, run };
}

describe("an action with an Idempotency-Key", () => {
  it("runs once, and answers the same again", async () => {
    const { run, vendor } = await makeNotes();
    const first = await run("k1", { title: "a" });
    const second = await run("k1", { title: "a" });
    expect(first.status).toBe(200);
    expect([second.status, second.body]).toEqual([200, first.body]);
    expect(second.headers.get("idempotency-replayed")).toBe("true");
    expect(vendor.count("POST /notes")).toBe(1);
  });

  it("refuses the key for another input, action or connection", async () => {
    const { run, ask, connect } = await makeNotes();
    await run("k1", { title: "a" });
    const other = await connect("u_2");
    const headers = { "idempotency-key": "k1" };
    for (const answer of [
      await run("k1", { title: "b" }),
      await run("k1", { id: "n1" }, "rename_note"),
      await ask("POST", `/v1/connections/${other}/actions/create_note`, { body: { title: "a" }, headers }),
    ]) {
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([
        409,
        "idempotency_conflict",
        "Idempotency-Key: it was used with another request; use a new key for this one",
      ]);
    }
  });

  it("refuses a second request while the first is at work, and replays it afterwards", async () => {
    const { run, vendor } = await makeNotes();
    let waiting: ServerResponse | undefined;
    vendor.write = (_request, response) => void (waiting = response);
    const first = run("k1", { title: "a" });
    await soon(() => expect(waiting).toBeDefined());
    const second = await run("k1", { title: "a" });
    expect([second.status, second.body.code]).toEqual([409, "idempotency_conflict"]);
    expect(second.body.detail).toBe("Idempotency-Key: its request is still running; try again in a moment");
    expect(Number(second.headers.get("retry-after"))).toBeGreaterThan(0);
    waiting!.writeHead(200, { "content-type": "application/json" }).end('{"id":"n9"}');
    expect((await first).body).toEqual({ output: { id: "n9" } });
    expect((await run("k1", { title: "a" })).body).toEqual({ output: { id: "n9" } });
  });

  it("keeps a failure whose outcome is unknown, and frees the key of one that did nothing", async () => {
    const { run, vendor } = await makeNotes();
    vendor.write = (_request, response) => void response.writeHead(500).end();
    expect((await run("k1", { title: "a" })).status).toBe(424);
    vendor.write = undefined;
    const replayed = await run("k1", { title: "a" });
    expect([replayed.status, replayed.body.code, replayed.headers.get("idempotency-replayed")]).toEqual([
      424,
      "vendor_error",
      "true",
    ]);
    expect((await run("k2", { titel: "a" })).status).toBe(400);
    expect((await run("k2", { title: "a" })).status).toBe(200);
    vendor.write = (_request, response) => void response.writeHead(429, { "retry-after": "60" }).end();
    expect((await run("k3", { title: "a" })).status).toBe(429);
    expect((await run("k3", { title: "a" })).headers.get("idempotency-replayed")).toBeNull();
  });

  it("frees the key of a failed action that may be repeated", async () => {
    const { run, vendor } = await makeNotes();
    vendor.write = (_request, response) => void response.writeHead(500).end();
    expect((await run("k1", { id: "n1" }, "rename_note")).status).toBe(424);
    vendor.write = undefined;
    expect((await run("k1", { id: "n1" }, "rename_note")).status).toBe(200);
  });

  it("forgets answers after a day", async () => {
    const clock = new ManualClock(Date.now());
    const { run, vendor } = await makeNotes({ clock });
    await run("k1", { title: "a" });
    clock.advance(DAY - 1);
    expect((await run("k1", { title: "a" })).headers.get("idempotency-replayed")).toBe("true");
    clock.advance(1);
    expect((await run("k1", { title: "b" })).status).toBe(200);
    expect(vendor.count("POST /notes")).toBe(2);
  });

  it("keeps the keys of two callers apart", async () => {
    const { run, tokenOf, vendor } = await makeNotes();
    await run("k1", { title: "a" });
    expect((await run("k1", { title: "b" }, "create_note", await tokenOf("u_1"))).status).toBe(200);
    expect(vendor.count("POST /notes")).toBe(2);
  });

  it("refuses a key that is no key", async () => {
    const { run } = await makeNotes();
    const { status, body } = await run("two words", { title: "a" });
    expect([status, body.errors[0].pointer]).toEqual([400, "/headers/idempotency-key"]);
    expect((await run("k".repeat(256), { title: "a" })).status).toBe(400);
    expect((await run("k".repeat(255), { title: "a" })).status).toBe(200);
  });
});

const OF = { user: "u_1", connection: "con_1" };

/** Work of an admin under one key, on a store and clock of its own. */
async function makeOnce() {
  const db = await openDatabase(await storeOfTest());
  onTestFinished(() => db.close());
  const log = createLog({ level: "silent" });
  await migrate(db, log);
  await migrateModule(db, log, actModule);
  const clock = new ManualClock();
  const once = createOnce({ db, vault: createVault([ENCRYPTION_KEY]), clock, log });
  const ask = <T>(idempotencyKey: string, kind: { repeatable?: boolean; calls?: number }, work: () => Promise<T>) =>
    once(
      { scope: {}, of: OF, idempotencyKey, request: { id: 1 }, repeatable: false, calls: 1, status: 200, ...kind },
      work,
    );
  return { db, clock, ask };
}

describe("work of several calls", () => {
  it("keeps a failure that a call before may have made incomplete", async () => {
    const { ask } = await makeOnce();
    const limited = new HooklineError("rate_limited", "Later", { data: { limit: 7 } });
    const fail = (key: string, calls: number) => ask(key, { calls }, () => Promise.reject(limited));
    await expect(fail("one", 1)).rejects.toBe(limited);
    await expect(fail("one", 1)).rejects.toBe(limited);
    await expect(fail("two", 2)).rejects.toBe(limited);
    const replayed: unknown = await fail("two", 2).catch((error: unknown) => error);
    expect(replayed).not.toBe(limited);
    expect(replayed).toMatchObject({ code: "rate_limited", message: "Later", data: { limit: 7 }, faults: [] });
  });
});

describe("an answer of the first version of the store", () => {
  const insert =
    "insert into idempotency (scope, key, request_hash, status, answer, expires_at) values (?, ?, ?, ?, ?, ?)";
  const requestHash = createHash("sha256").update('{"id":1}').digest("hex");

  it("is given again when it is a success", async () => {
    const { db, clock, ask } = await makeOnce();
    await db.run(insert, ["admin", "k1", requestHash, 200, '{"output":{"id":"n1"}}', clock.now() + 1]);
    expect(await ask("k1", {}, () => Promise.reject(new Error("never done")))).toEqual({ output: { id: "n1" } });
  });

  it("is thrown again when it is a problem, with its code, message, faults and facts", async () => {
    const { db, clock, ask } = await makeOnce();
    const vendor = { status: 500, message: "Oops" };
    const problem = {
      vendor,
      type: "urn:hookline:error:vendor_error",
      title: "The vendor answered with an error; its status and message are in `vendor`.",
      status: 424,
      detail: "notes /notes: the vendor answered 500",
      code: "vendor_error",
      errors: [{ pointer: "/title", message: "is wrong" }],
    };
    await db.run(insert, ["admin", "k1", requestHash, 424, JSON.stringify(problem), clock.now() + 1]);
    const error = await ask("k1", {}, () => Promise.resolve("never done")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HooklineError);
    expect(error).toMatchObject({
      code: "vendor_error",
      message: "notes /notes: the vendor answered 500",
      faults: [{ pointer: "/title", message: "is wrong" }],
      data: { vendor },
    });
    expect(problemOf(error as HooklineError)).toEqual(problem);
  });
});

describe("a key whose process died at work", () => {
  async function died(repeatable: boolean) {
    const { db, clock, ask } = await makeOnce();
    // The process is gone as soon as its work has begun: nothing ever comes of this.
    void ask("k1", { repeatable }, () => new Promise(() => {}));
    await soon(async () => expect(await db.get("select key from idempotency")).toBeDefined());
    return { db, clock, ask: () => ask("k1", { repeatable }, async () => ({ ran: true })) };
  }

  it("is locked for a minute at most, then repeats work that may be repeated", async () => {
    const { clock, ask } = await died(true);
    await expect(ask()).rejects.toMatchObject({ code: "idempotency_conflict", retry: { after: 60_000 } });
    clock.advance(59_999);
    await expect(ask()).rejects.toMatchObject({ code: "idempotency_conflict", retry: { after: 1 } });
    clock.advance(1);
    expect(await ask()).toEqual({ ran: true });
  });

  it("never repeats work that must not be repeated: what it did is unknown", async () => {
    const { clock, ask } = await died(false);
    clock.advance(60_000);
    await expect(ask()).rejects.toMatchObject({
      code: "idempotency_conflict",
      message: expect.stringContaining("its request was interrupted, and what it did is unknown"),
    });
  });

  it("is forgotten a day later", async () => {
    const { db, clock } = await died(false);
    expect(await purgeIdempotency(db, clock.now() + DAY + 59_999)).toBe(0);
    expect(await purgeIdempotency(db, clock.now() + DAY + 60_000)).toBe(1);
    const claim = await claimKey(
      db,
      { scope: "admin", key: "k1", requestHash: "another", ...OF },
      { repeatable: false, leaseMs: 1, now: clock.now() },
    );
    expect(claim).toEqual({ state: "claimed" });
  });
});

describe("the library", () => {
  it("replays answers and failures like HTTP does, and shares its keys", async () => {
    const { run, runtime, id, vendor } = await makeNotes();
    const { runAction } = runtime.connections;
    let replays = 0;
    const options = { idempotencyKey: "k1", onReplay: () => void replays++ };
    const first = await runAction(id, "create_note", { title: "a" }, options);
    expect([await runAction(id, "create_note", { title: "a" }, options), replays]).toEqual([first, 1]);
    expect((await run("k1", { title: "a" })).body).toEqual(first);
    const handle = await runtime.connections.get(id);
    expect(await handle.run("create_note", { title: "a" }, options)).toEqual(first.output);
    expect(vendor.count("POST /notes")).toBe(1);

    vendor.write = (_request, response) => void response.writeHead(500).end('{"message":"Oops"}');
    const failure = () =>
      runAction(id, "create_note", { title: "a" }, { idempotencyKey: "k2" }).catch((e: unknown) => e);
    const [failed, again] = [await failure(), await failure()];
    expect(failed).toBeInstanceOf(HooklineError);
    const { code, message, data, faults } = failed as HooklineError;
    expect(again).toMatchObject({ code, message, data, faults });
    expect(vendor.count("POST /notes")).toBe(2);
  });

  it("refuses what HTTP refuses, in the same words", async () => {
    const { ask, runtime, id } = await makeNotes();
    const headers = { "idempotency-key": "two words" };
    const path = (action: string, connection = id) => `/v1/connections/${connection}/actions/${action}`;
    const { runAction } = runtime.connections;
    const cases: [unknown, () => Promise<unknown>][] = [
      [
        await ask("POST", path("create_note"), { body: { title: "a" }, headers }),
        () => runAction(id, "create_note", { title: "a" }, { idempotencyKey: "two words" }),
      ],
      [
        await ask("POST", path("create_note"), { body: { titel: "a" } }),
        () => runAction(id, "create_note", { titel: "a" }),
      ],
      [await ask("POST", path("create_note")), () => runAction(id, "create_note")],
      [await ask("POST", path("list_folders"), { body: "7" }), () => runAction(id, "list_folders", 7)],
      [await ask("POST", path("create_notes"), { body: {} }), () => runAction(id, "create_notes")],
      [
        await ask("POST", path("create_note", "con_1"), { body: {}, headers: { "idempotency-key": "k" } }),
        () => runAction("con_1", "create_note", {}, { idempotencyKey: "k" }),
      ],
    ];
    for (const [answer, call] of cases) {
      const error = (await call().catch((thrown: unknown) => thrown)) as HooklineError;
      expect(error).toBeInstanceOf(HooklineError);
      expect(answer).toMatchObject({
        body: { code: error.code, detail: error.message, ...(error.faults.length > 0 ? { errors: error.faults } : {}) },
      });
    }
  });
});
