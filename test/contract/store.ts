import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Database } from "../../runtime/store/database.ts";

/** What every {@link Database} keeps to. `open` gives one without tables; the suite closes it. */
export function describeStore(name: string, open: () => Promise<Database>): void {
  describe(`${name} as a store`, () => {
    let db: Database;

    beforeEach(async () => {
      db = await open();
      await db.run("create table things (name text primary key, size bigint)");
    });
    afterEach(() => db.close());

    const insert = "insert into things (name, size) values (?, ?)";
    const names = async (): Promise<string[]> =>
      (await db.all<{ name: string }>("select name from things order by name")).map((row) => row.name);
    const boom = new Error("boom");
    const fail = (): never => {
      throw boom;
    };

    it("returns rows, one row or none, and how many rows changed", async () => {
      expect(await db.run(insert, ["a", 1])).toBe(1);
      expect(await db.all("select * from things")).toEqual([{ name: "a", size: 1 }]);
      expect(await db.get("select size from things where name = ?", ["a"])).toEqual({ size: 1 });
      expect(await db.get("select size from things where name = ?", ["b"])).toBeUndefined();
      expect(await db.run("update things set size = 2 where name = ?", ["b"])).toBe(0);
    });

    it("keeps integers of 53 bits, null and text of any script", async () => {
      const text = "Ünï 😀 'quoted' \u2028";
      await db.run(insert, [text, Number.MAX_SAFE_INTEGER]);
      await db.run(insert, ["none", null]);
      expect(await db.get("select size from things where name = ?", [text])).toEqual({ size: Number.MAX_SAFE_INTEGER });
      expect(await db.get("select size from things where name = 'none'")).toEqual({ size: null });
    });

    it("runs one statement for many rows, all or none", async () => {
      expect(await db.many(insert, [])).toBe(0);
      expect(
        await db.many(insert, [
          ["a", 1],
          ["b", 2],
        ]),
      ).toBe(2);
      await expect(
        db.many(insert, [
          ["c", 3],
          ["a", 1],
        ]),
      ).rejects.toMatchObject({ code: "conflict" });
      expect(await names()).toEqual(["a", "b"]);
    });

    it("finds one of many strings given as one parameter", async () => {
      await db.many(
        insert,
        ["a", "b'c", "d"].map((each) => [each, 0]),
      );
      const find = (wanted: string[]) =>
        db.all(`select name from things where ${db.oneOf("name")} order by name`, [JSON.stringify(wanted)]);
      expect(await find(["d", "b'c", "nobody"])).toEqual([{ name: "b'c" }, { name: "d" }]);
      expect(await find([])).toEqual([]);
    });

    it("keeps all of a transaction, or nothing when it throws", async () => {
      expect(
        await db.transaction(async (tx) => {
          await tx.run(insert, ["a", 1]);
          return tx.many(insert, [["b", 2]]);
        }),
      ).toBe(1);
      const failing = db.transaction(async (tx) => {
        await tx.run(insert, ["c", 3]);
        fail();
      });
      await expect(failing).rejects.toBe(boom);
      expect(await names()).toEqual(["a", "b"]);
    });

    it("runs concurrent transactions as if one after the other", async () => {
      await db.run(insert, ["counter", 0]);
      const increment = () =>
        db.transaction(async (tx) => {
          const { size } = (await tx.get<{ size: number }>("select size from things"))!;
          await new Promise(setImmediate);
          await tx.run("update things set size = ?", [size + 1]);
        });
      await Promise.all(Array.from({ length: 20 }, increment));
      expect(await db.get("select size from things")).toEqual({ size: 20 });
    });

    it("shows a statement outside a transaction only what is committed", async () => {
      const entered = Promise.withResolvers<void>();
      const writing = db.transaction(async (tx) => {
        await tx.run(insert, ["a", 1]);
        entered.resolve();
        await new Promise(setImmediate);
        fail();
      });
      await entered.promise;
      const seen = names();
      await expect(writing).rejects.toBe(boom);
      expect(await seen).toEqual([]);
    });

    it("undoes a savepoint that throws alone, and those inside it", async () => {
      await db.transaction(async (tx) => {
        await tx.run(insert, ["a", 1]);
        const outer = tx.savepoint(async () => {
          await tx.run(insert, ["b", 2]);
          await tx.savepoint(() => tx.run(insert, ["c", 3]));
          fail();
        });
        await expect(outer).rejects.toBe(boom);
        await tx.savepoint(() => tx.run(insert, ["d", 4]));
      });
      expect(await names()).toEqual(["a", "d"]);
    });

    it("goes on after a conflict inside a savepoint", async () => {
      await db.run(insert, ["a", 1]);
      await db.transaction(async (tx) => {
        await expect(tx.savepoint(() => tx.run(insert, ["a", 1]))).rejects.toMatchObject({
          code: "conflict",
          message: expect.stringContaining("exists already"),
        });
        await tx.run(insert, ["b", 2]);
      });
      expect(await names()).toEqual(["a", "b"]);
    });

    it("calls back after the commit, in order, and never for what was undone", async () => {
      const calls: string[] = [];
      await db.transaction(async (tx) => {
        tx.afterCommit(() => calls.push("first"));
        await expect(
          tx.savepoint(async () => {
            tx.afterCommit(() => calls.push("undone"));
            fail();
          }),
        ).rejects.toBe(boom);
        await tx.savepoint(async () => tx.afterCommit(() => calls.push("second")));
        expect(calls).toEqual([]);
      });
      const failing = db.transaction(async (tx) => {
        tx.afterCommit(() => calls.push("rolled back"));
        fail();
      });
      await expect(failing).rejects.toBe(boom);
      expect(calls).toEqual(["first", "second"]);
    });

    it("keeps what is committed when a callback throws", async () => {
      await db.transaction(async (tx) => {
        await tx.run(insert, ["a", 1]);
        tx.afterCommit(fail);
      });
      expect(await names()).toEqual(["a"]);
    });

    it("refuses a transaction that has ended", async () => {
      const tx = await db.transaction(async (inner) => ({ inner }));
      await expect(tx.inner.run(insert, ["a", 1])).rejects.toThrow(TypeError);
      await expect(tx.inner.run(insert, ["a", 1])).rejects.toThrow("used after it had ended");
    });

    it("finishes what is running when it closes, and refuses what comes later", async () => {
      const calls: string[] = [];
      const running = db.transaction(async (tx) => {
        await new Promise(setImmediate);
        await tx.run(insert, ["a", 1]);
        calls.push("transaction");
      });
      const closed = db.close().then(() => calls.push("closed"));
      await Promise.all([running, closed]);
      expect(calls).toEqual(["transaction", "closed"]);
      await db.close();
      for (const late of [db.run("select 1"), db.transaction(async () => {})]) {
        await expect(late).rejects.toMatchObject({ code: "stopped", message: expect.stringContaining("is closed") });
      }
    });
  });
}
