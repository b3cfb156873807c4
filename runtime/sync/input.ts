import { isDeepStrictEqual } from "node:util";
import { isObject, pointerTokens } from "../core/json.ts";
import type { CompiledAction } from "../manifest/connector.ts";

type Input = Record<string, unknown>;

/**
 * What of an action's input is different: only that is written, so that nothing else is touched. What is to be gone is
 * asked for as empty text or an empty list. Undefined when nothing is different.
 */
export function changedInput(now: Input, wanted: Input): Input | undefined {
  const changed: Input = {};
  for (const name of new Set([...Object.keys(now), ...Object.keys(wanted)])) {
    if (isDeepStrictEqual(now[name], wanted[name])) continue;
    const value = withBlanks(now[name], wanted[name]);
    if (value !== undefined) changed[name] = value;
  }
  return Object.keys(changed).length > 0 ? changed : undefined;
}

/** A value with what it lost as empty text or an empty list; undefined for what cannot be emptied. */
function withBlanks(now: unknown, wanted: unknown): unknown {
  if (isObject(now) && (isObject(wanted) || wanted === undefined)) {
    const lost = Object.keys(now).filter((name) => wanted?.[name] === undefined);
    const blanks = lost.map((name) => [name, withBlanks(now[name], undefined)] as const);
    return { ...wanted, ...Object.fromEntries(blanks.filter(([, blank]) => blank !== undefined)) };
  }
  if (wanted !== undefined) return wanted;
  if (typeof now === "string") return "";
  return Array.isArray(now) ? [] : undefined;
}

/** An input without the top-level properties that the action refuses to have emptied; undefined when nothing is left. */
export function acceptedInput(action: CompiledAction, input: Input, needed: Input): Input | undefined {
  const refused = new Set(
    action
      .validateInput({ ...needed, ...input })
      .map(({ pointer }) => pointerTokens(pointer)[0] ?? "")
      .filter((name) => isBlank(input[name])),
  );
  const accepted = Object.entries(input).filter(([name]) => !refused.has(name));
  return accepted.length > 0 ? Object.fromEntries(accepted) : undefined;
}

function isBlank(value: unknown): boolean {
  if (isObject(value)) return Object.values(value).every(isBlank);
  return value === "" || (Array.isArray(value) && value.length === 0);
}
