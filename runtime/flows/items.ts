import { HooklineError } from "../core/errors.ts";
import type { Scope } from "../manifest/expressions.ts";
import type { CompiledStep } from "./definition.ts";

/** Most items of a forEach. */
const MAX_ITEMS = 1000;

/** The items that a step is done for. @throws HooklineError `invalid_input` when it gives no list, `too_large` */
export function itemsOf(step: CompiledStep, scope: Scope): unknown[] {
  const items = step.forEach!(scope) ?? [];
  if (!Array.isArray(items)) {
    throw new HooklineError("invalid_input", `forEach: must give a list, not ${typeof items}; map a list to it`);
  }
  if (items.length > MAX_ITEMS) {
    throw new HooklineError(
      "too_large",
      `forEach: gives ${items.length} items; at most ${MAX_ITEMS} are done in one run, so filter them`,
    );
  }
  return items;
}
