import type { JsonSchema } from "../../core/json.ts";
import { isoTime } from "../../core/time.ts";
import { value, type Field } from "../../model/field.ts";
import { object, text, time } from "../../model/schema.ts";

/** Why something failed. */
export interface Failure {
  code: string;
  message: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export type FailureView<F extends Failure = Failure> = Omit<F, "at"> & { at: string };

export const showFailure = <F extends Failure>({ at, ...failure }: F): FailureView<F> => ({
  ...failure,
  at: isoTime(at),
});

/** JSON Schema of a failure as it is shown, perhaps with further properties. */
export function failureSchema(description: string, further: Record<string, JsonSchema> = {}): JsonSchema {
  return object(description, {
    code: text("Stable code.", "reauth_required"),
    message: text("What is wrong and what to do."),
    at: time("Since when."),
    ...further,
  });
}

/** A field that holds a {@link Failure}. */
export function failure<F extends Failure>(
  description: string,
  further: Record<string, JsonSchema> = {},
): Field<F, FailureView<F>, false> {
  return { ...value<F>(failureSchema(description, further)), check: undefined, show: showFailure<F> };
}
