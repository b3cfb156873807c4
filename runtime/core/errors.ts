/**
 * Every way in which the world can fail Hookline, as a stable code.
 * {@link ERROR_CODES} has the HTTP status and the explanation of each; a programmer's mistake is a `TypeError` instead.
 */
export const ERROR_CODES = {
  invalid_input: { status: 400, meaning: "The input does not match its schema; `errors` names each place." },
  invalid_manifest: { status: 400, meaning: "A manifest has faults; `errors` names each with its JSON pointer." },
  invalid_config: { status: 400, meaning: "The configuration has faults; `errors` names each with its remedy." },
  invalid_expression: {
    status: 400,
    meaning: "An expression does not parse, names an unknown root, or would grow too large.",
  },
  invalid_url: {
    status: 400,
    meaning: "A URL is not http(s), carries credentials, or leads to an address that is not allowed.",
  },
  unauthenticated: { status: 401, meaning: "No valid API key or user token was given." },
  forbidden: { status: 403, meaning: "The key or token may not do this." },
  scope_missing: {
    status: 403,
    meaning: "The connection was not granted a scope that the operation needs; reconnect and ask for `scopes`.",
  },
  not_found: { status: 404, meaning: "The object does not exist, or it belongs to another user." },
  conflict: {
    status: 409,
    meaning: "The object was changed by another request, exists already, or is in a state that does not allow this.",
  },
  idempotency_conflict: {
    status: 409,
    meaning: "The Idempotency-Key was used before with another request, or that request is still running.",
  },
  too_large: { status: 413, meaning: "The body or answer is larger than allowed." },
  account_mismatch: {
    status: 422,
    meaning: "The vendor's account is another one than the connection's, which was left as it was.",
  },
  account_moved: {
    status: 409,
    meaning:
      "The connection was moved to another account after the work began; nothing is done with the other account.",
  },
  account_unproved: {
    status: 422,
    meaning: "Nothing proves that the vendor's account is the connection's, which was left as it was.",
  },
  connection_rejected: { status: 422, meaning: "The vendor did not accept the credentials." },
  vendor_error: { status: 424, meaning: "The vendor answered with an error; its status and message are in `vendor`." },
  reauth_required: {
    status: 424,
    meaning: "The connection's grant is gone, or unknown (`reason`); a person has to reconnect it.",
  },
  rate_limited: { status: 429, meaning: "A limit was reached; `Retry-After` says when to try again." },
  quota_exceeded: { status: 429, meaning: "The vendor's quota is used up; `Retry-After` says when to try again." },
  network: { status: 502, meaning: "The vendor could not be reached." },
  host_not_allowed: { status: 502, meaning: "A request was about to leave for a host or address that is not allowed." },
  cursor_expired: { status: 502, meaning: "The vendor no longer accepts the stored cursor." },
  unexpected_answer: {
    status: 502,
    meaning: "The vendor's answer does not have the shape that the manifest declares; what is known was left as it is.",
  },
  pagination_loop: {
    status: 502,
    meaning: "The vendor's pages do not end: it gave the same page twice, or pages without records.",
  },
  timeout: { status: 504, meaning: "The vendor did not answer in time, or the time that was given is over." },
  decryption_failed: { status: 500, meaning: "Stored credentials cannot be read with the given encryption keys." },
  encryption_key: {
    status: 500,
    meaning: "The encryption key is missing, malformed, or not the one this store was written with.",
  },
  store_locked: { status: 500, meaning: "Another process holds the database file." },
  store_unusable: {
    status: 500,
    meaning: "The database is not Hookline's, is newer than this version, or cannot be read.",
  },
  stopped: { status: 503, meaning: "The runtime is stopping or has not been started." },
  internal: { status: 500, meaning: "A fault of Hookline itself." },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault in something given to us: where (JSON pointer), what is wrong, and what would be right. */
export interface Fault {
  /** The file it is in, when it came from one. */
  file?: string;
  /** RFC 6901 pointer into the document; "" is the whole of it. */
  pointer: string;
  message: string;
}

export interface HooklineErrorOptions {
  cause?: unknown;
  /** Facts for the caller; shown over HTTP, so never a secret. */
  data?: Record<string, unknown>;
  faults?: Fault[];
  /** Whether trying again can help; `after` in milliseconds. */
  retry?: false | { after?: number };
}

/** Most faults that an error lists. */
const MOST_FAULTS = 100;

/** A failure of the world around Hookline. The message says where, what is wrong, and what to do. */
export class HooklineError extends Error {
  readonly code: ErrorCode;
  readonly data: Record<string, unknown>;
  readonly faults: Fault[];
  readonly retry: false | { after?: number };

  constructor(code: ErrorCode, message: string, options: HooklineErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HooklineError";
    this.code = code;
    this.data = options.data ?? {};
    this.faults = mostFaults(options.faults ?? []);
    this.retry = options.retry ?? false;
  }
}

/** The first faults, and how many more there are: a person reads no more, and an answer is no place for them. */
function mostFaults(faults: Fault[]): Fault[] {
  if (faults.length <= MOST_FAULTS) return faults;
  const message = `${faults.length - MOST_FAULTS} more faults are not listed; correct these first`;
  return [...faults.slice(0, MOST_FAULTS), { pointer: "", message }];
}

/** Whether it is about Hookline's own store: nothing about what was to be done there is known then. */
export function isStoreTrouble(error: unknown): boolean {
  return error instanceof HooklineError && ["store_unusable", "store_locked", "stopped"].includes(error.code);
}

/** `file#/pointer: message`, the one form in which faults are printed. */
export function formatFault(fault: Fault): string {
  return `${fault.file ?? ""}#${fault.pointer}: ${fault.message}`;
}

/** Adds faults to those of the same thing, except what is at or inside of a place that is faulty already: it follows. */
export function addFaults(faults: Fault[], found: Iterable<Fault>): void {
  const told = faults.map(({ file, pointer }) => ({ file, inside: `${pointer}/` }));
  for (const fault of found) {
    const follows = told.some(({ file, inside }) => file === fault.file && `${fault.pointer}/`.startsWith(inside));
    if (!follows) faults.push(fault);
  }
}

/** The same faults in a larger document. */
export function below(pointer: string, faults: readonly Fault[]): Fault[] {
  return faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));
}

