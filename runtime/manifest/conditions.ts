import { Lru } from "../core/lru.ts";
import { compileCondition } from "./jmespath.ts";
import { expressionFaults } from "./soundness.ts";

/** Whether a condition holds for a value. */
export type Condition = (value: unknown) => boolean;

/** Conditions that are kept compiled: those in use by streams, endpoints and flows of one process. */
const MOST_KEPT = 10_000;

const compiled = new Lru<string, Condition>(MOST_KEPT);

/**
 * A condition that people wrote and that is asked again and again, compiled once; see {@link compileCondition}. `warn` hears,
 * when it is compiled, why it can only ever have one result: older versions let such conditions in.
 * @throws HooklineError `invalid_expression`, now when it does not parse, and later when it cannot be evaluated
 */
export function conditionOf(expression: string, warn?: (problem: string) => void): Condition {
  return compiled.getOr(expression, () => {
    const condition = compileCondition(expression);
    if (warn) for (const problem of expressionFaults(expression)) warn(problem);
    return condition;
  });
}
