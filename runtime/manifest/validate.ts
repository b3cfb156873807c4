import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { RE2JS } from "re2js";
import { HooklineError, type Fault } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { describeErrors } from "./messages.ts";

/** Checks a value; gives all its faults, an empty list when there are none. */
export type Validator = (value: unknown) => Fault[];

/** The largest schema that is accepted, in characters of JSON. */
const MAX_SCHEMA_LENGTH = 1_048_576;
/** The deepest nesting of a schema and of a value checked by it. */
const MAX_DEPTH = 100;
/** Hookline's own annotations in schemas. */
const ANNOTATIONS = ["x-antiExamples", "dynamicValues"];

/** A pattern as ajv calls it, in RE2's linear time; a pattern RE2 does not know (lookaround, back-references) is an error. */
const regExp = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
    // Ajv shares compiled patterns by their text.
    return { test: (text: string) => compiled.test(text), toString: () => pattern };
  },
  { code: "re2" },
);

function newAjv(): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors: true,
    verbose: true,
    strict: false,
    validateFormats: true,
    ownProperties: true,
    logger: false,
    // Ajv's own passes over its code take a third of a compilation, and V8 makes the same of it without them.
    code: { regExp, optimize: false },
  });
  formats.default(ajv);
  for (const keyword of ANNOTATIONS) ajv.addKeyword(keyword);
  return ajv;
}

let shared: Ajv2020 | undefined;
const validators = new WeakMap<object, Validator>();
const compiled = new WeakMap<object, ValidateFunction>();

/**
 * A JSON Schema (2020-12) as a function, compiled on its first use and kept for as long as the schema.
 * Patterns run in RE2; `$ref` stays inside the schema, nothing is ever fetched.
 *
 * @throws HooklineError `invalid_manifest` on the first use, when the schema is not valid, is too large or refers to a missing part
 */
export function compileSchema(schema: object): Validator {
  const known = validators.get(schema);
  if (known) return known;
  const validator: Validator = (value) => {
    const validate = compile(schema);
    if (deeperThan(value, MAX_DEPTH)) return [{ pointer: "", message: `is nested more than ${MAX_DEPTH} deep` }];
    return validate(value) ? [] : describeErrors(validate.errors as ErrorObject[], schema);
  };
  validators.set(schema, validator);
  return validator;
}

/** What is wrong with a schema itself: all faults of form, else the one that stops its compilation. */
export function checkSchema(schema: object): Fault[] {
  try {
    compile(schema);
    return [];
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return error.faults.length > 0 ? error.faults : [{ pointer: "", message: error.message }];
  }
}

function compile(schema: object): ValidateFunction {
  const known = compiled.get(schema);
  if (known) return known;
  if (deeperThan(schema, MAX_DEPTH)) throw refuse(`it is nested more than ${MAX_DEPTH} deep`);
  if (JSON.stringify(schema).length > MAX_SCHEMA_LENGTH)
    throw refuse(`it is longer than ${MAX_SCHEMA_LENGTH} characters`);
  const ajv = (shared ??= newAjv());
  if (!ajv.validateSchema(schema)) {
    const faults = describeErrors(ajv.errors as ErrorObject[], schema);
    throw new HooklineError(
      "invalid_manifest",
      `The JSON Schema has faults: ${faults.map((fault) => fault.message).join("; ")}`,
      { faults },
    );
  }
  try {
    const validate = ajv.compile(schema);
    compiled.set(schema, validate);
    return validate;
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  } finally {
    ajv.removeSchema(schema);
  }
}

function refuse(problem: string, cause?: unknown): HooklineError {
  return new HooklineError("invalid_manifest", `The JSON Schema cannot be used: ${problem}`, { cause });
}

function deeperThan(value: unknown, limit: number): boolean {
  if (!isObject(value) && !Array.isArray(value)) return false;
  return limit === 0 || Object.values(value).some((inner) => deeperThan(inner, limit - 1));
}
