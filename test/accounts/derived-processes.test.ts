/** Processes that share a store ask for one token each time it ends. */
import { describe, expect, it } from "vitest";
import { LEASE_MS } from "../../runtime/accounts/renewal.ts";
import { findConnection } from "../../runtime/model/connections.ts";
import type { Database } from "../../runtime/store/database.ts";
import { READ, get } from "./renewing.ts";
import { agency, HOUR } from "./agency.ts";
import { storeOf } from "./kinds/reissued.ts";
import { accessToken, world } from "./refresh-world.ts";

const TAKES_MS = 60_000;

/** A store that a process does not reach any more once it is dead. */
function until(isDead: () => boolean, store: Database): Database {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (isDead()) throw new Error("the process is dead");
        return (value as (...given: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}

describe.each(["sqlite", "postgres"] as const)("on %s, where a token takes a minute", (kind) => {
  it("sixteen processes ask for one each time that one ends", async () => {
    const w = await world(await storeOf(kind), TAKES_MS);
    await w.derive();
    const processes = Array.from({ length: 16 }, () => w.process());
    const obtain = async (tokens: (typeof processes)[number]): Promise<string> => {
      await w.wait(w.random() * 2_000);
      for (;;) {
        const opened = await tokens.open(w.id).catch((error: { retry?: { after?: number } }) => error);
        if ("row" in opened) return accessToken(opened);
        await w.wait(opened.retry!.after!);
      }
    };
    for (let round = 1; round <= 3; round++) {
      await w.settle(w.wait(HOUR));
      const used = await w.settle(Promise.all(processes.map(obtain)));
      expect(new Set(used)).toEqual(new Set([`minted-${round}`]));
      expect(w.minted.calls).toBe(round);
    }
    expect(w.family.calls).toBe(0);
  });

  it("the next process asks again when one died between the answer and the store, once its lease has ended", async () => {
    const w = await world(await storeOf(kind), TAKES_MS);
    await w.derive();
    const [dying, other] = [w.process(until(() => w.minted.calls > 0, w.db)), w.process()];
    await w.settle(w.wait(HOUR));
    await w.settle(dying.open(w.id).catch(() => w.wait(TAKES_MS)));
    await expect(w.settle(other.open(w.id))).rejects.toMatchObject({ code: "timeout" });
    expect(w.minted.calls).toBe(1);
    await w.settle(w.wait(LEASE_MS));
    const opened = other.open(w.id).catch(() => w.wait(TAKES_MS).then(() => other.open(w.id)));
    expect(accessToken(await w.settle(opened))).toBe("minted-2");
    expect((await findConnection(w.db, w.id))!.status).toBe("active");
  });
});

describe.each(["sqlite", "postgres"] as const)("on %s", (kind) => {
  it("four processes ask for one token each time that one ends, and renew the parent's once", async () => {
    const h = await agency({}, await storeOf(kind));
    const parent = await h.connect();
    const [north] = await h.derive(parent, ["north"]);
    const processes = [h.accounts, h.another(), h.another(), h.another()];
    const use = async (accounts: typeof h.accounts): Promise<string> =>
      ((await (await accounts.client(north!)).send(get, READ)).body as { by: string }).by;
    for (const round of [2, 3, 4]) {
      h.clock.advance(25 * HOUR);
      const used = await Promise.all(processes.flatMap((one) => [use(one), use(one), use(one)]));
      expect(new Set(used)).toEqual(new Set([`Bearer branch-token-north-${round}`]));
      expect(h.minted).toHaveLength(round);
      const refreshed = h.vendor.calls("/token").filter(({ body }) => body.includes("refresh_token="));
      expect(refreshed).toHaveLength(round - 1);
    }
  });

  it("two processes that derive the same make one connection", async () => {
    const h = await agency({}, await storeOf(kind));
    const parent = await h.connect();
    const made = await Promise.all(
      [h.accounts, h.another(), h.another()].map((one) => one.derive(parent, { all: true })),
    );
    const ids = made.flatMap(({ data }) => data.map(({ connection }) => connection?.id));
    expect(new Set(ids).size).toBe(3);
    expect((await h.accounts.list({})).data).toHaveLength(4);
  });

  it("what is derived while its parent is removed ends with it", async () => {
    const h = await agency({}, await storeOf(kind));
    for (let round = 0; round < 5; round++) {
      const parent = await h.connect();
      const deriving = h.another().derive(parent, { all: true });
      await Promise.allSettled([deriving, h.accounts.remove(parent)]);
      const { data } = await h.accounts.list({});
      expect(data.filter(({ status }) => status === "active")).toEqual([]);
    }
  });

  it("another user's and another parent's are connections of their own", async () => {
    const h = await agency({}, await storeOf(kind));
    const [mine, theirs] = [await h.connect("u_1"), await h.connect("u_2")];
    const [one] = await h.derive(mine, ["north"]);
    const [other] = await h.derive(theirs, ["north"]);
    expect(one).not.toBe(other);
    // Of two parents of one user, the first keeps what works.
    const second = await h.connect("u_1");
    expect(await h.derive(second, ["north"])).toEqual([one]);
    expect(await h.accounts.get(one!)).toMatchObject({ parent: mine });
  });
});
