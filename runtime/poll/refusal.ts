import { HooklineError } from "../core/errors.ts";
import { DAY } from "../core/time.ts";
import type { StreamRecord } from "../model/streams.ts";
import { VendorError } from "../vendor/errors.ts";

/** After so many refusals in a row of the list with its cursor, everything is read without it. */
export const REFUSALS = 3;
/** Milliseconds without a success after which server errors count as refusals. */
export const SERVER_ERRORS_MS = DAY;

/** Refusals of the caller, or of the moment, whatever the request asks for. */
const ELSEWHERE = new Set(["authExpired", "authRevoked", "scopeMissing", "rateLimited", "quotaExceeded", "timeout"]);
/** The same by status (RFC 9110 §15.5): credentials, payment, proxy. A 403 may be anything. */
const OF_CALLER = new Set([401, 402, 407]);

/** Answers that say a place in a list is not known, where the list itself is fine. */
export const STALE: ReadonlySet<string> = new Set(["invalidInput", "notFound", "unknown"]);

/**
 * Whether an answer to a request with a cursor may mean the cursor, whatever its words: a 4xx that is not about credentials, scopes
 * or limits, an answer without its declared shape, and a 5xx once nothing has succeeded for {@link SERVER_ERRORS_MS}: some vendors
 * crash over a cursor they do not know, most are only down. Reading everything then costs one refused request.
 */
export function mayRefuseCursor(
  error: unknown,
  { lastSuccessAt }: Pick<StreamRecord, "lastSuccessAt">,
  now: number,
): boolean {
  if (!(error instanceof VendorError)) return error instanceof HooklineError && error.code === "unexpected_answer";
  if (ELSEWHERE.has(error.class)) return false;
  if (error.status >= 500) return now - (lastSuccessAt ?? now) >= SERVER_ERRORS_MS;
  return error.status >= 400 && !OF_CALLER.has(error.status);
}
