import type { VendorAnswers } from "../route.ts";

/** An answer of a Google API that is not a success: the HTTP status and the body, as Google words them. */
export class GoogleApiError extends Error {
  readonly status: number;
  readonly body: { error: { code: number; message: string; status?: string; details?: object[]; errors?: object[] } };
  readonly headers: Record<string, string>;

  constructor(
    code: number,
    status: string | undefined,
    message: string,
    options: { details?: object[]; errors?: object[]; headers?: Record<string, string> } = {},
  ) {
    super(message);
    this.name = "GoogleApiError";
    this.status = code;
    const { details, errors } = options;
    this.body = {
      error: { code, message, ...(errors && { errors }), ...(status && { status }), ...(details && { details }) },
    };
    this.headers = options.headers ?? {};
  }
}

/** An error as the older APIs word it: a list of errors, each with a reason; some of them give a status besides. */
export function reasonedError(
  code: number,
  reason: string,
  message: string,
  more: { status?: string; domain?: string; location?: string; locationType?: string } = {},
): GoogleApiError {
  const { status, domain = "global", location, locationType } = more;
  const where = location === undefined ? {} : { locationType: locationType ?? "parameter", location };
  return new GoogleApiError(code, status, message, { errors: [{ message, domain, reason, ...where }] });
}

/** A `google.rpc.ErrorInfo`, the part of an error that programs are meant to read. */
function errorInfo(reason: string, domain: string, metadata?: Record<string, string>): object {
  return { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason, domain, ...(metadata && { metadata }) };
}

const REALM = 'Bearer realm="https://accounts.google.com/"';

export function invalidArgument(message: string): GoogleApiError {
  return new GoogleApiError(400, "INVALID_ARGUMENT", message);
}

export function notFound(): GoogleApiError {
  return new GoogleApiError(404, "NOT_FOUND", "Requested entity was not found.");
}

export function unknownMethod(): GoogleApiError {
  return new GoogleApiError(404, "NOT_FOUND", "Method not found.");
}

/** The access token is absent, unknown, expired or revoked; Google does not tell which of the last three. */
export function unauthenticated(given: boolean): GoogleApiError {
  const expected =
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. " +
    "See https://developers.google.com/identity/sign-in/web/devconsole-project.";
  return given
    ? new GoogleApiError(401, "UNAUTHENTICATED", `Request had invalid authentication credentials. ${expected}`, {
        headers: { "WWW-Authenticate": `${REALM}, error="invalid_token"` },
      })
    : new GoogleApiError(401, "UNAUTHENTICATED", `Request is missing required authentication credential. ${expected}`, {
        details: [errorInfo("CREDENTIALS_MISSING", "googleapis.com")],
        headers: { "WWW-Authenticate": REALM },
      });
}

export function insufficientScope(service: string, method: string, scopes: readonly string[]): GoogleApiError {
  return new GoogleApiError(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.", {
    details: [errorInfo("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", { method, service })],
    headers: { "WWW-Authenticate": `${REALM}, error="insufficient_scope", scope="${scopes.join(" ")}"` },
  });
}

/** Google answers 400 here, though its own samples still look for 410; `status` lets a test have either. */
export function expiredSyncToken(status: 400 | 410): GoogleApiError {
  return new GoogleApiError(
    status,
    status === 400 ? "FAILED_PRECONDITION" : "GONE",
    "Sync token is expired. Clear local cache and retry call without the sync token.",
    { details: [errorInfo("EXPIRED_SYNC_TOKEN", "people.googleapis.com")] },
  );
}

export function staleEtag(): GoogleApiError {
  return new GoogleApiError(
    400,
    "FAILED_PRECONDITION",
    "Request person.etag is different than the current person.etag. Clear local cache and get the latest person.",
  );
}

export function alreadyExists(message: string): GoogleApiError {
  return new GoogleApiError(409, "ALREADY_EXISTS", message);
}

/** The per-minute quota of the People API. */
function quotaExceeded(): GoogleApiError {
  return new GoogleApiError(
    429,
    "RESOURCE_EXHAUSTED",
    "Quota exceeded for quota metric 'Critical read requests (Contact and Profile Reads)' and limit " +
      "'Critical read requests (Contact and Profile Reads) per minute per user' of service 'people.googleapis.com' " +
      "for consumer 'project_number:100000000000'.",
    {
      details: [
        errorInfo("RATE_LIMIT_EXCEEDED", "googleapis.com", {
          quota_limit: "CriticalReadsPerMinutePerProjectPerUser",
          service: "people.googleapis.com",
          quota_metric: "people.googleapis.com/critical_read_requests",
          consumer: "projects/100000000000",
        }),
      ],
    },
  );
}

function serverError(code: number): GoogleApiError {
  return code === 503
    ? new GoogleApiError(503, "UNAVAILABLE", "The service is currently unavailable.")
    : new GoogleApiError(code, "INTERNAL", "Internal error encountered.");
}

/** How Google words the failures that any of its methods can answer with. */
export const googleAnswers: VendorAnswers = {
  rateLimited: quotaExceeded,
  unauthenticated: () => unauthenticated(true),
  failed: serverError,
};
