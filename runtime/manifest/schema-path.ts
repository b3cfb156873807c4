import { isSameWord } from "../core/spelling.ts";
import { suggestion } from "./remedies.ts";
import { atPointer, isObject } from "../core/json.ts";

/** A schema, and the document its references point into. */
interface SchemaIn {
  schema: unknown;
  root: unknown;
}

/**
 * What is certain of a place: that it has one of these schemas; nothing, beside these names, where all are known that are usual
 * there; or that it cannot exist beside these names.
 */
export type Lookup =
  | { kind: "known"; schemas: readonly SchemaIn[] }
  | { kind: "anything"; names?: string[] }
  | { kind: "absent"; names: string[] };

/** Nothing is certain. */
export const ANYTHING: Lookup = { kind: "anything" };

/**
 * What is wrong with a name that leads to a place, or undefined: it cannot be there, or others may and it nearly is one that is
 * usual there.
 */
export function nameFault(name: string, found: Lookup): string | undefined {
  if (found.kind === "known" || (found.kind === "anything" && !found.names?.some((usual) => isSameWord(name, usual))))
    return undefined;
  return `has no "${name}"${suggestion(name, found.names!)}`;
}

/** What a schema says of the value at a path. */
export function schemaAt(schema: unknown, path: readonly string[]): Lookup {
  let found: Lookup = { kind: "known", schemas: [{ schema, root: schema }] };
  for (const name of path) {
    if (found.kind !== "known") return found;
    const seen = new Set<unknown>();
    found = merge(found.schemas.map((at) => child(at, name, seen)));
  }
  return found;
}

/**
 * JSON types that values of these schemas can have; undefined when any. `null` counts for nothing. `seen`: schemas that count
 * already, so that one which contains itself has an end.
 */
export function typesOf(schemas: readonly SchemaIn[], seen = new Set<unknown>()): Set<string> | undefined {
  const types = new Set<string>();
  for (const at of schemas) {
    const { schema, root } = resolve(at);
    if (!isObject(schema)) return undefined;
    if (seen.has(schema)) continue;
    seen.add(schema);
    const branches = branchesOf(schema);
    const listed = "enum" in schema ? (schema["enum"] as unknown[]) : "const" in schema ? [schema["const"]] : undefined;
    const own =
      schema["type"] !== undefined
        ? new Set([schema["type"]].flat() as string[])
        : (listed && new Set(listed.map(typeName))) ||
          (branches.length > 0
            ? typesOf(
                branches.map((branch) => ({ schema: branch, root })),
                seen,
              )
            : undefined);
    if (!own) return undefined;
    for (const type of own) if (type !== "null") types.add(type);
  }
  return types.size === 0 ? undefined : types;
}

/** All values that these schemas allow, where they list them. */
export function valuesOf(schemas: readonly SchemaIn[], left = 50): readonly unknown[] | undefined {
  const values: unknown[] = [];
  for (const at of schemas) {
    const { schema, root } = resolve(at);
    if (!isObject(schema) || left === 0) return undefined;
    const branches = branchesOf(schema).map((branch) => ({ schema: branch, root }));
    const own =
      "const" in schema
        ? [schema["const"]]
        : ((schema["enum"] as unknown[] | undefined) ??
          (branches.length > 0 ? valuesOf(branches, left - 1) : undefined));
    if (own === undefined) return undefined;
    values.push(...own);
  }
  return values;
}

/** Between which numbers a value lies, both included, and whether it is whole. */
export interface Range {
  least: number;
  most: number;
  isWhole: boolean;
}

/** Between which numbers values of these schemas lie; undefined where not all are numbers, or nothing is said of them. */
export function rangeAt(schemas: readonly SchemaIn[]): Range | undefined {
  const ranges: Range[] = [];
  for (const at of schemas) {
    const { schema } = resolve(at);
    if (!isObject(schema)) return undefined;
    const types = [schema["type"]].flat().filter((type) => type !== "null");
    if (types.length !== 1 || (types[0] !== "integer" && types[0] !== "number")) return undefined;
    const limit = (name: string, otherwise: number): number =>
      typeof schema[name] === "number" ? schema[name] : otherwise;
    const range = { least: limit("minimum", -Infinity), most: limit("maximum", Infinity) };
    ranges.push({ ...range, isWhole: types[0] === "integer" });
  }
  if (ranges.length === 0) return undefined;
  return {
    least: Math.min(...ranges.map(({ least }) => least)),
    most: Math.max(...ranges.map(({ most }) => most)),
    isWhole: ranges.every(({ isWhole }) => isWhole),
  };
}

/** Whether a value of one of the first types can be one of the second. */
export function fits(given: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  const isNumber = (type: string) => type === "number" || type === "integer";
  return [...given].some((type) => [...wanted].some((other) => other === type || (isNumber(type) && isNumber(other))));
}

function child(at: SchemaIn, name: string, seen: Set<unknown>): Lookup {
  const { schema, root } = resolve(at);
  if (schema === false || seen.has(schema)) return { kind: "absent", names: [] };
  if (!isObject(schema)) return ANYTHING;
  seen.add(schema);
  const inside = (inner: unknown): Lookup => ({ kind: "known", schemas: [{ schema: inner, root }] });
  const { properties, additionalProperties, items } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return inside(properties[name]);
  if (/^\d+$/.test(name) && isObject(items)) return inside(items);
  if ("patternProperties" in schema || "prefixItems" in schema || "allOf" in schema) return ANYTHING;
  const branches = branchesOf(schema);
  if (branches.length > 0) return merge(branches.map((branch) => child({ schema: branch, root }, name, seen)));
  if (isObject(additionalProperties) && Object.keys(additionalProperties).length > 0)
    return inside(additionalProperties);
  const types = typesOf([{ schema, root }]);
  const closed = additionalProperties === false || schema["unevaluatedProperties"] === false;
  if (closed || (types && !types.has("object") && !types.has("array"))) {
    return { kind: "absent", names: isObject(properties) ? Object.keys(properties) : [] };
  }
  if (types?.size === 1 && types.has("array") && !/^\d+$/.test(name)) return { kind: "absent", names: [] };
  return isObject(properties) ? { kind: "anything", names: Object.keys(properties) } : ANYTHING;
}

/** A place in one of several values: what one of them has may be there. */
export function merge(all: readonly Lookup[]): Lookup {
  const schemas = all.flatMap((found) => (found.kind === "known" ? found.schemas : []));
  const names = all.flatMap((found) => (found.kind === "known" ? [] : (found.names ?? [])));
  if (all.some(({ kind }) => kind === "anything")) {
    const areUsual = schemas.length === 0 && all.every((found) => found.kind !== "anything" || found.names);
    return areUsual ? { kind: "anything", names } : ANYTHING;
  }
  return schemas.length > 0 ? { kind: "known", schemas } : { kind: "absent", names };
}

function branchesOf(schema: Record<string, unknown>): unknown[] {
  const branches = [schema["anyOf"], schema["oneOf"]].filter(Array.isArray).flat() as unknown[];
  // Branches that only say what is required say nothing of types.
  return branches.filter((branch) => isObject(branch) && Object.keys(branch).some((key) => key !== "required"));
}

function resolve({ schema, root }: SchemaIn): SchemaIn {
  let current = schema;
  for (let left = 50; left > 0 && isObject(current) && typeof current["$ref"] === "string"; left--) {
    const ref = current["$ref"];
    if (!ref.startsWith("#")) return { schema: {}, root };
    current = atPointer(root, decodeURIComponent(ref.slice(1)));
  }
  return { schema: current ?? {}, root };
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
