import { createHash } from "node:crypto";
import { HooklineError, type ErrorCode } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import { errorOf, problemOf, type Problem } from "../core/problem.ts";
import type { Context } from "../engine/context.ts";
import type { Scope } from "../model/principal.ts";
import { openText, sealText } from "../model/sealing.ts";
import { VendorError } from "../vendor/errors.ts";
import { internalError } from "./failure.ts";
import {
  claimKey,
  extendKey,
  finishKey,
  idempotencyKeys,
  releaseKey,
  type Claim,
  type KeyedRequest,
} from "./model/idempotency.ts";

/** How a caller makes repeated requests safe. */
export interface IdempotencyOptions {
  /**
   * The same key with the same request gets the same answer for 24 hours, and the work is done once. 1 to 255 visible ASCII
   * characters; two callers never share a key. Default none: every request is done.
   */
  idempotencyKey?: string;
  /** Called when the answer is the stored one of an earlier request. */
  onReplay?: () => void;
}

/** What a request with an idempotency key is. */
interface KeyedWork extends IdempotencyOptions {
  /** Whose key it is. */
  scope: Scope;
  /** Whose data the answer holds. */
  of: { user: string; connection: string };
  /** Everything the request asks for. */
  request: unknown;
  /** Whether doing it twice is harmless. */
  repeatable: boolean;
  /** How many requests to the vendor it takes at most, without retries. */
  calls: number;
  /** Stored with the answer: the HTTP status of a success. */
  status: number;
}

type Once = <T>(keyed: KeyedWork, work: () => Promise<T>) => Promise<T>;

/** After a crash, a key is locked for this long at most. */
const LEASE_MS = 60_000;
const MAX_KEY_LENGTH = 255;

/** Thrown before the first call to the vendor. */
const BEFORE_ANY_CALL = new Set<ErrorCode>(["invalid_input", "not_found", "scope_missing"]);
/** Thrown instead of a call, or by a vendor that turned it away. */
const INSTEAD_OF_CALL = new Set<ErrorCode>([
  "invalid_expression",
  "rate_limited",
  "quota_exceeded",
  "reauth_required",
  "host_not_allowed",
  "decryption_failed",
  "stopped",
]);

/**
 * Makes the function that does work at most once per key, and gives the same answer to a repeated request for 24 hours.
 * A failure that did nothing, or whose repetition is harmless, frees the key; any other is an answer like a success.
 * @throws HooklineError `invalid_input` for a key that is not valid; `idempotency_conflict` when the key belongs to another
 *   request, is at work, or was interrupted by a crash at work that must not be repeated; and what the work throws
 */
export function createOnce({ db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">): Once {
  return async (keyed, work) => {
    if (keyed.idempotencyKey === undefined) return work();
    const { repeatable, onReplay } = keyed;
    const request = {
      scope: callerOf(keyed.scope),
      key: checkedKey(keyed.idempotencyKey),
      ...keyed.of,
      requestHash: createHash("sha256").update(canonicalJson(keyed.request)).digest("hex"),
    };
    const now = clock.now();
    const claim = await claimKey(db, request, { repeatable, leaseMs: LEASE_MS, now });
    if (claim.state === "done") {
      onReplay?.();
      // The request was the same, so the answer has the type of its work.
      return replay(claim, openText(vault, placeOf(request, claim.user), claim.answer)) as Awaited<
        ReturnType<typeof work>
      >;
    }
    if (claim.state !== "claimed") throw refused(claim, now);

    const lease = setInterval(() => {
      extendKey(db, request, clock.now() + LEASE_MS).catch((error: unknown) => {
        log.warn({ error }, "the lease of an idempotency key could not be extended");
      });
    }, LEASE_MS / 3).unref();
    const keep = (status: number, answer: unknown) =>
      finishKey(
        db,
        request,
        { status, answer: sealText(vault, placeOf(request, request.user), JSON.stringify(answer) ?? "null") },
        clock.now(),
      );
    try {
      const answer = await work().catch(async (error: unknown) => {
        if (repeatable || didNothing(error, keyed.calls)) await releaseKey(db, request);
        else {
          log.warn({ key: request.key, error }, "a request with an idempotency key failed; its answer is kept");
          const problem = problemOf(error instanceof HooklineError ? error : internalError());
          await keep(problem.status, problem);
        }
        throw error;
      });
      await keep(keyed.status, answer);
      return answer;
    } finally {
      clearInterval(lease);
    }
  };
}

/** Whose keys a caller uses. */
export function callerOf({ user }: Scope): string {
  return user === undefined ? "admin" : `user:${user}`;
}

const placeOf = ({ scope, key }: Pick<KeyedRequest, "scope" | "key">, user: string | null) =>
  idempotencyKeys.placeOf("answer", [scope, key], user);

function replay({ status }: Claim & { state: "done" }, answer: string): unknown {
  const stored: unknown = JSON.parse(answer);
  if (status >= 400) throw errorOf(stored as Problem);
  return stored;
}

/** Of several calls, the ones before the failed one may have done something. */
function didNothing(error: unknown, calls: number): boolean {
  if (!(error instanceof HooklineError)) return false;
  const isOurs = !(error instanceof VendorError);
  if (isOurs && BEFORE_ANY_CALL.has(error.code)) return true;
  if (calls > 1) return false;
  return INSTEAD_OF_CALL.has(error.code) || error.data["sent"] === false || (isOurs && error.code === "conflict");
}

function checkedKey(key: unknown): string {
  if (typeof key === "string" && /^[\x21-\x7e]+$/.test(key) && key.length <= MAX_KEY_LENGTH) return key;
  const message = `must be 1 to ${MAX_KEY_LENGTH} visible ASCII characters, a UUID for example`;
  throw new HooklineError("invalid_input", `Idempotency-Key: ${message}`, {
    faults: [{ pointer: "/headers/idempotency-key", message }],
  });
}

function refused(claim: Exclude<Claim, { state: "done" | "claimed" }>, now: number): HooklineError {
  switch (claim.state) {
    case "other":
      return conflict("it was used with another request; use a new key for this one");
    case "running":
      return conflict("its request is still running; try again in a moment", claim.until - now);
    case "interrupted":
      return conflict(
        "its request was interrupted, and what it did is unknown; look at the vendor's side, and use a new key to do it again",
      );
  }
}

function conflict(what: string, after?: number): HooklineError {
  const retry = after === undefined ? (false as const) : { after };
  return new HooklineError("idempotency_conflict", `Idempotency-Key: ${what}`, { retry });
}
