import { HooklineError, type Fault } from "../core/errors.ts";
import { compileCondition } from "./jmespath.ts";
import { expressionFaults } from "./soundness.ts";
import { anything, type ValueType } from "./value-type.ts";

/** What a condition is evaluated on. */
interface Subject {
  /** Default: anything. */
  type?: ValueType;
  /** The only names that may stand at its beginning; all, where undefined. */
  roots?: readonly string[];
  /** What messages call it. */
  name?: string;
}

/**
 * Everything wrong with a condition that people give: it does not parse, uses other roots, reads what cannot be there, or can
 * only ever have one result. What older versions let in is compiled without this, and runs on.
 */
export function whereFaults(where: string | null | undefined, { type = anything, roots, name }: Subject = {}): Fault[] {
  if (where === null || where === undefined) return [];
  try {
    compileCondition(where, roots);
    return expressionFaults(where, type, name).map((message) => ({ pointer: "", message }));
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return [{ pointer: "", message: error.message }];
  }
}
