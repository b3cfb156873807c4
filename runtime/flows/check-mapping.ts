import { nearest, unknownName, type Fault } from "../core/errors.ts";
import { pointerTokens } from "../core/json.ts";
import type { Path } from "../manifest/paths.ts";
import type { Validator } from "../manifest/validate.ts";
import { below } from "./attempt.ts";
import { inspectCondition, inspectMapping, type Expression } from "./mapping.ts";
import { fits, schemaAt, typesOf, type Lookup } from "./schema-path.ts";
import type { ValueType } from "./value-type.ts";

/** What the expressions at one place can read. */
export interface Environment {
  roots: readonly string[];
  /** Types of roots; a root without one can hold anything. */
  types: Readonly<Record<string, ValueType>>;
  /** Steps that have ended by then. */
  earlier: readonly string[];
  /** All steps of the flow. */
  steps: readonly string[];
}

/** What a mapping has to give. */
export interface Expected {
  schema: object;
  validate: Validator;
}

/** Everything wrong with a condition. */
export function conditionFaults(condition: string | undefined, environment: Environment): Fault[] {
  if (condition === undefined) return [];
  const { paths, faults } = inspectCondition(condition, environment.roots);
  return [...faults, ...paths.flatMap((path) => pathFaults(path, environment))];
}

/** Everything wrong with a mapping: its expressions, what they refer to, and its result, where that has to be something. */
export function mappingFaults(mapping: unknown, environment: Environment, expected?: Expected): Fault[] {
  const { expressions, faults } = inspectMapping(mapping, environment.roots);
  const all = [
    ...faults,
    ...expressions.flatMap(({ pointer, paths }) =>
      paths.flatMap((path) => below(pointer, pathFaults(path, environment))),
    ),
  ];
  if (!expected) return all;
  return [
    ...all,
    ...literalFaults(mapping, [...expressions, ...faults], expected),
    ...expressions.flatMap((expression) =>
      below(expression.pointer, typeFaults(expression, environment, expected.schema)),
    ),
  ];
}

/** The literal parts are checked as they are; the values of expressions are only known when they run. */
function literalFaults(mapping: unknown, computed: readonly { pointer: string }[], { validate }: Expected): Fault[] {
  const touches = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
  return validate(mapping).filter(({ pointer }) => !computed.some((one) => touches(pointer, one.pointer)));
}

function typeFaults(expression: Expression, environment: Environment, schema: object): Fault[] {
  const { pointer, whole } = expression;
  const target = schemaAt(schema, pointer === "" ? [] : pointerTokens(pointer));
  if (target.kind === "absent") {
    const name = pointerTokens(pointer).at(-1)!;
    return fault(`unknown property "${name}"${suggestion(name, target.names)}`);
  }
  const given = typesGiven(expression, environment);
  const wanted = target.kind === "known" ? typesOf(target.schemas) : undefined;
  if (!given || !wanted || fits(given, wanted)) return [];
  const source = whole ? whole.join(".") : "text with {{…}} in it";
  return fault(`must be ${listed(wanted)}, but ${source} gives ${listed(given)}; map another value`);
}

function typesGiven({ whole, text }: Expression, environment: Environment): Set<string> | undefined {
  if (text) return new Set(["string"]);
  const found = whole && lookUp(whole, environment);
  return found?.kind === "known" ? typesOf(found.schemas) : undefined;
}

function lookUp([root, ...rest]: Path, { types }: Environment): Lookup | undefined {
  return types[root!]?.(rest);
}

/** What is wrong with reading a path: a step that has not run by then, or a property that its schema rules out. */
function pathFaults(path: Path, environment: Environment): Fault[] {
  const [root, step] = path;
  if (root === "steps") {
    const problem = stepProblem(step, environment);
    if (problem !== undefined) return fault(problem);
  }
  if (lookUp(path, environment)?.kind !== "absent") return [];
  for (const [end, name] of path.entries()) {
    const found = lookUp(path.slice(0, end + 1), environment);
    if (found?.kind !== "absent") continue;
    return fault(`${path.slice(0, end).join(".")} has no "${name}"${suggestion(name, found.names)}`);
  }
  return [];
}

function stepProblem(step: string | undefined, { earlier, steps }: Environment): string | undefined {
  if (step === undefined)
    return "`steps` names no step; write steps.<id>.output, and a negation as !(steps.<id>.output)";
  if (!steps.includes(step)) return unknownName("step", step, earlier);
  return earlier.includes(step)
    ? undefined
    : `step "${step}" has not run by then; refer to an earlier step, or change the order`;
}

const fault = (message: string): Fault[] => [{ pointer: "", message }];

function suggestion(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return names.length > 0 ? `; the properties are ${names.slice(0, 20).join(", ")}` : "; remove it";
}

function listed(types: ReadonlySet<string>): string {
  return [...types].map((type) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`)).join(" or ");
}
