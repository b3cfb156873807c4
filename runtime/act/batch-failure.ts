import { HooklineError } from "../core/errors.ts";

/** What went wrong with one item, as it is kept and shown. */
export function failureOf(error: HooklineError): { error: Record<string, unknown> } {
  const { code, message, faults, data } = error;
  return {
    error: {
      code,
      message,
      ...(faults.length > 0 ? { errors: faults.map(({ pointer, message }) => ({ pointer, message })) } : {}),
      ...("vendor" in data ? { vendor: data["vendor"] } : {}),
    },
  };
}

/** Of an item whose process ended between asking the vendor and noting the answer. */
export const INTERRUPTED = failureOf(
  new HooklineError(
    "idempotency_conflict",
    "It was interrupted while the vendor was asked, and what it did is unknown; look at the vendor's side, and send it again if it is not there",
  ),
);
