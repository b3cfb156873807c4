import { describe, expect, it, onTestFinished } from "vitest";
import { batches } from "../../runtime/act/model/batches.ts";
import { actModule } from "../../runtime/act/module.ts";
import { postgres, sqlite } from "../../runtime/store/dialects.ts";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestDatabase } from "../postgres.ts";

const stores = {
  sqlite: async () => "sqlite::memory:",
  postgres: async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    return url;
  },
};

describe.each(["sqlite", "postgres"] as const)("the tables of the module, on %s", (dialect) => {
  it.each([true, false])("can be made whether a store has them already or not: %s", async (has) => {
    const db = await openDatabase(await stores[dialect]());
    onTestFinished(() => db.close());
    if (has) await migrate(db);
    await db.transaction(async (tx) => {
      for (const migration of actModule.tables) {
        for (const statement of migration({ sqlite, postgres }[dialect])) await tx.run(statement);
      }
    });
    const batch = {
      id: "bat_1",
      connection: "con_1",
      user: "u_1",
      action: "create_note",
      status: "done",
      total: 0,
      createdAt: 1,
      finishedAt: 1,
    } as const;
    await batches.insert(db, batch);
    expect(await batches.find(db, "bat_1")).toEqual(batch);
  });
});

describe("the module", () => {
  it("describes every noun and tag that its routes name", () => {
    const { routes, nouns, tags } = actModule;
    const named = [...JSON.stringify([routes, nouns]).matchAll(/#\/components\/schemas\/(\w+)/g)].map(
      ([, name]) => name!,
    );
    expect(new Set(named)).toEqual(new Set(Object.keys(nouns)));
    expect([...new Set(routes.map(({ tag }) => tag))].filter((tag) => tag !== "connections").sort()).toEqual(
      Object.keys(tags).sort(),
    );
  });
});
