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
/** A value of more parts is checked up to its first fault: the time that all of them take grows with the square of their number. */
const MOST_PARTS = 20_000;
/** Hookline's own annotations in schemas. */
const ANNOTATIONS = ["x-antiExamples", "x-patternMessage", "dynamicValues"];

/** A pattern as ajv calls it, in RE2's linear time; a pattern RE2 does not know (lookaround, back-references) is an error. */
const regExp = Object.assign(
  (pattern: string) => {
    const compiled = RE2JS.compile(RE2JS.translateRegExp(pattern));
    // Ajv shares compiled patterns by their text.
    return { test: (text: string) => compiled.test(text), toString: () => pattern };
  },
  { code: "re2" },
);

function newAjv(allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    allErrors,
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

/** By whether they find all faults or the first. */
const shared = new Map<boolean, Ajv2020>();
const compiled = new Map([true, false].map((allErrors) => [allErrors, new WeakMap<object, ValidateFunction>()]));
const validators = new WeakMap<object, Validator>();

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
    const parts = countParts(value, MAX_DEPTH);
    if (parts === Infinity) return [{ pointer: "", message: `is nested more than ${MAX_DEPTH} deep` }];
    const allErrors = parts <= MOST_PARTS;
    const validate = compile(schema, allErrors);
    try {
      if (validate(value)) return [];
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      const message = "cannot be checked: its schema refers to itself without end; correct the schema";
      return [{ pointer: "", message }];
    }
    const faults = describeErrors(validate.errors as ErrorObject[], schema);
    return allErrors ? faults : [...faults, { pointer: "", message: "is large; only its first fault is listed" }];
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

function compile(schema: object, allErrors = true): ValidateFunction {
  const known = compiled.get(allErrors)!.get(schema);
  if (known) return known;
  if (countParts(schema, MAX_DEPTH) === Infinity) throw refuse(`it is nested more than ${MAX_DEPTH} deep`);
  if (JSON.stringify(schema).length > MAX_SCHEMA_LENGTH)
    throw refuse(`it is longer than ${MAX_SCHEMA_LENGTH} characters`);
  let ajv = shared.get(allErrors);
  if (ajv === undefined) shared.set(allErrors, (ajv = newAjv(allErrors)));
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
    compiled.get(allErrors)!.set(schema, validate);
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

/** How many values there are in a value; Infinity when it is nested deeper than the limit. */
function countParts(value: unknown, limit: number): number {
  if (!isObject(value) && !Array.isArray(value)) return 1;
  if (limit === 0) return Infinity;
  let parts = 1;
  for (const inner of Object.values(value)) parts += countParts(inner, limit - 1);
  return parts;
}
