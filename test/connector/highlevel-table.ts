/**
 * The table of the catalog in `connector/highlevel/README.md`, made from the catalog and the manifest:
 * `node test/connector/highlevel-table.ts` writes it anew.
 */
import { readFile, writeFile } from "node:fs/promises";
import catalog from "../fixtures/highlevel-catalog.json" with { type: "json" };
import type { Action, ConnectorRequest, Manifest, Stream, Trigger } from "../../schemas/manifest.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";

export type CatalogRow = (typeof catalog)[number];
type HttpRequest = Extract<ConnectorRequest, { path: string }>;

/** What the manifest makes of one row of the catalog. */
export interface Implementation {
  key: string;
  definition: Trigger | Action;
  /** The stream of a trigger, the action itself otherwise. */
  source: Stream | Action;
  request: HttpRequest;
}

export const README = new URL("../../connector/highlevel/README.md", import.meta.url);
const BEGIN = "<!-- catalog: written by test/connector/highlevel-table.ts -->";
const END = "<!-- end of catalog -->";

/** The trigger or action under a row's name. */
export function implementationOf(
  { streams, triggers, actions }: Manifest,
  row: CatalogRow,
): Implementation | undefined {
  const section: Record<string, Trigger | Action> = (row.kind === "trigger" ? triggers : actions) ?? {};
  const found = Object.entries(section).find(([, { title }]) => title === row.name);
  if (!found) return undefined;
  const [key, definition] = found;
  const source = "stream" in definition ? streams![definition.stream]! : definition;
  return { key, definition, source, request: source.request as HttpRequest };
}

/** The README with the table as it has to be. */
export async function refreshed(): Promise<{ before: string; after: string }> {
  const before = await readFile(README, "utf8");
  const [head, rest] = [before.slice(0, before.indexOf(BEGIN) + BEGIN.length), before.slice(before.indexOf(END))];
  return { before, after: `${head}\n\n${table((await loadManifest("highlevel")).manifest)}\n\n${rest}` };
}

function table(manifest: Manifest): string {
  const categories = [...new Set(catalog.map(({ category }) => category))];
  return categories
    .map((category) => {
      const rows = catalog.filter((row) => row.category === category).map((row) => cells(manifest, row));
      const header = ["catalog name", "kind", "key", "request", "scope", "test (`-t`)"];
      return `### ${category}\n\n${aligned([header, ...rows])}`;
    })
    .join("\n\n");
}

function cells(manifest: Manifest, row: CatalogRow): string[] {
  const { key, source, request } = implementationOf(manifest, row)!;
  const test = row.kind === "trigger" ? `nothing else: ${key}` : `what it says: ${key}`;
  const scopes = (source.scopes ?? []).flat().map((scope) => `\`${scope}\``);
  return [row.name, row.kind, `\`${key}\``, `\`${request.method} ${request.path}\``, scopes.join(", "), `\`${test}\``];
}

function aligned(rows: string[][]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (row: string[]) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  const [header, ...rest] = rows.map(line);
  return [header, `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`, ...rest].join("\n");
}

if (import.meta.main) {
  const { before, after } = await refreshed();
  if (after !== before) await writeFile(README, after);
}
