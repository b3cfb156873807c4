import { ANYTHING, merge, schemaAt, typesOf, valuesOf, type Lookup } from "./schema-path.ts";

/** The static type of a value: what lies at a path inside it, as far as that is certain before anything has run. */
export type ValueType = (path: readonly string[]) => Lookup;

/** The type of a value that can be anything. */
export const anything: ValueType = () => ANYTHING;

/** Text of any kind. */
export const text = described({ type: "string" });

/** The type that a schema describes; without one, any value. */
export function described(schema: object | undefined): ValueType {
  return schema === undefined ? anything : (path) => schemaAt(schema, path);
}

/** An object of exactly these properties. */
export function objectOf(properties: Readonly<Record<string, ValueType>>): ValueType {
  return ([name, ...rest]) => {
    if (name === undefined) return schemaAt({ type: "object" }, []);
    if (Object.hasOwn(properties, name)) return properties[name]!(rest);
    return { kind: "absent", names: Object.keys(properties) };
  };
}

/** A list of items of one type. */
export function listOf(items: ValueType): ValueType {
  return ([position, ...rest]) => {
    if (position === undefined) return schemaAt({ type: "array" }, []);
    return /^\d+$/.test(position) ? items(rest) : { kind: "absent", names: [] };
  };
}

/** One of several types: what one of them has may be there. */
export function oneOf(types: readonly ValueType[]): ValueType {
  return (path) => merge(types.map((type) => type(path)));
}

/** What lies at a name or position. */
export function inside(type: ValueType, name: string): ValueType {
  return (path) => type([name, ...path]);
}

/** A list without the lists in it. */
export function flattened(list: ValueType): ValueType {
  const item = inside(list, "0");
  const types = knownTypes(item);
  if (!types) return listOf(anything);
  if (!types.has("array")) return listOf(item);
  return listOf(types.size === 1 ? inside(item, "0") : anything);
}

/** The JSON types it can have; undefined when any. */
export function knownTypes(type: ValueType): ReadonlySet<string> | undefined {
  const found = type([]);
  return found.kind === "known" ? typesOf(found.schemas) : undefined;
}

/** All values it can have, where they are listed. */
export function knownValues(type: ValueType): readonly unknown[] | undefined {
  const found = type([]);
  return found.kind === "known" ? valuesOf(found.schemas) : undefined;
}
