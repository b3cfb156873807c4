import { createHash } from "node:crypto";
import { VendorError } from "../vendor/errors.ts";
import { HooklineError, type ErrorCode } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import { claimKey, extendKey, finishKey, releaseKey, type Claim } from "../act/model/idempotency.ts";
import { toProblem } from "./problem.ts";
import type { Reply } from "./compat.ts";
import type { Services } from "./services.ts";

export interface KeyedWork {
  /** Whose key it is. */
  scope: string;
  /** The `Idempotency-Key` header. */
  key: string;
  /** Everything the request asks for. */
  request: unknown;
  /** Whether doing it twice is harmless. */
  repeatable: boolean;
  /** How many requests to the vendor it takes at most, without retries. */
  calls: number;
}

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
 * Does work at most once per key, and gives the same answer to a repeated request for 24 hours. A failure that did nothing,
 * or whose repetition is harmless, frees the key; any other is an answer like a success.
 * Throws `idempotency_conflict` when the key stands for another request, is at work, or was interrupted by a crash at
 * work that must not be repeated; and what the work throws.
 */
export async function once(
  services: Pick<Services, "db" | "clock" | "log">,
  keyed: KeyedWork,
  work: () => Promise<Reply>,
): Promise<Reply> {
  const { db, clock, log } = services;
  assertKey(keyed.key);
  const { scope, key, repeatable } = keyed;
  const requestHash = createHash("sha256").update(canonicalJson(keyed.request)).digest("hex");
  const now = clock.now();
  const claim = await claimKey(db, { scope, key, requestHash }, { repeatable, leaseMs: LEASE_MS, now });
  if (claim.state === "done") return replay(claim);
  if (claim.state !== "claimed") throw refused(claim, now);

  const lease = setInterval(() => {
    extendKey(db, { scope, key }, clock.now() + LEASE_MS).catch((error: unknown) => {
      log.warn({ error }, "an idempotency key at work could not be kept");
    });
  }, LEASE_MS / 3).unref();
  try {
    const reply = await work();
    await finishKey(db, { scope, key }, { status: reply.status, answer: JSON.stringify(reply.body) }, clock.now());
    return reply;
  } catch (error) {
    if (repeatable || didNothing(error, keyed.calls)) await releaseKey(db, { scope, key });
    else {
      log.warn({ requestId: key, error }, "a request with an idempotency key failed; its answer is kept");
      const problem = toProblem(error, key);
      await finishKey(db, { scope, key }, { status: problem.status, answer: JSON.stringify(problem) }, clock.now());
    }
    throw error;
  } finally {
    clearInterval(lease);
  }
}

function replay({ status, answer }: Claim & { state: "done" }): Reply {
  return { status, body: JSON.parse(answer) as unknown, headers: { "idempotency-replayed": "true" } };
}

/** Of several calls, the ones before the failed one may have done something. */
function didNothing(error: unknown, calls: number): boolean {
  if (!(error instanceof HooklineError)) return false;
  const isOurs = !(error instanceof VendorError);
  if (isOurs && BEFORE_ANY_CALL.has(error.code)) return true;
  if (calls > 1) return false;
  return INSTEAD_OF_CALL.has(error.code) || error.data["sent"] === false || (isOurs && error.code === "conflict");
}

function assertKey(key: string): void {
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= MAX_KEY_LENGTH) return;
  const message = `must be 1 to ${MAX_KEY_LENGTH} visible ASCII characters; a UUID does`;
  throw new HooklineError("invalid_input", `Idempotency-Key: ${message}`, {
    faults: [{ pointer: "/headers/idempotency-key", message }],
  });
}

function refused(claim: Exclude<Claim, { state: "done" | "claimed" }>, now: number): HooklineError {
  switch (claim.state) {
    case "other":
      return conflict("it was used with another request; use a new key for this one");
    case "running":
      return conflict("its request is still at work; try again in a moment", claim.until - now);
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
