import { describe, expect, it, onTestFinished } from "vitest";
import { createLog } from "../../runtime/core/log.ts";
import { knownGone, remember, type Known } from "../../runtime/model/known.ts";
import type { Sql, SqlValue } from "../../runtime/store/database.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { onPostgres, storeOfTest } from "../postgres.ts";

const record = (key: string, gone: Known["gone"] = null): Known => {
  return { key, version: "v", seen: 1, watched: null, item: null, gone };
};

describe("records that a page of an unfinished read reports as gone", () => {
  it("are those of one stream, in the order of their keys, from a key on", async () => {
    const db = await openDatabase(await storeOfTest(), { log: createLog({ level: "silent" }) });
    onTestFinished(() => db.close());
    await migrate(db);
    for (const stream of [1, 2, 3]) {
      const records = ["c", "a", "d", "b"].map((key) => record(key, { raw: stream }));
      await db.transaction((tx) => remember(tx, stream, [...records, record("alive")]));
    }
    const asked: [sql: string, params: readonly SqlValue[]][] = [];
    const sql = {
      all: (text: string, params: readonly SqlValue[]) => {
        asked.push([text, params]);
        return db.all(text, params);
      },
    } as Sql;
    const found = async (after: string, limit: number) =>
      (await knownGone(sql, 2, after, limit)).map(({ key, gone }) => `${key} ${String(gone?.raw)}`);
    expect(await found("", 9)).toEqual(["a 2", "b 2", "c 2", "d 2"]);
    expect(await found("b", 9)).toEqual(["c 2", "d 2"]);
    expect(await found("", 3)).toEqual(["a 2", "b 2", "c 2"]);
    if (onPostgres) return;
    const plan = await db.all<{ detail: string }>(`explain query plan ${asked[0]![0]}`, asked[0]![1]);
    expect(plan.map(({ detail }) => detail)).toEqual([expect.stringContaining("INDEX known_by_gone")]);
  });
});
