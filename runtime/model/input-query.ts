import { HooklineError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";

/** An input as JSON text, for a request without a body. */
export const inputQuery = {
  type: "string",
  maxLength: 10_000,
  description: "The input filled in so far, as JSON text.",
  examples: ['{"group":"contactGroups/friends"}'],
};

/**
 * The input that a query gives as JSON text; an empty one when it gives none.
 * @throws HooklineError `invalid_input` for anything but an object
 */
export function parseInput(text: string | undefined): Record<string, unknown> {
  if (text === undefined) return {};
  try {
    const value = parseJson(text);
    if (isObject(value)) return value;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  const message = "must be a JSON object, URL-encoded";
  throw new HooklineError("invalid_input", `input: ${message}`, { faults: [{ pointer: "/query/input", message }] });
}
