import type { JsonSchema } from "../core/json.ts";
import { isoTime } from "../core/time.ts";
import { value, type Field } from "./field.ts";
import { object, text, time } from "./schema.ts";

/** Why something does not work, or failed. */
export interface Failure {
  code: string;
  message: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** A failure as it is shown: its time as RFC 3339. */
export type FailureView<F extends Failure = Failure> = Omit<F, "at"> & { at: string };

/** A failure as people see it: its time as RFC 3339. */
export const showFailure = <F extends Failure>({ at, ...failure }: F): FailureView<F> => ({
  ...failure,
  at: isoTime(at),
});

/** JSON Schema of a failure as it is shown, perhaps with further properties. */
function failureSchema(description: string, further: Record<string, JsonSchema>, optional: string[]): JsonSchema {
  const always = {
    code: text("Stable code.", "reauth_required"),
    message: text("The problem and its remedy."),
    at: time("When it happened."),
  };
  return object(description, { ...always, ...further }, optional);
}

/** A field that holds a {@link Failure}, perhaps with further properties, of which the `optional` may be missing. */
export function failure<F extends Failure>(
  description: string,
  further: Record<string, JsonSchema> = {},
  optional: string[] = [],
): Field<F, FailureView<F>, false> {
  return { ...value<F>(failureSchema(description, further, optional)), check: undefined, show: showFailure<F> };
}
