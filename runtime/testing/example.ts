import { atPointer, isObject } from "../core/json.ts";

const FORMATS: Record<string, string> = {
  date: "2026-01-31",
  "date-time": "2026-01-31T09:00:00Z",
  email: "ada@example.com",
  uri: "https://example.com/",
  uuid: "2b6f0cc9-04d1-4d35-8a61-1f1f5e1a9d10",
};

/** A value that a JSON Schema is likely to accept: what it gives as an example, else the plainest of its type. */
export function exampleOf(schema: unknown, root: unknown = schema): unknown {
  if (!isObject(schema)) return "text";
  if (typeof schema.$ref === "string") return exampleOf(atPointer(root, schema.$ref.slice(1)), root);
  const first = [schema.examples, schema.enum].find((values) => Array.isArray(values) && values.length > 0);
  const given = schema.const ?? schema.default ?? (first as unknown[] | undefined)?.[0];
  if (given !== undefined) return given;
  const alternative = firstAlternative(schema);
  if (alternative && (schema.type === undefined || "const" in alternative)) return exampleOf(alternative, root);
  switch ([schema.type].flat()[0] ?? (schema.properties ? "object" : "string")) {
    case "object":
      return exampleObject(schema, root);
    case "array":
      return Array.from({ length: Number(schema.minItems ?? 0) }, () => exampleOf(schema.items, root));
    case "integer":
    case "number":
      return Number(schema.minimum ?? 1);
    case "boolean":
      return false;
    case "null":
      return null;
    default:
      return FORMATS[String(schema.format)] ?? "text".padEnd(Number(schema.minLength ?? 0), "x");
  }
}

function exampleObject(schema: Record<string, unknown>, root: unknown): Record<string, unknown> {
  const known = isObject(schema.properties) ? schema.properties : {};
  const needed = [schema.required, firstAlternative(schema)?.required]
    .flat()
    .filter((name) => typeof name === "string");
  return Object.fromEntries(needed.map((name) => [name, exampleOf(known[name], root)]));
}

function firstAlternative({ oneOf, anyOf }: Record<string, unknown>): Record<string, unknown> | undefined {
  return [oneOf, anyOf].flat().find(isObject);
}
