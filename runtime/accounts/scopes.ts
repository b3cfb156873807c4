/** An OAuth scope an operation needs, or several alternatives. */
export type NeededScope = string | readonly string[];

/**
 * The needed scopes that were not granted; alternatives are joined by " or ". A connection whose way of authentication
 * knows no scopes has granted none and lacks none.
 */
export function missingScopes(needed: readonly NeededScope[], granted: readonly string[]): string[] {
  if (granted.length === 0) return [];
  const given = new Set(granted);
  return needed
    .map((scope) => [scope].flat())
    .filter((alternatives) => !alternatives.some((scope) => given.has(scope)))
    .map((alternatives) => alternatives.join(" or "));
}
