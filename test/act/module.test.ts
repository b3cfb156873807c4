import { describe, expect, it, onTestFinished } from "vitest";
import { batches } from "../../runtime/act/model/batches.ts";
import { actModule } from "../../runtime/act/module.ts";
import { createLog } from "../../runtime/core/log.ts";
import { postgres, sqlite } from "../../runtime/store/dialects.ts";
import { migrate, migrateModule } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { createTestDatabase } from "../postgres.ts";

const log = createLog({ level: "silent" });
const stores = {
  sqlite: async () => "sqlite::memory:",
  postgres: async () => {
    const { url, drop } = await createTestDatabase();
    onTestFinished(drop);
    return url;
  },
};

const batch = {
  id: "bat_1",
  connection: "con_1",
  user: "u_1",
  moves: null,
  action: "create_note",
  status: "done",
  total: 0,
  createdAt: 1,
  finishedAt: 1,
} as const;

describe.each(["sqlite", "postgres"] as const)("the tables of the module, on %s", (dialect) => {
  it("are made once", async () => {
    const db = await openDatabase(await stores[dialect]());
    onTestFinished(() => db.close());
    await migrate(db, log);
    expect(await migrateModule(db, log, actModule)).toBe(actModule.tables.length);
    expect(await migrateModule(db, log, actModule)).toBe(0);
    await batches.insert(db, batch);
    expect(await batches.find(db, "bat_1")).toEqual(batch);
  });

  it("stay as they are in a store of the first version, which has them already", async () => {
    const db = await openDatabase(await stores[dialect]());
    onTestFinished(() => db.close());
    await migrate(db, log);
    await db.transaction(async (tx) => {
      for (const statement of actModule.tables[0]!({ sqlite, postgres }[dialect])) await tx.run(statement);
    });
    await db.run("drop index batches_by_user");
    await db.run(
      `insert into batches (id, connection, user_id, action, status, total, created_at, finished_at)
       values ('bat_1', 'con_1', 'u_1', 'create_note', 'done', 0, 1, 1)`,
      [],
    );
    await migrateModule(db, log, actModule);
    expect(await batches.find(db, "bat_1")).toEqual(batch);
    await db.run("drop index batches_by_user");
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
