/**
 * Names the roots of variables, or reads its scope as a whole (`@`, `$`, `*`, a name with escapes). Text that is no expression
 * may look so too.
 */
const MAY_READ = /\b(workspace|user)\b|[@*\\]|\$(?![A-Za-z])/;

/**
 * Whether templates, conditions and mappings may read `$workspace.vars` or `$user.vars`. Says yes too often rather than too
 * seldom: a yes costs one statement, a wrong no would take a variable away.
 */
export function readsVariables(...definitions: readonly unknown[]): boolean {
  return definitions.some((part) => {
    if (typeof part === "string") return MAY_READ.test(part);
    return typeof part === "object" && part !== null && readsVariables(...Object.values(part));
  });
}
