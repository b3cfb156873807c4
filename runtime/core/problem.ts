import { ERROR_CODES, HooklineError, type ErrorCode } from "./errors.ts";

/** An error as JSON: RFC 9457, with a stable `code` and, for bad input, every place that is wrong. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
  errors?: { pointer: string; message: string }[];
  /** The error's own facts, `vendor` among them: the vendor's status and message. */
  [fact: string]: unknown;
}

/** The problem that an error is. */
export function problemOf({ code, message, data, faults }: HooklineError): Problem {
  const { status, meaning: title } = ERROR_CODES[code];
  const errors = faults.map(({ pointer, message }) => ({ pointer, message }));
  const problem = { type: `urn:hookline:error:${code}`, title, status, detail: message, code };
  return { ...data, ...problem, ...(errors.length > 0 ? { errors } : {}) };
}

/** The error that a problem was made of. Whether trying again can help is not part of a problem: it is false. */
export function errorOf({ type: _type, title: _title, status: _status, detail, code, errors, ...data }: Problem) {
  return new HooklineError(isErrorCode(code) ? code : "internal", detail, { data, faults: errors });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CODES, code);
}
