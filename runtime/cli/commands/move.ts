import type { Command } from "commander";

const HELP = `
Stop the service first: its file has one holder at a time. Everything is carried over in one transaction and compared by counts
and hashes: afterwards the target has all of it, jobs included, or is as it was. The source is left as it was. The service then
needs the same encryption key and the new store.

Example:
  hookline move --from sqlite:./hookline.db --to postgres://hookline@db.internal/hookline`;

interface Options {
  from: string;
  to: string;
  json?: true;
}

export function addMove(program: Command): void {
  program
    .command("move")
    .description("Copy a service from SQLite to PostgreSQL.")
    .requiredOption("--from <location>", "the SQLite file of the service, sqlite:<file>")
    .requiredOption("--to <location>", "an empty PostgreSQL database, postgres://…")
    .option("--json", "print rows and hash of each table for programs")
    .addHelpText("after", HELP)
    .action(runMove);
}

async function runMove({ from, to, json }: Options): Promise<void> {
  const [{ moveStore }, { progressBar }] = await Promise.all([import("../move.ts"), import("../progress.ts")]);
  const moved = await moveStore({ from, to, onProgress: progressBar("rows copied and compared") });
  if (json) return console.log(JSON.stringify(moved, null, 2));
  const tables = Object.entries(moved).filter(([, { rows }]) => rows > 0);
  const width = Math.max("table".length, ...tables.map(([table]) => table.length));
  console.log(`${"table".padEnd(width)}      rows  hash`);
  for (const [table, { rows, hash }] of tables)
    console.log(`${table.padEnd(width)} ${String(rows).padStart(9)}  ${hash.slice(0, 16)}`);
  const total = tables.reduce((sum, [, { rows }]) => sum + rows, 0);
  console.log(`${total} rows copied; both stores are equal`);
}
