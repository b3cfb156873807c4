import type { ErrorObject } from "ajv";
import { nearest, type Fault } from "../core/errors.ts";
import { atPointer, isObject, joinPointer, pointerTokens } from "../core/json.ts";

const UNIONS = new Set(["anyOf", "oneOf"]);
/** Say no more than the errors they come with. */
const ENVELOPES = new Set(["if", "propertyNames"]);

/** Ajv's errors (`allErrors`, `verbose`) as faults people can act on: one per mistake, unions reduced to the branch that was meant. */
export function describeErrors(errors: readonly ErrorObject[], schema: object): Fault[] {
  const faults = new Map<string, Fault>();
  for (const error of reduceUnions(errors, schema)) {
    const fault = describe(error);
    faults.set(`${fault.pointer} ${fault.message}`, fault);
  }
  return [...faults.values()];
}

/**
 * For every union that failed, innermost first: only the errors of the nearest branch, or one error for all branches.
 * Ajv tells of a union right after the errors of its branches.
 */
function reduceUnions(errors: readonly ErrorObject[], schema: object): ErrorObject[] {
  const left: ErrorObject[] = [];
  for (const union of errors) {
    if (ENVELOPES.has(union.keyword)) continue;
    if (!UNIONS.has(union.keyword)) {
      left.push(union);
      continue;
    }
    const below = left.splice(left.findLastIndex((error) => !isBelow(error, union)) + 1);
    const branches = (union.schema as object[]).map((branch) =>
      below.filter((error) =>
        schemasAt(branch, error.instancePath.slice(union.instancePath.length), schema).has(error.parentSchema),
      ),
    );
    const replaced = new Set([union, ...branches.flat()]);
    for (const error of below) if (!replaced.has(error)) left.push(error);
    for (const error of meantErrors(union, branches)) left.push(error);
  }
  return left;
}

/** The errors of the branch that was meant: of the right kind and with the least wrong, above all in its own properties. */
function meantErrors(union: ErrorObject, branches: ErrorObject[][]): ErrorObject[] {
  if (requiredNames(union)) return [union];
  const tags = branches.flat().filter((error) => isTag(error, union));
  const ofRightKind = branches.filter(
    (branch) => branch.length > 0 && !branch.some((error) => isAt(error, union) && error.keyword === "type"),
  );
  const weight = (branch: ErrorObject[]) =>
    branch.reduce((sum, error) => sum + (isAt(error, union) ? (WEIGHTS[error.keyword] ?? 8) : 1), 0);
  const meant = ofRightKind
    .filter((branch) => !branch.some((error) => isTag(error, union)))
    .sort((a, b) => weight(a) - weight(b))[0];
  if (meant) return meant;
  return tags.length > 0
    ? [{ ...tags[0]!, keyword: "enum", schema: [...new Set(tags.map((error) => error.schema))] }]
    : [union];
}

/** How much an error at the union itself speaks against a branch: what is there but foreign says more than what is still missing. */
const WEIGHTS: Record<string, number> = { required: 1, additionalProperties: 5 };

/** Keywords whose schemas apply to the very value (or its names). */
const APPLIED_HERE = ["allOf", "anyOf", "oneOf", "then", "else", "propertyNames"];

/** The schemas that a branch applies at a pointer below it, references followed. */
function schemasAt(branch: unknown, pointer: string, root: object): Set<unknown> {
  let schemas = applied([branch], root);
  for (const token of pointer === "" ? [] : pointerTokens(pointer)) {
    schemas = applied(
      [...schemas].flatMap((schema) => {
        const { properties, additionalProperties, prefixItems, items } = schema as Record<string, unknown>;
        return [
          atPointer(properties, joinPointer("", token)) ?? additionalProperties,
          atPointer(prefixItems, joinPointer("", token)) ?? items,
        ];
      }),
      root,
    );
  }
  return schemas;
}

function applied(schemas: unknown[], root: object, known = new Set<unknown>()): Set<unknown> {
  for (const schema of schemas) {
    if (!isObject(schema) || known.has(schema)) continue;
    known.add(schema);
    const ref = schema["$ref"];
    if (typeof ref === "string" && ref.startsWith("#")) applied([atPointer(root, ref.slice(1))], root, known);
    for (const keyword of APPLIED_HERE) if (keyword in schema) applied([schema[keyword]].flat(), root, known);
  }
  return known;
}

function isBelow(error: ErrorObject, union: ErrorObject): boolean {
  return isAt(error, union) || error.instancePath.startsWith(`${union.instancePath}/`);
}

function isAt(error: ErrorObject, union: ErrorObject): boolean {
  return error.instancePath === union.instancePath;
}

