import { atPointer, isObject } from "../core/json.ts";

/** A schema, and the document its references point into. */
export interface Placed {
  schema: unknown;
  root: unknown;
}

/** What a schema says of a place: one of these; `anything` where it does not say; `absent` with the names that are there. */
export type Found =
  | { kind: "known"; schemas: readonly Placed[] }
  | { kind: "anything" }
  | { kind: "absent"; known: string[] };

const ANYTHING: Found = { kind: "anything" };

/** What a schema says of the value at a path. */
export function schemaAt(schema: unknown, path: readonly string[]): Found {
  let found: Found = { kind: "known", schemas: [{ schema, root: schema }] };
  for (const name of path) {
    if (found.kind !== "known") return found;
    found = merge(found.schemas.map((placed) => child(placed, name)));
  }
  return found;
}

/** JSON types that values of these schemas can have; undefined when any. `null` counts for nothing. */
export function typesOf(schemas: readonly Placed[]): Set<string> | undefined {
  const types = new Set<string>();
  for (const placed of schemas) {
    const { schema, root } = resolve(placed);
    if (!isObject(schema)) return undefined;
    const branches = branchesOf(schema);
    const listed = "enum" in schema ? (schema["enum"] as unknown[]) : "const" in schema ? [schema["const"]] : undefined;
    const own =
      schema["type"] !== undefined
        ? new Set([schema["type"]].flat() as string[])
        : (listed && new Set(listed.map(typeName))) ||
          (branches.length > 0 ? typesOf(branches.map((branch) => ({ schema: branch, root }))) : undefined);
    if (!own) return undefined;
    for (const type of own) if (type !== "null") types.add(type);
  }
  return types.size === 0 ? undefined : types;
}

/** Whether a value of one of the first types can be one of the second. */
export function fits(given: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  const isNumber = (type: string) => type === "number" || type === "integer";
  return [...given].some((type) => [...wanted].some((other) => other === type || (isNumber(type) && isNumber(other))));
}

function child(placed: Placed, name: string): Found {
  const { schema, root } = resolve(placed);
  if (!isObject(schema)) return schema === false ? { kind: "absent", known: [] } : ANYTHING;
  const at = (inner: unknown): Found => ({ kind: "known", schemas: [{ schema: inner, root }] });
  const { properties, additionalProperties, items } = schema;
  if (isObject(properties) && Object.hasOwn(properties, name)) return at(properties[name]);
  if (/^\d+$/.test(name) && isObject(items)) return at(items);
  if ("patternProperties" in schema || "prefixItems" in schema || "allOf" in schema) return ANYTHING;
  const branches = branchesOf(schema);
  if (branches.length > 0) return merge(branches.map((branch) => child({ schema: branch, root }, name)));
  if (isObject(additionalProperties) && Object.keys(additionalProperties).length > 0) return at(additionalProperties);
  const types = typesOf([{ schema, root }]);
  const closed = additionalProperties === false || schema["unevaluatedProperties"] === false;
  if (closed || (types && !types.has("object") && !types.has("array"))) {
    return { kind: "absent", known: isObject(properties) ? Object.keys(properties) : [] };
  }
  if (types?.size === 1 && types.has("array") && !/^\d+$/.test(name)) return { kind: "absent", known: [] };
  return ANYTHING;
}

/** There when it is in one of them. */
function merge(all: readonly Found[]): Found {
  const schemas = all.flatMap((found) => (found.kind === "known" ? found.schemas : []));
  if (all.some(({ kind }) => kind === "anything")) return ANYTHING;
  if (schemas.length > 0) return { kind: "known", schemas };
  return { kind: "absent", known: all.flatMap((found) => (found.kind === "absent" ? found.known : [])) };
}

function branchesOf(schema: Record<string, unknown>): unknown[] {
  const branches = [schema["anyOf"], schema["oneOf"]].filter(Array.isArray).flat() as unknown[];
  // Branches that only say what is required say nothing of types.
  return branches.filter((branch) => isObject(branch) && Object.keys(branch).some((key) => key !== "required"));
}

function resolve({ schema, root }: Placed): Placed {
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
