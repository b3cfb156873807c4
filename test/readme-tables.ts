/** Writes the tables of the documents that follow from the code: `node test/readme-tables.ts` (part of `npm run generate`). */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { ERROR_CODES } from "../runtime/core/errors.ts";
import { builtInConnectors, loadManifest } from "../runtime/manifest/load.ts";

export const root = resolve(import.meta.dirname, "..");
export const readme = join(root, "README.md");
export const operations = join(root, "docs", "operations.md");

const TABLES = {
  connectors: { document: readme, make: connectorTable },
  errors: { document: join(root, "docs", "errors.md"), make: errorTable },
};

/** Each document with generated tables: its text, and the text with each table between its marks as the code has it. */
export async function documentsWithTables(): Promise<{ document: string; before: string; after: string }[]> {
  const documents = [];
  for (const [name, { document, make }] of Object.entries(TABLES)) {
    const before = await readFile(document, "utf8");
    const marks = new RegExp(`(<!-- ${name}: generated -->\n)[^]*?(<!-- /${name} -->)`);
    if (!marks.test(before)) throw new Error(`${document} has no place for the table of ${name}`);
    const table = await make();
    const after = before.replace(marks, (_, begin: string, end: string) => `${begin}\n${table}\n${end}`);
    documents.push({ document, before, after });
  }
  return documents;
}

async function connectorTable(): Promise<string> {
  const rows: string[][] = [];
  for (const name of builtInConnectors()) {
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
  for (const { document, after } of await documentsWithTables()) await writeFile(document, after);
}
