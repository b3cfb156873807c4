import { HooklineError, type ErrorCode } from "../core/errors.ts";
import { VendorError } from "../vendor/errors.ts";
import { concernsAll } from "./enrich.ts";
import type { PassOver } from "./pages.ts";

/** What may befall the requests for one list alone, where the vendor has not answered with an error. */
const OF_LIST: ReadonlySet<ErrorCode> = new Set([
  "network",
  "timeout",
  "too_large",
  "unexpected_answer",
  "pagination_loop",
  "host_not_allowed",
  "invalid_input",
  "invalid_expression",
]);

/** Whether an error says nothing about other lists than the one that was asked for. */
export function isOfList(error: unknown): error is HooklineError {
  if (!(error instanceof HooklineError)) return false;
  return error instanceof VendorError ? !concernsAll(error) : OF_LIST.has(error.code);
}

/** Passes over each list that cannot be had, until the signal is aborted. */
export const passesOver =
  (signal: AbortSignal): PassOver =>
  ({ error }) =>
    !signal.aborted && isOfList(error);
