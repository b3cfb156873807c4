import type { ErrorClass } from "../../schemas/manifest.ts";
import { HooklineError, type ErrorCode } from "../core/errors.ts";
import { atPointer } from "../core/json.ts";
import { parseRetryAfter } from "../core/retry-after.ts";
import { scrub } from "../core/secrets.ts";
import type { CompiledErrorMatcher } from "../manifest/connector.ts";
import type { ResponseParts } from "../manifest/targets.ts";

/** Where an error arose: what it means depends on it. */
export type ErrorScope = "stream" | "action" | "enrich" | "token";

export interface Classified {
  class: ErrorClass;
  /** How long the vendor asked to wait, milliseconds, at most a day; undefined when it does not say. */
  retryAfterMs: number | undefined;
}

const CODES: Record<ErrorClass, ErrorCode> = {
  authExpired: "vendor_error",
  authRevoked: "reauth_required",
  scopeMissing: "scope_missing",
  rateLimited: "rate_limited",
  quotaExceeded: "quota_exceeded",
  serverError: "vendor_error",
  network: "network",
  timeout: "timeout",
  cursorExpired: "cursor_expired",
  notFound: "vendor_error",
  conflict: "conflict",
  invalidInput: "vendor_error",
  unknown: "vendor_error",
};

const REMEDIES: Record<ErrorClass, string> = {
  authExpired: "the credentials are not accepted; test the connection, or reconnect it",
  authRevoked: "the grant is gone; reconnect",
  scopeMissing: "reconnect and grant the scope",
  rateLimited: "try again later",
  quotaExceeded: "wait for the quota, or ask the vendor for more",
  serverError: "try again later",
  network: "try again later",
  timeout: "try again later",
  cursorExpired: "everything is read again",
  notFound: "check the id",
  conflict: "read the newest state and try again",
  invalidInput: "correct the input",
  unknown: "see the vendor's message",
};

const PASSING = new Set<ErrorClass>(["rateLimited", "quotaExceeded", "serverError", "network", "timeout"]);

/** A vendor's response that is an error. `data.vendor` holds its status, message and the beginning of its body, without secrets. */
export class VendorError extends HooklineError {
  readonly class: ErrorClass;
  readonly status: number;
  readonly retryAfterMs: number | undefined;

  constructor(
    where: string,
    response: ResponseParts & { malformed?: boolean },
    { class: errorClass, retryAfterMs }: Classified,
  ) {
    const message = vendorMessage(response.body);
    const silence = response.malformed ? " with a body that is not JSON" : "";
    const said = message === undefined ? silence : `: ${message}`;
    super(CODES[errorClass], `${where}: the vendor answered ${response.status}${said}; ${REMEDIES[errorClass]}`, {
      data: {
        vendor: { status: response.status, class: errorClass, message: message ?? null, body: excerpt(response.body) },
      },
      retry: PASSING.has(errorClass) ? { after: retryAfterMs } : false,
    });
    this.name = "VendorError";
    this.class = errorClass;
    this.status = response.status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** What a vendor says of a token is not said of what the token was to be used for: that may be there although no token is. */
export function errorOfToken({ code, message, data, retry, cause }: VendorError): HooklineError {
  return new HooklineError(code, message, { data, retry, cause });
}

/** The class of anything that can go wrong in a request. */
export function errorClass(error: unknown): ErrorClass {
  if (error instanceof VendorError) return error.class;
  if (!(error instanceof HooklineError)) return "unknown";
  const direct: Partial<Record<ErrorCode, ErrorClass>> = {
    network: "network",
    timeout: "timeout",
    rate_limited: "rateLimited",
    scope_missing: "scopeMissing",
    reauth_required: "authRevoked",
    invalid_input: "invalidInput",
  };
  return direct[error.code] ?? "unknown";
}

/**
 * What a response means: the manifest's matchers in their order, then the status. Undefined when it is a success.
 * A success that is not JSON where JSON was expected is a `serverError`: to take it for an empty list would delete everything.
 */
export function classify(
  matchers: readonly CompiledErrorMatcher[],
  response: ResponseParts & { malformed?: boolean },
  scope: ErrorScope,
  now: number,
): Classified | undefined {
  const matcher = matchers.find((candidate) => (candidate.scope ?? scope) === scope && candidate.matches(response));
  const byStatus = matcher ? matcher.class : classOfStatus(response);
  if (byStatus === undefined) return undefined;
  const told = matcher?.retryAfter?.(response) ?? response.headers["retry-after"];
  return { class: byStatus, retryAfterMs: parseRetryAfter(told, now) };
}

function classOfStatus({
  status,
  headers,
  malformed,
}: ResponseParts & { malformed?: boolean }): ErrorClass | undefined {
  if (status >= 200 && status < 300) return malformed ? "serverError" : undefined;
  if (status === 304) return undefined;
  if (status >= 500) return "serverError";
  // RFC 6750 §3.1 has it with 403; some say 401, and no renewal of the token helps.
  const isScopeMissing =
    (status === 401 || status === 403) && /insufficient_scope/.test(String(headers["www-authenticate"]));
  if (isScopeMissing) return "scopeMissing";
  const classes: Record<number, ErrorClass> = {
    400: "invalidInput",
    401: "authExpired",
    404: "notFound",
    408: "timeout",
    409: "conflict",
    410: "notFound",
    412: "conflict",
    422: "invalidInput",
    429: "rateLimited",
  };
  return classes[status] ?? "unknown";
}

const MESSAGE_PLACES = [
  "/error/message",
  "/message",
  "/error_description",
  "/errors/0/message",
  "/detail",
  "/error",
  "/msg",
];

function vendorMessage(body: unknown): string | undefined {
  for (const place of MESSAGE_PLACES) {
    const value = atPointer(body, place);
    const text = Array.isArray(value) ? value.filter((item) => typeof item === "string").join("; ") : value;
    if (typeof text === "string" && text !== "") return scrub(text).slice(0, 500);
  }
  return undefined;
}

function excerpt(body: unknown): string {
  return scrub(typeof body === "string" ? body : JSON.stringify(body)).slice(0, 1024);
}
