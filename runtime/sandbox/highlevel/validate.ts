import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { HighLevelError } from "./errors.ts";
import type { Operation } from "./operations.ts";

const ajv = new Ajv2020({ allErrors: true, strict: false, coerceTypes: false });
const compiled = new Map<object, ValidateFunction>();

/** Refuses what HighLevel would refuse, in its words: 422 with one message for each fault. */
export function assertRequest(
  operation: Operation,
  path: Record<string, string>,
  query: URLSearchParams,
  body: unknown,
): void {
  const messages = [
    ...Object.entries(operation.pathEnums ?? {}).flatMap(([name, allowed]) => oneOf(name, path[name], allowed)),
    ...queryFaults(operation, query),
    ...bodyFaults(operation, body),
  ];
  if (messages.length > 0) throw new HighLevelError(422, messages);
}

function queryFaults({ query: known = {} }: Operation, query: URLSearchParams): string[] {
  const unknown = [...new Set(query.keys())].filter((name) => !Object.hasOwn(known, name.replace("[]", "")));
  return [
    ...unknown.map((name) => `property ${name} should not exist`),
    ...Object.entries(known).flatMap(([name, { required, type, enum: allowed, maximum }]) => {
      const value = query.get(name);
      if (value === null || value === "") return required ? [`${name} should not be empty`] : [];
      if (type === "number" && !Number.isFinite(Number(value))) return [`${name} must be a number`];
      if (type === "boolean" && !/^(true|false)$/.test(value)) return [`${name} must be a boolean value`];
      if (maximum !== undefined && Number(value) > maximum) return [`${name} must not be greater than ${maximum}`];
      return allowed ? oneOf(name, value, allowed) : [];
    }),
  ];
}

function bodyFaults({ body: schema }: Operation, body: unknown): string[] {
  if (schema === undefined) return [];
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = ajv.compile(schema)));
  return validate(body) ? [] : [...new Set(validate.errors!.flatMap(describe))];
}

function describe({ keyword, instancePath, params }: ErrorObject): string[] {
  const at = instancePath.slice(1).replaceAll("/", ".");
  const below = (name: string) => (at === "" ? name : `${at}.${name}`);
  switch (keyword) {
    case "required":
      return [`${below(params["missingProperty"] as string)} should not be empty`];
    case "additionalProperties":
      return [`property ${below(params["additionalProperty"] as string)} should not exist`];
    case "type":
      return [`${at || "body"} must be ${TYPES[String(params["type"])] ?? `a ${String(params["type"])}`}`];
    case "enum":
      return [`${at} must be one of the following values: ${(params["allowedValues"] as string[]).join(", ")}`];
    case "maximum":
      return [`${at} must not be greater than ${String(params["limit"])}`];
    case "minimum":
      return [`${at} must not be less than ${String(params["limit"])}`];
    case "maxItems":
      return [`${at} must contain no more than ${String(params["limit"])} elements`];
    default:
      return [];
  }
}

const TYPES: Record<string, string> = {
  number: "a number conforming to the specified constraints",
  boolean: "a boolean value",
  array: "an array",
  object: "an object",
};

function oneOf(name: string, value: string | undefined, allowed: readonly string[]): string[] {
  return value !== undefined && allowed.includes(value)
    ? []
    : [`${name} must be one of the following values: ${allowed.join(", ")}`];
}
