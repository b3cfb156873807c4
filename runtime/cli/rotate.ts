import { GRANT_KEY } from "../accounts/grants.ts";
import { TOKEN_SECRET } from "../accounts/token-secret.ts";
import { createVault } from "../core/crypto.ts";
import { createLog } from "../core/log.ts";
import { connections } from "../model/connections.ts";
import { endpoints } from "../model/endpoints.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import { resealTable, rewrapMeta, type Resealed } from "../model/sealing.ts";
import { variables } from "../model/variables.ts";
import { loadModules, MODULES } from "../modules.ts";
import { migrate, migrateModule } from "../store/migrate.ts";
import { openDatabase } from "../store/open.ts";

/**
 * Seals everything in a store with the first of the keys, also of modules that are left out. When all of it opens, the store needs
 * no other key any more.
 * @throws HooklineError `encryption_key` when a key is missing that the store was written with, `store_locked`, `store_unusable`
 */
export async function rotateKeys(store: string, encryptionKeys: readonly string[]): Promise<Resealed> {
  const vault = createVault(encryptionKeys);
  const log = createLog({ level: "warn", destination: process.stderr });
  const db = await openDatabase(store, { log });
  try {
    await migrate(db, log);
    const modules = Object.values(await loadModules(MODULES));
    for (const module of modules) await migrateModule(db, log, module);
    const register = {
      get: (name: string) => getMeta(db, name),
      set: (name: string, value: string) => setMeta(db, name, value),
    };
    await vault.verify(register);
    const sum: Resealed = { changed: 0, broken: 0 };
    for (const name of [GRANT_KEY, TOKEN_SECRET]) await rewrapMeta(db, vault, name);
    for (const table of [connections, endpoints, variables, ...modules.flatMap(({ sealed = [] }) => sealed)]) {
      const { changed, broken } = await resealTable(db, vault, table as never);
      sum.changed += changed;
      sum.broken += broken;
    }
    if (sum.broken === 0) await vault.retire(register);
    return sum;
  } finally {
    await db.close();
  }
}
