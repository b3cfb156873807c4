import type { ServerResponse } from "node:http";
import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import { createLog } from "../../runtime/core/log.ts";
import { once } from "../../runtime/http/idempotency.ts";
import { claimKey, purgeIdempotency } from "../../runtime/act/model/idempotency.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";
import { makeApi, soon } from "./compose.ts";

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
    expect(second.body.detail).toBe("Idempotency-Key: its request is still at work; try again in a moment");
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
    clock.advance(DAY);
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
  });
});

describe("work of several calls", () => {
  it("keeps a failure that a call before may have made incomplete", async () => {
    const db = await openDatabase(await storeOfTest());
    await migrate(db);
    const services = { db, clock: new ManualClock(), log: createLog({ level: "silent" }) };
    const limited = new HooklineError("rate_limited", "Later");
    const ask = (key: string, calls: number) =>
      once(services, { scope: "admin", key, request: {}, repeatable: false, calls }, () => Promise.reject(limited));
    await expect(ask("one", 1)).rejects.toBe(limited);
    await expect(ask("one", 1)).rejects.toBe(limited);
    await expect(ask("two", 2)).rejects.toBe(limited);
    expect((await ask("two", 2)).body).toMatchObject({ code: "rate_limited", detail: "Later" });
    await db.close();
  });
});

describe("a key whose process died at work", () => {
  const request = { id: 1 };

  async function died(repeatable: boolean) {
    const db = await openDatabase(await storeOfTest());
    await migrate(db);
    const clock = new ManualClock();
    const services = { db, clock, log: createLog({ level: "silent" }) };
    const keyed = { scope: "admin", key: "k1", request, repeatable, calls: 1 };
    const ask = () => once(services, keyed, async () => ({ status: 200, body: { ran: true } }));
    // The process is gone as soon as its work has begun: nothing ever comes of this.
    void once(services, keyed, () => new Promise(() => {}));
    await soon(async () => expect(await db.get("select key from idempotency")).toBeDefined());
    return { db, clock, ask };
  }

  it("is locked for a minute at most, then repeats work that may be repeated", async () => {
    const { clock, ask } = await died(true);
    await expect(ask()).rejects.toMatchObject({ code: "idempotency_conflict", retry: { after: 60_000 } });
    clock.advance(60_001);
    expect(await ask()).toEqual({ status: 200, body: { ran: true } });
  });

  it("never repeats work that must not be repeated: what it did is unknown", async () => {
    const { clock, ask } = await died(false);
    clock.advance(60_001);
    await expect(ask()).rejects.toMatchObject({
      code: "idempotency_conflict",
      message: expect.stringContaining("its request was interrupted, and what it did is unknown"),
    });
  });

  it("is forgotten a day later", async () => {
    const { db, clock } = await died(false);
    expect(await purgeIdempotency(db, clock.now() + DAY)).toBe(0);
    expect(await purgeIdempotency(db, clock.now() + DAY + 60_001)).toBe(1);
    const claim = await claimKey(
      db,
      { scope: "admin", key: "k1", requestHash: "another" },
      { repeatable: false, leaseMs: 1, now: clock.now() },
    );
    expect(claim).toEqual({ state: "claimed" });
  });
});
