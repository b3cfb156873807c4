import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { Fault } from "../core/errors.ts";
import { isObject, joinPointer } from "../core/json.ts";

export interface ReferenceSources {
  env: Readonly<Record<string, string | undefined>>;
  /** Folder that the paths of `{"file": …}` start from. */
  folder: string;
}

/** A document with each `{"env": "NAME"}` and `{"file": "path"}` replaced by its text; those that lead nowhere stay, and are named in `faults`. */
export async function resolveReferences(
  document: unknown,
  sources: ReferenceSources,
  pointer = "",
): Promise<{ value: unknown; faults: Fault[] }> {
  const reference = asReference(document);
  if (reference) return await follow(reference, sources, pointer);
  if (Array.isArray(document)) {
    const items = await Promise.all(
      document.map((item, i) => resolveReferences(item, sources, joinPointer(pointer, i))),
    );
    return { value: items.map(({ value }) => value), faults: items.flatMap(({ faults }) => faults) };
  }
  if (!isObject(document)) return { value: document, faults: [] };
  const entries = await Promise.all(
    Object.entries(document).map(async ([name, inner]) => {
      return [name, await resolveReferences(inner, sources, joinPointer(pointer, name))] as const;
    }),
  );
  return {
    value: Object.fromEntries(entries.map(([name, { value }]) => [name, value])),
    faults: entries.flatMap(([, { faults }]) => faults),
  };
}

type Reference = { env: string } | { file: string };

function asReference(value: unknown): Reference | undefined {
  if (!isObject(value) || Object.keys(value).length !== 1) return undefined;
  return typeof value.env === "string" || typeof value.file === "string" ? (value as Reference) : undefined;
}

async function follow(
  reference: Reference,
  { env, folder }: ReferenceSources,
  pointer: string,
): Promise<{ value: unknown; faults: Fault[] }> {
  const fault = (message: string) => ({ value: reference, faults: [{ pointer, message }] });
  if ("env" in reference) {
    const value = Object.hasOwn(env, reference.env) ? env[reference.env] : undefined;
    if (value !== undefined && value !== "") return { value, faults: [] };
    return fault(`the environment has no ${reference.env}; set it, or write the value here`);
  }
  try {
    return { value: (await readFile(resolve(folder, reference.file), "utf8")).replace(/\r?\n$/, ""), faults: [] };
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code;
    return fault(`cannot read ${reference.file} (${reason}); paths start from the configuration file's folder`);
  }
}
