import { HooklineError } from "./errors.ts";
import { shapeFault, repeatedKey } from "./json.ts";

/**
 * The text of a body.
 * @throws HooklineError `invalid_input` for bytes that are not UTF-8
 */
export function bodyText(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw bodyRefused("it is not valid UTF-8; encode it as UTF-8", cause);
  }
}

/**
 * The JSON that the text of a body says.
 * @throws HooklineError `invalid_input`
 */
export function bodyJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bodyRefused("it is not valid JSON; check its brackets and quotes", cause);
  }
  assertPlain(value);
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw bodyRefused(`it names the property ${JSON.stringify(repeated)} twice; name it once`);
  }
  return value;
}

/**
 * Refuses what is nested too deeply, or would change the prototype of what it is copied into.
 * @throws HooklineError `invalid_input`
 */
export function assertPlain(value: unknown): void {
  const fault = value === undefined ? undefined : shapeFault(value);
  if (fault !== undefined) throw bodyRefused(`it ${fault.message}`);
}

/** A body that cannot be taken. */
export function bodyRefused(problem: string, cause?: unknown): HooklineError {
  return new HooklineError("invalid_input", `Body: ${problem}`, { cause });
}
