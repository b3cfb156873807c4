import { compileJmespath } from "../manifest/jmespath.ts";

type Condition = (data: unknown) => boolean;

/** How many compiled conditions are kept; the ones not used for longest are dropped. */
const MOST = 1000;
const compiled = new Map<string, Condition>();

/**
 * A condition over the data of an event: JMESPath, true unless its value is null, false or empty.
 * Source: JMESPath specification, "Truth".
 * Throws `invalid_expression`, now when it does not parse, and later when it cannot be evaluated.
 */
export function compileWhere(expression: string): Condition {
  let condition = compiled.get(expression);
  if (condition === undefined) {
    const evaluate = compileJmespath(expression);
    condition = (data) => isTrue(evaluate(data));
    if (compiled.size >= MOST) compiled.delete(compiled.keys().next().value!);
  } else compiled.delete(expression);
  compiled.set(expression, condition);
  return condition;
}

function isTrue(value: unknown): boolean {
  if (value === null || value === undefined || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
