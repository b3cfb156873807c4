import { HooklineError } from "../core/errors.ts";
import { createLog, type Log } from "../core/log.ts";
import type { Database, Sql } from "./database.ts";
import { postgres, sqlite, type Keeper } from "./dialects.ts";
import { migrations, type Migration } from "./schema.ts";

/** Which version of the schema the store has, 0 for none yet. */
export function schemaVersion(db: Database): Promise<number> {
  return keeperOf(db).readVersion(db);
}

/** Where the version of a list of migrations is kept. */
interface Version {
  read(sql: Sql): Promise<number>;
  write(sql: Sql, version: number): Promise<unknown>;
}

/**
 * Brings the tables of the core to this version: each migration that has not run yet runs in a transaction of its own, with
 * the number that says so, and so has happened wholly or not at all. Processes that do so at once take turns.
 * Returns how many ran here.
 * @throws HooklineError `store_unusable` when a newer Hookline has written the store
 */
export function migrate(
  db: Database,
  log: Log = createLog({ level: "silent" }),
  list: readonly Migration[] = migrations,
): Promise<number> {
  const { readVersion, writeVersion } = keeperOf(db);
  return run(db, log, list, { read: readVersion, write: writeVersion });
}

/** The tables of a module, as far as a store is concerned. */
export interface ModuleTables {
  readonly name: string;
  readonly tables: readonly Migration[];
}

/** Where the version of a module's tables is kept, in `meta`. */
export const MODULE_PLACE = "schema.";

/** Which version the tables of a module have, 0 for none yet; the store has the core's tables. */
export async function moduleVersion(sql: Sql, { name }: Pick<ModuleTables, "name">): Promise<number> {
  const row = await sql.get<{ value: string }>("select value from meta where name = ?", [MODULE_PLACE + name]);
  return Number(row?.value ?? 0);
}

/**
 * The same as {@link migrate} for the tables of a module, whose version is kept apart, so that a module that comes later finds
 * its own tables.
 * @throws HooklineError `store_unusable` when a newer Hookline has written the store
 */
export function migrateModule(db: Database, log: Log, module: ModuleTables): Promise<number> {
  return run(db, log, module.tables, {
    read: (sql) => moduleVersion(sql, module),
    write: (sql, version) =>
      sql.run("insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value", [
        MODULE_PLACE + module.name,
        String(version),
      ]),
  });
}

function keeperOf({ dialect }: Database): Keeper {
  return { postgres, sqlite }[dialect];
}

async function run(db: Database, log: Log, list: readonly Migration[], { read, write }: Version): Promise<number> {
  const keeper = keeperOf(db);
  assertKnown(await read(db), list.length);
  for (let ran = 0; ; ran++) {
    const next = await db.transaction(async (tx) => {
      await keeper.lock(tx);
      const version = await read(tx);
      assertKnown(version, list.length);
      if (version === list.length) return undefined;
      for (const step of list[version]!(keeper)) {
        if (typeof step === "string") await tx.run(step);
        else await step(tx, log);
      }
      await write(tx, version + 1);
      return version + 1;
    });
    if (next === undefined) return ran;
  }
}

function assertKnown(found: number, known: number): void {
  if (found <= known) return;
  throw new HooklineError(
    "store_unusable",
    `The store has schema version ${found}, this Hookline knows up to ${known}; run a newer Hookline, or restore an older store.`,
    { data: { found, known } },
  );
}
