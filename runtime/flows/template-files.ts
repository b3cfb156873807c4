import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { HooklineError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import type { Connector } from "../manifest/connector.ts";
import type { AnyTemplate } from "./model/templates.ts";

/**
 * The templates that come with the connectors, as their manifests' `flows` name them; of those, the ones all of whose
 * connectors are loaded, since nobody could install the others.
 * @throws HooklineError `invalid_manifest` for a file that is no JSON, and for an id given twice
 */
export async function shippedTemplates(
  connectors: ReadonlyMap<string, Connector>,
): Promise<ReadonlyMap<string, AnyTemplate>> {
  const templates = new Map<string, AnyTemplate>();
  for (const { loaded } of connectors.values()) {
    for (const file of await filesOf(loaded.directory, loaded.manifest.flows ?? [])) {
      const template = await read(file);
      const isUsable = Object.values(template.connections).every((name) => connectors.has(name));
      if (!isUsable) continue;
      if (templates.has(template.id))
        throw broken(file, `the id "${template.id}" is taken by another template; choose another`);
      templates.set(template.id, template);
    }
  }
  return templates;
}

/** Relative paths with `*` for any characters of a file's name. */
async function filesOf(directory: string | undefined, patterns: readonly string[]): Promise<string[]> {
  if (directory === undefined) return [];
  const files: string[] = [];
  for (const pattern of patterns) {
    const slash = pattern.lastIndexOf("/");
    const folder = join(directory, pattern.slice(0, slash + 1));
    const name = pattern.slice(slash + 1);
    const expression = new RegExp(`^${name.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`);
    for (const entry of (await readdir(folder)).sort()) if (expression.test(entry)) files.push(join(folder, entry));
  }
  return files;
}

async function read(file: string): Promise<AnyTemplate> {
  try {
    const { $schema: _, ...template } = parseJson(await readFile(file, "utf8")) as AnyTemplate & { $schema?: string };
    return template;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw broken(file, `it is not valid JSON: ${cause.message}`);
  }
}

function broken(file: string, problem: string): HooklineError {
  return new HooklineError("invalid_manifest", `flow template ${file}: ${problem}`);
}
