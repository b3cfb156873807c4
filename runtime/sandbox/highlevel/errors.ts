import { randomUUID } from "node:crypto";
import type { Answer, VendorAnswers } from "../route.ts";

/** An answer of HighLevel that is not a success. Its 422 gives a list of messages, everything else one text. */
export class HighLevelError extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly #message: string | string[];

  constructor(status: number, message: string | string[], headers: Record<string, string> = {}) {
    super([message].flat().join("; "));
    this.name = "HighLevelError";
    this.status = status;
    this.headers = headers;
    this.#message = message;
  }

  get body(): Record<string, unknown> {
    const error = NAMES[this.status];
    return { statusCode: this.status, message: this.#message, ...(error && { error }), traceId: randomUUID() };
  }
}

const NAMES: Record<number, string> = {
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  422: "Unprocessable Entity",
};

export function notFound(what: string, id: string): HighLevelError {
  return new HighLevelError(404, `${what} with id ${id} not found`);
}

export function invalidToken(): HighLevelError {
  return new HighLevelError(401, "Invalid token: access token is invalid");
}

/** HighLevel has 401, not 403, for a scope that was not granted. */
export function scopeNotGranted(): HighLevelError {
  return new HighLevelError(401, "The token is not authorized for this scope.");
}

export function wrongTokenKind(): HighLevelError {
  return new HighLevelError(401, "This token's user type is not yet supported!");
}

export function tooManyRequests(): HighLevelError {
  return new HighLevelError(429, "Too Many Requests");
}

/** How HighLevel words the failures that any of its methods can answer with. */
export const highLevelAnswers: VendorAnswers = {
  rateLimited: (): Answer => answer(tooManyRequests()),
  unauthenticated: (): Answer => answer(invalidToken()),
  failed: (status): Answer => answer(new HighLevelError(status, "Internal server error")),
};

function answer({ status, body, headers }: HighLevelError): Answer {
  return { status, body, headers };
}
