import { HooklineError } from "../core/errors.ts";
import { createLog, type Log } from "../core/log.ts";
import type { Database } from "./database.ts";
import { postgres, sqlite } from "./dialects.ts";
import { migrations, type Migration } from "./schema.ts";

/** Which version of the schema the store has, 0 for none yet. */
export function schemaVersion(db: Database): Promise<number> {
  return { postgres, sqlite }[db.dialect].readVersion(db);
}

/**
 * Brings the store's tables to this version: each migration that has not run yet runs in a transaction of its own, with
 * the number that says so, and so has happened wholly or not at all. Processes that do so at once take turns.
 * Returns how many ran here. Throws `store_unusable` when a newer Hookline has written the store.
 */
export async function migrate(
  db: Database,
  log: Log = createLog({ level: "silent" }),
  list: readonly Migration[] = migrations,
): Promise<number> {
  const keeper = { postgres, sqlite }[db.dialect];
  assertKnown(await schemaVersion(db), list.length);
  for (let ran = 0; ; ran++) {
    const next = await db.transaction(async (tx) => {
      await keeper.lock(tx);
      const version = await keeper.readVersion(tx);
      assertKnown(version, list.length);
      if (version === list.length) return undefined;
      for (const step of list[version]!(keeper)) {
        if (typeof step === "string") await tx.run(step);
        else await step(tx, log);
      }
      await keeper.writeVersion(tx, version + 1);
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
