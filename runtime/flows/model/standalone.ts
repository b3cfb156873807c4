import { atPointer, isObject, type JsonSchema } from "../../core/json.ts";

/** A schema of `schemas/` with its references filled in, so that each of its parts can stand anywhere. */
export function standalone(schema: object): { properties: Record<string, JsonSchema> } & JsonSchema {
  return fill(schema, schema) as ReturnType<typeof standalone>;
}

function fill(part: unknown, root: object): unknown {
  if (Array.isArray(part)) return part.map((item) => fill(item, root));
  if (!isObject(part)) return part;
  const { $ref, $defs: _, $schema: _schema, $id: _id, "x-antiExamples": _anti, ...own } = part;
  const target = typeof $ref === "string" ? (fill(atPointer(root, $ref.slice(1)), root) as object) : {};
  return Object.fromEntries(
    Object.entries({ ...target, ...own }).map(([key, inner]) => [key, key === "examples" ? inner : fill(inner, root)]),
  );
}
