import { HooklineError } from "../core/errors.ts";

/** What went wrong, for those who can do something about it: the code, the words, every place that is wrong, and the vendor's answer. */
export function failureOf({ code, message, faults, data }: HooklineError): Record<string, unknown> {
  return {
    code,
    message,
    ...(faults.length > 0 ? { errors: faults.map(({ pointer, message }) => ({ pointer, message })) } : {}),
    ...("vendor" in data ? { vendor: data["vendor"] } : {}),
  };
}

/** A fault of Hookline itself, as callers see it: the log has the rest. */
export function internalError(): HooklineError {
  return new HooklineError("internal", "An internal error occurred; the log has the details");
}
