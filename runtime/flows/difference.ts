import { isDeepStrictEqual } from "node:util";
import { isObject, joinPointer } from "../core/json.ts";

/** One place in which two values differ; a side without it lacks the property. */
export interface Difference {
  pointer: string;
  before?: unknown;
  after?: unknown;
}

/** The deepest places in which two JSON values differ. Lists are compared member by member, steps by their id. */
export function differences(before: unknown, after: unknown, pointer = ""): Difference[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [left, right] = [partsOf(before), partsOf(after)];
  if (!left || !right) {
    return [{ pointer, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
  }
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((name) => differences(left[name], right[name], joinPointer(pointer, name)));
}

function partsOf(value: unknown): Record<string, unknown> | undefined {
  if (isObject(value)) return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.every((item) => isObject(item) && typeof item["id"] === "string");
  return Object.fromEntries(value.map((item: unknown, i) => [named ? (item as { id: string }).id : String(i), item]));
}
