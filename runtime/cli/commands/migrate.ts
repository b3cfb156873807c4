import type { Command } from "commander";

const HELP = `
The service migrates its own store when it starts. This does it before, for a service whose database user may not make tables.
Processes that migrate at once take turns. Without --store it is the store that hookline start would open.

Examples:
  hookline migrate --store postgres://hookline@db.internal/hookline
  hookline migrate --config hookline.config.json`;

interface Options {
  config?: string;
  store?: string;
  json?: true;
}

export function addMigrate(program: Command): void {
  program
    .command("migrate")
    .description("Bring the tables of a store to this version.")
    .option("--config <file>", "configuration file that names the store")
    .option("--store <location>", "sqlite:<file> or postgres://…, instead of the configuration's")
    .option("--json", "print {from, to, modules} for programs")
    .addHelpText("after", HELP)
    .action(runMigrate);
}

async function runMigrate({ config, store, json }: Options): Promise<void> {
  const [
    { systemClock },
    { createLog },
    { openEngine },
    modules,
    { migrate, migrateModule, ...version },
    { openDatabase },
  ] = await Promise.all([
    import("../../core/clock.ts"),
    import("../../core/log.ts"),
    import("../../engine/open.ts"),
    import("../../modules.ts"),
    import("../../store/migrate.ts"),
    import("../../store/open.ts"),
  ]);
  const log = createLog({ level: "warn", destination: process.stderr });
  const db = await openDatabase(store ?? (await configuredStore(config)), { log });
  try {
    const from = await version.schemaVersion(db);
    await migrate(db, log);
    const to = await version.schemaVersion(db);
    const changes: Record<string, { from: number; to: number }> = {};
    for (const module of Object.values(await modules.loadModules(modules.MODULES))) {
      const ran = await migrateModule(db, log, module);
      const to = await version.moduleVersion(db, module);
      changes[module.name] = { from: to - ran, to };
    }
    // Of PostgreSQL, the queues are tables too.
    const engine = await openEngine({ db, clock: systemClock, log });
    await engine.stop();
    if (json) return console.log(JSON.stringify({ from, to, modules: changes }));
    console.log(from === to ? `schema ${to}: up to date` : `schema ${from} → ${to}`);
    for (const [name, { from, to }] of Object.entries(changes)) {
      if (from !== to) console.log(`module ${name}: schema ${from} → ${to}`);
    }
  } finally {
    await db.close();
  }
}

async function configuredStore(file: string | undefined): Promise<string> {
  const { readStore } = await import("../config.ts");
  return await readStore({ file, env: process.env, cwd: process.cwd() });
}
