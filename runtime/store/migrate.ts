import { HooklineError } from "../core/errors.ts";
import type { Database, Sql } from "./database.ts";
import { migrations, type Dialect } from "./schema.ts";

/** How a database spells the types of the schema, and where it keeps the schema's version. */
interface Keeper extends Dialect {
  readVersion(sql: Sql): Promise<number>;
  writeVersion(sql: Sql, version: number): Promise<unknown>;
}

const keepers: Partial<Record<Database["dialect"], Keeper>> = {
  sqlite: {
    blob: "blob",
    bigint: "integer",
    serial: "integer primary key autoincrement",
    clustered: "without rowid",
    readVersion: async (sql) => (await sql.get<{ user_version: number }>("pragma user_version"))!.user_version,
    writeVersion: (sql, version) => sql.run(`pragma user_version = ${version}`),
  },
};

/**
 * Brings the store's tables to this version: each migration that has not run yet runs in a transaction of its own, with
 * the number that says so, and so has happened wholly or not at all. Returns how many ran.
 * Throws `store_unusable` when a newer Hookline has written the store.
 */
export async function migrate(db: Database, list: typeof migrations = migrations): Promise<number> {
  const keeper = keepers[db.dialect];
  if (keeper === undefined) throw new TypeError(`There is no schema for ${db.dialect} yet.`);
  const before = await keeper.readVersion(db);
  if (before > list.length) {
    throw new HooklineError(
      "store_unusable",
      `The store has schema version ${before}, this Hookline knows up to ${list.length}; run a newer Hookline, or restore an older store.`,
      { data: { found: before, known: list.length } },
    );
  }
  for (let version = before; version < list.length; version++) {
    await db.transaction(async (tx) => {
      for (const statement of list[version]!(keeper)) await tx.run(statement);
      await keeper.writeVersion(tx, version + 1);
    });
  }
  return list.length - before;
}
