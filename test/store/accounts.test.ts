import { describe, expect, it, onTestFinished } from "vitest";
import { migrate } from "../../runtime/store/migrate.ts";
import { openDatabase } from "../../runtime/store/open.ts";
import { migrations } from "../../runtime/store/schema.ts";
import { createTestDatabase } from "../postgres.ts";

/** The migrations of a store in which a connection was known by its label alone. */
const BEFORE = migrations.slice(0, 8);

describe.each(["SQLite", "PostgreSQL"])("connections of an older version on %s", (kind) => {
  it("have the account that was captured with them", async () => {
    const server = kind === "SQLite" ? undefined : await createTestDatabase();
    const db = await openDatabase(server?.url ?? "sqlite::memory:");
    onTestFinished(async () => {
      await db.close();
      await server?.drop();
    });
    await migrate(db, undefined, BEFORE);
    for (const [id, captured] of Object.entries({ con_1: { account: "ada@x.example" }, con_2: { locationId: "l" } })) {
      await db.run(
        `insert into connections (id, connector, user_id, status, label, inputs, captured, scopes, auth_type, version, created_at, updated_at)
         values (?, 'acme', 'u_1', 'active', 'Work', '{}', ?, '[]', 'bearer', 1, 1, 1)`,
        [id, JSON.stringify(captured)],
      );
    }
    await migrate(db);
    expect(await db.all("select id, account from connections order by id")).toEqual([
      { id: "con_1", account: "ada@x.example" },
      { id: "con_2", account: null },
    ]);
  });
});
