import { below, unknownName, type Fault } from "../core/errors.ts";
import { pointerTokens } from "../core/json.ts";
import type { Path } from "../manifest/paths.ts";
import { listed, suggestion } from "../manifest/remedies.ts";
import { fits, nameFault, schemaAt, typesOf, ANYTHING, type Lookup } from "../manifest/schema-path.ts";
import { expressionFaults, scopeOf } from "../manifest/soundness.ts";
import type { Validator } from "../manifest/validate.ts";
import type { ValueType } from "../manifest/value-type.ts";
import { inspectMapping, type Expression } from "./mapping.ts";

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
  return condition === undefined ? [] : mappingFaults({ $expr: condition }, environment);
}

/** Everything wrong with a mapping: its expressions, what they refer to, and its result, where that has to be something. */
export function mappingFaults(mapping: unknown, environment: Environment, expected?: Expected): Fault[] {
  const { expressions, faults } = inspectMapping(mapping, environment.roots);
  const all = [
    ...faults,
    ...expressions.flatMap(({ pointer, ...expression }) => below(pointer, readFaults(expression, environment))),
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

/** What is wrong with what an expression reads. */
function readFaults({ paths, jmespath }: Pick<Expression, "paths" | "jmespath">, environment: Environment): Fault[] {
  const faults = jmespath.flatMap((one) => expressionFaults(one, typeOf(environment))).flatMap(fault);
  const absent = jmespath.length > 0 ? [] : paths.flatMap((path) => pathFaults(path, environment));
  const named = faults.length > 0 ? paths.filter(({ length }) => length > 1) : paths;
  return [...named.flatMap((path) => stepFaults(path, environment)), ...faults, ...absent];
}

/** The type of all that is in sight; of steps, {@link stepFaults} says more. */
function typeOf({ types, earlier }: Environment): ValueType {
  const { steps, ...others } = types;
  const ended: ValueType = (path) => (path[0] === undefined || earlier.includes(path[0]) ? steps!(path) : ANYTHING);
  return scopeOf(steps ? { ...others, steps: ended } : others);
}

/** A step that has not run by then. */
function stepFaults([root, step]: Path, environment: Environment): Fault[] {
  const problem = root === "steps" ? stepProblem(step, environment) : undefined;
  return problem === undefined ? [] : fault(problem);
}

/** A property that its schema rules out. */
function pathFaults(path: Path, environment: Environment): Fault[] {
  const type = typeOf(environment);
  for (const [end, name] of path.entries()) {
    const problem = end === 0 ? undefined : nameFault(name, type(path.slice(0, end + 1)));
    if (problem !== undefined) return fault(`${path.slice(0, end).join(".")} ${problem}`);
  }
  return [];
}

function stepProblem(step: string | undefined, { earlier, steps }: Environment): string | undefined {
  if (step === undefined) return "`steps` names no step; write steps.<id>.output";
  if (!steps.includes(step)) return unknownName("step", step, earlier);
  return earlier.includes(step)
    ? undefined
    : `step "${step}" has not run by then; refer to an earlier step, or change the order`;
}

const fault = (message: string): Fault[] => [{ pointer: "", message }];
