import { describe, expect, it } from "vitest";
import { ERASED_WITHIN_MS } from "../../runtime/accounts/erasures.ts";
import { createTokenSecret } from "../../runtime/accounts/token-secret.ts";
import type { Erased, Eraser } from "../../runtime/engine/eraser.ts";
import type { NewJob } from "../../runtime/engine/engine.ts";
import { erasures } from "../../runtime/model/erasures.ts";
import { leave } from "../../runtime/model/leftovers.ts";
import { createVault } from "../../runtime/core/crypto.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { storeOfTest } from "../postgres.ts";
import { accountsEraser } from "../../runtime/accounts/erase.ts";
import { acme, harness, later, vendorServer } from "./harness.ts";

const HOUR = 3_600_000;
const TOKEN = "a-token-of-somebody";

/** Accounts beside something that has so many slices to erase, and dies over the one that is told. */
async function makeWorld(slices: number) {
  const did: { erased: Erased; left: number }[] = [];
  const ended: string[] = [];
  const jobs: NewJob[] = [];
  const part = { left: slices, diesAt: -1, waiting: 3 };
  const eraser: Eraser = {
    end: async (_tx, user) => {
      ended.push(user);
      return { events: part.left };
    },
    some: async (_tx, erased) => {
      if (part.left === part.diesAt) {
        part.diesAt = -1;
        throw new Error("the power was cut");
      }
      if (part.left === 0) return false;
      did.push({ erased, left: --part.left });
      return part.left > 0;
    },
    leftovers: { stream: async () => --part.left > 0 },
  };
  const vendor = await vendorServer(() => ({ json: { email: "ada@x.example" } }));
  const db = await openDatabase(await storeOfTest());
  later(() => db.close());
  const vault = createVault([Buffer.alloc(32, 7).toString("base64")]);
  const world = await harness([acme()], {
    url: vendor.url,
    db,
    vault,
    erasing: {
      erasers: [accountsEraser, eraser],
      endDeliveries: async (_tx, _connection, { after }) => (--part.waiting > 0 ? `${after}.` : null),
      tokenSecret: createTokenSecret({ db, vault }),
      engine: { enqueue: async (_tx, some) => void jobs.push(...some) },
    },
  });
  const connect = async (user: string): Promise<string> =>
    (await world.accounts.create({ connector: "acme", user, credentials: { token: TOKEN } })).id;
  return { ...world, connect, did, ended, jobs, part };
}

describe("an erasure", () => {
  it("ends the user's work in its first transaction, and goes on in slices until nothing is left", async () => {
    const { accounts, connect, did, ended, jobs, db } = await makeWorld(3);
    await connect("u_1");
    const other = await connect("u_2");
    expect(await accounts.erase("u_1")).toMatchObject({ counts: { events: 3 } });
    expect(ended).toEqual(["u_1"]);
    expect(did.map(({ left }) => left)).toEqual([2, 1, 0]);
    expect(jobs).toMatchObject([{ queue: "upkeep", unique: "erasures" }]);
    expect((await accounts.list()).data.map(({ id }) => id)).toEqual([other]);
    expect(await erasures.all(db, "")).toEqual([]);
  });

  it("goes on in another process after the one that began it has died, and tells the counts once", async () => {
    const { accounts, connect, did, part, another, db } = await makeWorld(3);
    await connect("u_1");
    part.diesAt = 1;
    await expect(accounts.erase("u_1")).rejects.toThrow("the power was cut");
    expect(did).toHaveLength(2);
    // Until it has ended, nothing new is made of the user.
    await expect(connect("u_1")).rejects.toMatchObject({ code: "conflict" });
    part.diesAt = 1;
    await expect(accounts.erase("u_1")).rejects.toThrow("the power was cut");
    expect(await another().eraseDue()).toBeUndefined();
    expect(did).toHaveLength(3);
    expect(await erasures.all(db, "")).toEqual([]);
    expect((await accounts.erase("u_1")).counts.connections).toBe(0);
    await connect("u_1");
  });

  it("is of a user by the user or an admin, never by another, and never of the workspace", async () => {
    const { accounts, ended } = await makeWorld(0);
    await expect(accounts.erase("u_1", { user: "u_2" })).rejects.toMatchObject({ code: "forbidden" });
    await expect(accounts.erase("@workspace")).rejects.toMatchObject({ code: "invalid_input" });
    await expect(accounts.erase("")).rejects.toMatchObject({ code: "invalid_input" });
    expect(ended).toEqual([]);
    await accounts.erase("u_1", { user: "u_1" });
    // Under which an earlier version may have stored something.
    await accounts.erase("a b");
    expect(ended).toEqual(["u_1", "a b"]);
  });

  it("deletes what is left of things that are gone", async () => {
    const { accounts, db, part } = await makeWorld(3);
    await db.transaction((tx) => leave(tx, "stream", "7"));
    await accounts.eraseDue();
    expect([part.left, await db.all("select * from leftovers")]).toEqual([0, []]);
  });
});

describe("a connection that is removed", () => {
  it("has its waiting deliveries ended at once, and its data erased within 72 hours", async () => {
    const { accounts, connect, did, part, clock } = await makeWorld(2);
    const connection = await connect("u_1");
    await accounts.remove(connection);
    expect([part.waiting, did]).toEqual([0, []]);
    const due = (await accounts.eraseDue())!;
    expect(due).toBe(clock.now() + ERASED_WITHIN_MS - 2 * HOUR);
    clock.advance(due - clock.now() - 1);
    await accounts.eraseDue();
    expect(did).toEqual([]);
    clock.advance(1);
    expect(await accounts.eraseDue()).toBeUndefined();
    expect(did.map(({ erased }) => erased)).toEqual(Array.from({ length: 2 }, () => ({ user: "u_1", connection })));
  });

  it.each([
    ["now", 2],
    ["retention", 0],
  ] as const)("has its data erased %s when that is asked for", async (erase, slices) => {
    const { accounts, connect, did, clock } = await makeWorld(2);
    await accounts.remove(await connect("u_1"), { erase });
    expect(did).toHaveLength(slices);
    clock.advance(ERASED_WITHIN_MS);
    await accounts.eraseDue();
    expect(did).toHaveLength(slices);
    await expect(accounts.remove("con_1", { erase: "never" } as never)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/erase" }],
    });
  });
});
