import { Lru } from "../core/lru.ts";
import { compileCondition } from "./jmespath.ts";

/** Whether a condition holds for a value. */
export type Condition = (value: unknown) => boolean;

/** Conditions that are kept compiled: those in use by streams, endpoints and flows of one process. */
const MOST_KEPT = 10_000;

const compiled = new Lru<string, Condition>(MOST_KEPT);

/**
 * A condition that people wrote and that is asked again and again, compiled once; see {@link compileCondition}.
 * @throws HooklineError `invalid_expression`, now when it does not parse, and later when it cannot be evaluated
 */
export function conditionOf(expression: string): Condition {
  return compiled.getOr(expression, () => compileCondition(expression));
}
