import { atPointer, isObject } from "../core/json.ts";

type Schema = Record<string, unknown>;
type NameOf = (action: string) => string;

/**
 * The input schema of an action as functions have it: an object without annotations of the manifest. `$ref`, which models
 * read badly, is resolved except where a schema contains itself. Where only the vendor knows the values, the description
 * names the function that lists them, and `x-dynamic-values` does so for programs.
 */
export function inputSchemaOf(input: Schema | undefined, nameOf: NameOf): Schema {
  const root = input ?? {};
  const { $defs, ...schema } = convert(root, { root, nameOf, inside: [] }) as Schema;
  const recursive = JSON.stringify(schema).includes('"$ref"');
  return { ...schema, type: "object", properties: schema["properties"] ?? {}, ...(recursive ? { $defs } : {}) };
}

/** Keywords that model providers refuse at the top of a schema. */
const UNIONS = new Set(["anyOf", "oneOf", "allOf", "not", "if", "then", "else"]);

/** The schema without conditions on the whole; the action itself still holds the input to them. */
export function withoutTopUnions(schema: Schema): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([keyword]) => !UNIONS.has(keyword)));
}

interface Context {
  root: Schema;
  nameOf: NameOf;
  /** The `$ref`s that led here. */
  inside: readonly string[];
}

function convert(part: unknown, context: Context): unknown {
  if (Array.isArray(part)) return part.map((item) => convert(item, context));
  if (!isObject(part)) return part;
  const { $ref, ...beside } = part;
  if (typeof $ref === "string" && $ref.startsWith("#") && !context.inside.includes($ref)) {
    const target = atPointer(context.root, decodeURIComponent($ref.slice(1)));
    if (isObject(target)) return convert({ ...target, ...beside }, { ...context, inside: [...context.inside, $ref] });
  }
  const { dynamicValues, "x-antiExamples": _, ...rest } = part;
  const schema = Object.fromEntries(Object.entries(rest).map(([key, inner]) => [key, convert(inner, context)]));
  return isObject(dynamicValues) && typeof dynamicValues["action"] === "string"
    ? { ...schema, ...describeValues(schema["description"], dynamicValues, context.nameOf) }
    : schema;
}

function describeValues(description: unknown, { action, value, label, dependsOn }: Schema, nameOf: NameOf): Schema {
  const listed = nameOf(String(action));
  const called = label === undefined ? "" : `, called by \`${String(label)}\``;
  const values = `Values: \`${String(value)}\` of what ${listed} lists${called}.`;
  return {
    description: typeof description === "string" ? `${description} ${values}` : values,
    "x-dynamic-values": { function: listed, value, label, dependsOn },
  };
}
