/** Processes that share a store ask for one token each time it ends. */
import { describe, expect, it, onTestFinished } from "vitest";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestStore } from "../postgres.ts";
import { READ, get } from "./renewing.ts";
import { agency, HOUR } from "./agency.ts";

async function storeOf(kind: "sqlite" | "postgres") {
  if (kind === "sqlite") {
    const db = await openDatabase("sqlite::memory:");
    onTestFinished(() => db.close());
    return db;
  }
  const { url, drop } = await createTestStore();
  const db = await openDatabase(url);
  onTestFinished(async () => {
    await db.close();
    await drop();
  });
  return db;
}

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
