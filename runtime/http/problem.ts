import { STATUS_CODES } from "node:http";
import { ERROR_CODES, HooklineError } from "../core/errors.ts";
import { problemOf, type Problem } from "../core/problem.ts";

/** When a limit does not say for how long. */
const DEFAULT_RETRY_SECONDS = 30;

/**
 * What is answered to an error. Faults of Hookline itself say nothing but `requestId`, under which the log has the rest.
 */
export function toProblem(error: unknown, requestId: string): Problem {
  const known = asHooklineError(error) ?? new HooklineError("internal", INTERNAL);
  if (ERROR_CODES[known.code].status !== 500) return problemOf(known);
  return { ...problemOf(new HooklineError(known.code, INTERNAL)), requestId };
}

const INTERNAL = "An internal error occurred; the log has the details under this requestId";

/** A method that a known path does not have (RFC 9110 §15.5.6): of HTTP only, so no {@link ErrorCode}. */
export function methodNotAllowed(method: string, allowed: readonly string[]): Problem {
  return {
    type: "urn:hookline:error:method_not_allowed",
    title: STATUS_CODES[405]!,
    status: 405,
    detail: `${method} is not possible here; use ${new Intl.ListFormat("en-GB", { type: "disjunction" }).format(allowed)}`,
    code: "method_not_allowed",
  };
}

/** What goes into the answer's head beside the problem. */
export function problemHeaders(error: unknown, { status }: Problem): Record<string, string> {
  const headers: Record<string, string> = {};
  const after = error instanceof HooklineError && error.retry ? error.retry.after : undefined;
  if (after !== undefined) headers["retry-after"] = String(Math.max(1, Math.ceil(after / 1000)));
  else if (status === 429) headers["retry-after"] = String(DEFAULT_RETRY_SECONDS);
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="hookline"';
  return headers;
}

/** Express and its parsers throw errors with a `status`: a path that does not decode, a body that broke off. */
function asHooklineError(error: unknown): HooklineError | undefined {
  if (error instanceof HooklineError) return error;
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  if (status === 413) return new HooklineError("too_large", "The body is larger than allowed; send less at once");
  const isCallers = typeof status === "number" && status >= 400 && status < 500;
  return isCallers
    ? new HooklineError("invalid_input", "The request cannot be read; check its path and body", { cause: error })
    : undefined;
}
