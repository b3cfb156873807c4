import type { Rule } from "./context.ts";

/** Every expression parses and uses only roots of its place. */
export const expressionsParse: Rule = ({ findings }) => findings.faults;