/** A constant that tells the branches apart, such as `type`. */
function isTag(error: ErrorObject, union: ErrorObject): boolean {
  return (
    error.keyword === "const" && error.instancePath.slice(0, error.instancePath.lastIndexOf("/")) === union.instancePath
  );
}

/** The names in a union of the form `[{"required": ["a"]}, {"required": ["b"]}]`. */
function requiredNames(union: ErrorObject): string[] | undefined {
  const branches = union.schema as { required?: string[] }[];
  const plain = branches.every((branch) => branch.required && Object.keys(branch).length === 1);
  return plain ? branches.flatMap((branch) => branch.required!) : undefined;
}

function describe(error: ErrorObject): Fault {
  const { instancePath: pointer, params, schema, data, propertyName } = error;
  switch (error.keyword) {
    case "required":
      return { pointer: joinPointer(pointer, params["missingProperty"]), message: "is required" };
    case "additionalProperties":
    case "unevaluatedProperties": {
      const name = String(params["additionalProperty"] ?? params["unevaluatedProperty"]);
      const near = nearest(name, knownProperties(error));
      return {
        pointer: joinPointer(pointer, name),
        message: `unknown property "${name}"${near ? `; did you mean "${near}"?` : "; remove it"}`,
      };
    }
    case "type":
      return { pointer, message: `must be ${article([schema].flat().join(" or "))}, not ${typeName(data)}` };
    case "const":
      return { pointer, message: `must be ${JSON.stringify(schema)}` };
    case "enum":
      return { pointer, message: oneOf(schema as unknown[], data) };
    case "format":
      return {
        pointer,
        message: `must be ${article(FORMATS[params["format"]] ?? params["format"])}${exampleOf(error)}`,
      };
    case "pattern": {
      const said: unknown = error.parentSchema?.["x-patternMessage"];
      if (typeof said === "string") return { pointer, message: said };
      return propertyName === undefined
        ? { pointer, message: `must match ${schema}${exampleOf(error)}` }
        : {
            pointer: joinPointer(pointer, propertyName),
            message: `the name "${propertyName}" must match ${schema}${exampleOf(error)}`,
          };
    }
    case "not":
      return propertyName === undefined
        ? { pointer, message: "is not allowed here" }
        : { pointer: joinPointer(pointer, propertyName), message: `"${propertyName}" is not allowed here; remove it` };
    case "minLength":
      return { pointer, message: schema === 1 ? "must not be empty" : `must have at least ${schema} characters` };
    case "maxLength":
      return { pointer, message: `must have at most ${schema} characters` };
    case "minimum":
      return { pointer, message: `must be at least ${schema}` };
    case "maximum":
      return { pointer, message: `must be at most ${schema}` };
    case "minItems":
      return { pointer, message: schema === 1 ? "must not be empty" : `must have at least ${schema} items` };
    case "maxItems":
      return { pointer, message: `must have at most ${schema} items` };
    case "minProperties":
      return { pointer, message: schema === 1 ? "must not be empty" : `must have at least ${schema} properties` };
    case "uniqueItems":
      return { pointer, message: `has the same item twice, at ${params["j"]} and ${params["i"]}` };
    case "anyOf":
    case "oneOf":
      return { pointer, message: describeUnion(error) };
    default:
      return { pointer, message: error.message ?? `does not keep to "${error.keyword}"` };
  }
}

function describeUnion(error: ErrorObject): string {
  const names = requiredNames(error)?.map((name) => `"${name}"`);
  if (error.params["passingSchemas"])
    return names ? `can have only one of ${names.join(", ")}` : "matches more than one of the forms it may have";
  return names ? `needs ${names.join(" or ")}` : `matches none of the allowed forms${exampleOf(error)}`;
}

const FORMATS: Record<string, string> = {
  uri: "absolute URL",
  email: "email address",
  date: "date (YYYY-MM-DD)",
  "date-time": "date and time (RFC 3339)",
};

/** The first example of the schema that was not met. */
function exampleOf(error: ErrorObject): string {
  const examples: unknown = error.parentSchema?.["examples"];
  return Array.isArray(examples) && examples.length > 0 ? `, for example ${JSON.stringify(examples[0])}` : "";
}

function oneOf(allowed: unknown[], found: unknown): string {
  const list = allowed.map((value) => JSON.stringify(value)).join(", ");
  const near =
    typeof found === "string"
      ? nearest(
          found,
          allowed.filter((value) => typeof value === "string"),
        )
      : undefined;
  return `must be one of ${list}${near ? `; did you mean "${near}"?` : ""}`;
}

function knownProperties(error: ErrorObject): string[] {
  const properties = error.parentSchema?.["properties"];
  return isObject(properties) ? Object.keys(properties) : [];
}

function article(noun: string): string {
  return /^[aeio]/.test(noun) ? `an ${noun}` : `a ${noun}`;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return article(typeof value);
}
