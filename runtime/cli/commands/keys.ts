import type { Command } from "commander";

const HELP = `
Put the new key first in encryptionKeys of the configuration, keep the old one after it, and restart every process with both; then run this. Once it says that everything is sealed with the new key, the old one can be taken away.
What an earlier version has sealed is bound to its user as well, and what it has stored as it was is sealed.
A service on a SQLite file is its only user: stop it first. On PostgreSQL the service can go on.

Examples:
  hookline keys rotate
  hookline keys rotate --config hookline.config.json --json`;

interface Options {
  config?: string;
  json?: true;
}

export function addKeys(program: Command): void {
  const keys = program.command("keys").description("The keys that seal what is secret or personal.");
  keys
    .command("rotate")
    .description("Seal everything with the newest encryption key.")
    .option("--config <file>", "configuration file that names the store and the keys")
    .option("--json", "print {changed, broken} for programs")
    .addHelpText("after", HELP)
    .action(rotate);
}

async function rotate({ config, json }: Options): Promise<void> {
  const [{ readConfig }, { resolveOptions }, { rotateKeys }] = await Promise.all([
    import("../config.ts"),
    import("../../options.ts"),
    import("../rotate.ts"),
  ]);
  const { runtime } = await readConfig({ file: config, env: process.env, cwd: process.cwd() });
  const { store, encryptionKeys } = resolveOptions(runtime);
  const { changed, broken } = await rotateKeys(store, encryptionKeys);
  if (json) console.log(JSON.stringify({ changed, broken }));
  else console.log(`${changed} values were sealed anew${broken === 0 ? "; only the newest key is needed now" : ""}`);
  if (broken === 0) return;
  if (!json)
    console.error(
      `${broken} values open with none of the keys; give every key this store was written with, and run it again`,
    );
  process.exitCode = 1;
}
