import type { Records } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import { atPointer, isObject } from "../core/json.ts";
import { ROOTS } from "./roots.ts";
import type { Site } from "./site.ts";
import type { ResponseParts } from "./targets.ts";
import { compileSchema } from "./validate.ts";

interface Declared extends Pick<Records, "select" | "optional" | "expect"> {
  /** One record, not a list. */
  isSingle?: boolean;
  /** Whether an object that stands where a list is expected is a record. Default: it is. */
  isRecord?: (found: Record<string, unknown>) => boolean;
}

/**
 * The records of an answer, from the first of several places that exists. What is not there is not taken for an empty list.
 * The function throws HooklineError `unexpected_answer` for an answer of another shape.
 */
export function compileSelect(
  { select, optional = false, expect, isSingle = false, isRecord = () => true }: Declared,
  at: Site,
): (response: ResponseParts) => readonly unknown[] {
  const declared = [select].flat();
  const places = Array.isArray(select)
    ? select.map((place, i) => at.at("select", i).value(place, ROOTS.response, "body"))
    : [at.at("select").value(select, ROOTS.response, "body")];
  const validate = expect && compileSchema(expect);
  return (response) => {
    const { body } = response;
    if (body === null || body === undefined) throw unexpectedAnswer(response, "no content", declared);
    const failure = isObject(body) ? failureOf(body) : undefined;
    const failed = (): HooklineError => unexpectedAnswer(response, `an error: ${messageOf(failure)}`, declared);
    if (isObject(failure)) throw failed();
    const [fault] = validate?.(body) ?? [];
    if (fault) throw unexpectedAnswer(response, `another body (${fault.pointer || "/"}: ${fault.message})`, declared);
    for (const [index, place] of places.entries()) {
      const found = place({ response });
      // Left out is one thing, null another; an expression gives null for both, which is what `expect` is for.
      const isNull = found === null && typeof declared[index] === "string";
      if (isNull && optional && !isSingle) throw unexpectedAnswer(response, "null in place of a list", declared);
      if (found === undefined || found === null) continue;
      if (!Array.isArray(found)) {
        if (!isObject(found)) throw unexpectedAnswer(response, `${String(found)} in place of records`, declared);
        if (isRecord(found)) return [found];
        if (failure !== undefined) throw failed();
        throw unexpectedAnswer(response, "an object without a key in place of records", declared);
      }
      if (isSingle) throw unexpectedAnswer(response, "a list instead of one record", declared);
      // Beside records, an error may be about one of them; beside none, it is why there are none.
      if (found.length === 0 && failure !== undefined) throw failed();
      return found;
    }
    if (failure !== undefined) throw failed();
    if (optional && isObject(body)) return [];
    throw unexpectedAnswer(response, "a body without records", declared);
  };
}

/** An answer whose shape is not the declared one. `declared`: where something was expected. */
export function unexpectedAnswer(
  { status }: Pick<ResponseParts, "status">,
  what: string,
  declared: readonly (string | { $expr: string })[],
): HooklineError {
  const places = declared.map((place) => (typeof place === "string" ? place : place.$expr)).join(" or ");
  return new HooklineError(
    "unexpected_answer",
    `The vendor answered ${status} with ${what}, where the manifest expects ${places}; nothing was changed, and the read is repeated`,
    { data: { status, expected: places }, retry: {} },
  );
}

/** What an answer that says 200 calls an error; undefined when it names none. */
function failureOf({ error, errors, message }: Record<string, unknown>): unknown {
  if (isObject(error) || (typeof error === "string" && error !== "")) return error;
  if (error === true || (typeof error === "number" && error !== 0))
    return typeof message === "string" ? message : error;
  return Array.isArray(errors) && errors.length > 0 ? (errors[0] as unknown) : undefined;
}

function messageOf(failure: unknown): string {
  const message = isObject(failure) ? atPointer(failure, "/message") : failure;
  return (typeof message === "string" ? message : JSON.stringify(failure)).slice(0, 200);
}
