/** Writes the tables of README.md that follow from the code: `node test/readme-tables.ts` (part of `npm run generate`). */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ERROR_CODES } from "../runtime/core/errors.ts";
import { builtInConnectors, loadManifest } from "../runtime/manifest/load.ts";

export const readme = join(resolve(import.meta.dirname, ".."), "README.md");

/** The text of README.md with each table between its marks as the code has it. */
export async function withTables(text: string): Promise<string> {
  const tables = { connectors: await connectorTable(), errors: errorTable() };
  let whole = text;
  for (const [name, table] of Object.entries(tables)) {
    const marks = new RegExp(`(<!-- ${name}: generated -->\n)[^]*?(<!-- /${name} -->)`);
    if (!marks.test(whole)) throw new Error(`README.md has no place for the table of ${name}`);
    whole = whole.replace(marks, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`);
  }
  return whole;
}

async function connectorTable(): Promise<string> {
  const rows: string[][] = [];
  for (const name of await builtInConnectors()) {
    const { manifest } = await loadManifest(name);
    const count = (things: object | undefined) => String(Object.keys(things ?? {}).length);
    const { title, description = "", triggers, actions } = manifest;
    rows.push([`${title} (\`${name}\`)`, description, count(triggers), count(actions)]);
  }
  return table(["Connector", "Description", "Triggers", "Actions"], rows);
}

function errorTable(): string {
  const rows = Object.entries(ERROR_CODES).map(([code, { status, meaning }]) => [
    `\`${code}\``,
    String(status),
    meaning,
  ]);
  return table(["Code", "HTTP", "Meaning"], rows);
}

/** Cells padded as oxfmt pads them. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => row[column]!.length)));
  const line = (cells: string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line), ""].join("\n");
}

if (import.meta.main) {
  const text = await readFile(readme, "utf8");
  await writeFile(readme, await withTables(text));
}
