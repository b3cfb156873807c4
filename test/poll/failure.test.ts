import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { StreamRecord } from "../../runtime/model/streams.ts";
import { DEGRADED_AFTER, failureOf, LIMITED_WAIT, LONGEST_RETRY, SHORTEST_RETRY } from "../../runtime/poll/failure.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const MINUTE = 60_000;

function stream(consecutiveErrors: number): StreamRecord {
  return {
    id: 1,
    connection: "con_1",
    stream: "items",
    inputHash: "",
    input: {},
    requestHash: "hash",
    cursorVersion: 1,
    cursor: "c",
    cursorAt: now - MINUTE,
    checkpoint: null,
    baselinedAt: now - MINUTE,
    sequence: 7,
    lastPollAt: now - MINUTE,
    lastSuccessAt: now - MINUTE,
    nextPollAt: now,
    consecutiveErrors,
    lastError: null,
    doubt: null,
    quarantined: 0,
    deletionsAcceptedAt: null,
    refusals: 0,
    verifiedAt: null,
  };
}

const refused = new HooklineError("vendor_error", "acme /items: the vendor answered 403");

/** Milliseconds until the next try after this many failures before. */
function wait(before: number, { interval = 5 * MINUTE, random = 0.5, error = refused } = {}): number {
  const failure = failureOf(error, stream(before), { now, planned: now + interval, random: () => random });
  return failure.stream.nextPollAt! - now;
}

describe("a failed poll", () => {
  it("is tried again after 15 seconds, then after twice as long each time, up to an hour", () => {
    expect(SHORTEST_RETRY).toBe(15_000);
    expect(LONGEST_RETRY).toBe(3_600_000);
    expect([0, 1, 2, 7, 8, 50].map((before) => wait(before))).toEqual([
      15_000, 30_000, 60_000, 1_920_000, 3_600_000, 3_600_000,
    ]);
  });

  it("waits up to the schedule's own interval where that is longer than an hour", () => {
    const day = 24 * 60 * MINUTE;
    expect(wait(8, { interval: day })).toBe(3_840_000);
    expect(wait(50, { interval: day })).toBe(day);
    expect(wait(50, { interval: LONGEST_RETRY })).toBe(LONGEST_RETRY);
    expect(wait(50, { interval: LONGEST_RETRY + 1 })).toBe(LONGEST_RETRY + 1);
  });

  it("varies its pause by a fifth, so that what failed together does not return together", () => {
    expect(wait(0, { random: 0 })).toBe(12_000);
    expect(wait(0, { random: 1 })).toBe(18_000);
  });

  it("is reported from the third failure in a row on, and not before", () => {
    expect(DEGRADED_AFTER).toBe(3);
    const at = { now, planned: now, random: () => 0.5 };
    expect([0, 1, 2, 3].map((before) => failureOf(refused, stream(before), at).isDegraded)).toEqual([
      false,
      false,
      true,
      true,
    ]);
    expect(failureOf(refused, stream(2), at).stream).toMatchObject({
      consecutiveErrors: 3,
      lastPollAt: now,
      lastSuccessAt: now - MINUTE,
      lastError: { code: "vendor_error", message: refused.message, at: now },
    });
  });

  it.each(["rate_limited", "quota_exceeded"] as const)(
    "of %s waits as long as is asked, else a minute, and counts as no failure",
    (code) => {
      expect(LIMITED_WAIT).toBe(60_000);
      expect(wait(2, { error: new HooklineError(code, "slow down") })).toBe(60_000);
      expect(wait(2, { error: new HooklineError(code, "slow down", { retry: {} }) })).toBe(60_000);
      const asked = new HooklineError(code, "slow down", { retry: { after: 1 } });
      expect(wait(2, { error: asked })).toBe(1);
      const failure = failureOf(asked, stream(2), { now, planned: now, random: () => 0.5 });
      expect(failure).toMatchObject({ isLimit: true, isDegraded: false, stream: { consecutiveErrors: 2 } });
    },
  );

  it("of a grant that is gone plans nothing and reports nothing: the connection has been reported", () => {
    const gone = new HooklineError("reauth_required", "the grant is gone");
    const failure = failureOf(gone, stream(5), { now, planned: now, random: () => 0.5 });
    expect(failure).toMatchObject({ isDegraded: false, stream: { nextPollAt: null, consecutiveErrors: 6 } });
  });

  it("of our own is called internal", () => {
    const { error } = failureOf(new TypeError("x is undefined"), stream(0), { now, planned: now, random: () => 0.5 });
    expect(error).toEqual({ code: "internal", message: "x is undefined", at: now });
  });
});
