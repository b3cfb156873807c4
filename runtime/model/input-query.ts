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
 * Does what a query asks for. What is wrong with the query has its place there; the sentence is that of the library.
 * `place` is where what was given stands in it.
 */
export async function inQuery<T>(work: () => T | Promise<T>, place = "/query"): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof HooklineError) || error.code !== "invalid_input") throw error;
    const faults = error.faults.map((fault) => ({ ...fault, pointer: place + fault.pointer }));
    throw new HooklineError(error.code, error.message, { cause: error, faults });
  }
}

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
