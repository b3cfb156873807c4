import type { JsonSchema } from "../core/json.ts";

type Properties = Record<string, JsonSchema>;

/** An object of exactly these properties; all are required but the `optional` ones. */
export function object(description: string, properties: Properties, optional: readonly string[] = []): JsonSchema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return {
    type: "object",
    description,
    properties,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

/** Any object. */
export function anyObject(description: string, example?: unknown): JsonSchema {
  return { type: "object", description, ...withExample(example) };
}

/** Schema of a text. */
export function text(description: string, example?: string): JsonSchema {
  return { type: "string", description, ...withExample(example) };
}

/** Text that is not empty and not endless. */
export function name(description: string, example?: string): JsonSchema {
  return { type: "string", minLength: 1, maxLength: 255, description, ...withExample(example) };
}

/** Schema of a time in RFC 3339. */
export function time(description: string): JsonSchema {
  return { type: "string", format: "date-time", description, examples: ["2026-11-21T22:00:00.000Z"] };
}

/** Schema of a whole number from 0. */
export function count(description: string): JsonSchema {
  return { type: "integer", minimum: 0, description };
}

/** Schema of one of several texts. */
export function oneOf(values: readonly string[], description: string): JsonSchema {
  return { type: "string", enum: values, description };
}

/** Schema of a list. */
export function listOf(items: JsonSchema, description: string): JsonSchema {
  return { type: "array", items, description };
}

/** The schema, or null. */
export function nullable(schema: JsonSchema): JsonSchema {
  const nothing = "enum" in schema ? { enum: [...(schema["enum"] as unknown[]), null] } : {};
  return { ...schema, ...nothing, type: [schema["type"], "null"].flat() };
}

/** A schema of `components`, by its name. */
export function ref(component: string): JsonSchema {
  return { $ref: `#/components/schemas/${component}` };
}

/** A page of a list. */
export function pageSchema(component: string): JsonSchema {
  return object("A page.", {
    data: listOf(ref(component), "In the order of the list."),
    nextCursor: nullable(text("`cursor` of the next page; null after the last.")),
  });
}

function withExample(example: unknown): JsonSchema {
  return example === undefined ? {} : { examples: [example] };
}

/** What is wrong with something sealed that does not open; null while it does. */
export function brokenSchema(description: string): JsonSchema {
  const properties = { code: text("Stable code.", "decryption_failed"), message: text("The problem and its remedy.") };
  return nullable(object(description, properties));
}