/** "… 2 faults:" and a line for each. */
export function withFaults(code: ErrorCode, beginning: string, faults: Fault[]): HooklineError {
  const list = faults.map((fault) => `\n  ${formatFault(fault)}`).join("");
  const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
  return new HooklineError(code, `${beginning} ${count}:${list}`, { faults });
}

/** Characters of the longest text that is taken for a slip of the pen. The time to compare two texts grows with the product of their lengths. */
export const LONGEST_TYPED = 300;

/** The candidate closest to what was typed (by edit distance), or undefined when no candidate is near or what was typed is too long to be a slip. */
export function nearest(typed: string, candidates: Iterable<string>): string | undefined {
  if (typed.length > LONGEST_TYPED) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(typed.length / 2)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** How many slips of the pen lie between two texts: a letter added, left out, changed, or swapped with the next one. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(row[j]!, beforePrevious[j - 2]! + 1);
    }
    [beforePrevious, previous] = [previous, row];
  }
  return previous[b.length]!;
}

/**
 * Refuses input with every fault, or returns when it has no fault. `what` is the thing that was given: "endpoint", "subscription".
 * @throws HooklineError `invalid_input`
 */
export function refuseFaults(what: string, faults: Fault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more)` : "";
  throw new HooklineError("invalid_input", `${what}${first.pointer}: ${first.message}${more}`, { faults });
}

/** "Endpoint ep_1 does not exist; …": the one form in which Hookline says that a thing of this id is missing or another user's. */
export function notFound(what: string, id: string): HooklineError {
  return new HooklineError("not_found", `${capital(what)} ${id} does not exist; list them to find the right id`);
}

/** `Connector "goggle" does not exist; did you mean "google"?`: the one form for names that people type. */
export function unknownName(what: string, name: string, known: Iterable<string>): string {
  const near = nearest(name, known);
  return `${capital(what)} ${JSON.stringify(name)} does not exist${near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
