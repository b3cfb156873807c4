import { HooklineError } from "./core/errors.ts";
import { isObject } from "./core/json.ts";

/**
 * Refuses what only a program can give, and HTTP cannot: an id that is no text, and a scope that does not say whose things are
 * meant. A scope without a user is everybody's, so one that nearly names a user must not become it. `ids` is how many ids and
 * names come first, `scopeAt` where the scope stands, counted from 0; undefined when there is none.
 * @throws HooklineError `invalid_input`
 */
export function assertArguments(
  call: string,
  ids: number,
  scopeAt: number | undefined,
  given: readonly unknown[],
): void {
  for (let index = 0; index < ids; index++) {
    if (typeof given[index] !== "string") refuse(call, index, "must be text");
  }
  if (scopeAt === undefined) return;
  const scope = given[scopeAt];
  if (scope === undefined) return;
  if (!isObject(scope)) refuse(call, scopeAt, "is the scope; give {} for everybody's, or { user }");
  for (const [name, value] of Object.entries(scope)) {
    if (name !== "user")
      refuse(call, scopeAt, `is the scope, which has no ${JSON.stringify(name)}; it may have "user"`);
    if (typeof value !== "string" || value === "")
      refuse(call, scopeAt, "names no user; leave user out for everybody's");
  }
}

function refuse(call: string, index: number, problem: string): never {
  throw new HooklineError("invalid_input", `${call}: argument ${index + 1} ${problem}`);
}
