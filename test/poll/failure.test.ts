import { describe, expect, it } from "vitest";
import { ManualClock } from "../../runtime/core/clock.ts";
import { HooklineError } from "../../runtime/core/errors.ts";
import type { Checkpoint, StreamRecord } from "../../runtime/model/streams.ts";
import type { SubscriptionRecord } from "../../runtime/model/subscriptions.ts";
import { failureOf, LIMITED_WAIT, LONGEST_RETRY, SHORTEST_RETRY } from "../../runtime/poll/failure.ts";
import { DEGRADED_AFTER, LEAST_MS, LONGEST_READ_MS, NAMED_AFTER, paceOf } from "../../runtime/poll/pace.ts";
import type { Schedule } from "../../runtime/poll/schedule.ts";

const now = Date.parse("2026-11-21T12:00:00Z");
const MINUTE = 60_000;

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

function stream(consecutiveErrors: number, changes: Partial<StreamRecord> = {}): StreamRecord {
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
    missed: null,
    quarantined: 0,
    deletionsAcceptedAt: null,
    refusals: 0,
    verifiedAt: null,
    expectedSince: 0,
    watchAt: 0,
    lastEventAt: null,
    longestQuietMs: 0,
    ...changes,
  };
}

const refused = new HooklineError("vendor_error", "acme /items: the vendor answered 403");

const subscription = { createdAt: now - 100 * HOUR } as SubscriptionRecord;
const every = (minutes: number): Schedule => ({ everySeconds: minutes * 60 });

interface Given {
  interval?: number;
  random?: number;
  error?: unknown;
  /** When it fails, milliseconds after `now`. */
  later?: number;
}

function fail(
  current: StreamRecord,
  { interval = 5 * MINUTE, random = 0.5, error = refused, later = 0 }: Given = {},
): ReturnType<typeof failureOf> {
  const at = now + later;
  const pace = paceOf(current, {
    subscriptions: [subscription],
    schedules: [every(interval / MINUTE)],
    now: at,
    clock: new ManualClock(at),
  });
  return failureOf(error, current, { now: at, planned: at + interval, interval, pace, random: () => random });
}

/** Milliseconds until the next try after this many failures before. */
const wait = (before: number, given: Given = {}): number => fail(stream(before), given).stream.nextPollAt! - now;

describe("a failed poll", () => {
  it("is tried again after 15 seconds, then after twice as long each time, up to an hour, where the schedule asks earlier", () => {
    expect(SHORTEST_RETRY).toBe(15_000);
    expect(LONGEST_RETRY).toBe(3_600_000);
    const interval = 1000;
    expect([0, 1, 2, 7, 8, 50].map((before) => wait(before, { interval }))).toEqual([
      15_000, 30_000, 60_000, 1_920_000, 3_600_000, 3_600_000,
    ]);
  });

  it("is tried again no more often than the schedule", () => {
    expect([0, 1, 4, 5].map((before) => wait(before))).toEqual([300_000, 300_000, 300_000, 480_000]);
    expect([0, 7, 8].map((before) => wait(before, { interval: HOUR }))).toEqual([HOUR, HOUR, HOUR]);
    expect([0, 50].map((before) => wait(before, { interval: DAY }))).toEqual([DAY, DAY]);
  });

  it("waits up to the schedule's own interval where that is longer than an hour", () => {
    const day = 24 * 60 * MINUTE;
    expect(wait(50, { interval: day })).toBe(day);
    expect(wait(50, { interval: LONGEST_RETRY })).toBe(LONGEST_RETRY);
    expect(wait(50, { interval: LONGEST_RETRY + 1 })).toBe(LONGEST_RETRY + 1);
  });

  it("varies its pause by a fifth, so that what failed together does not return together", () => {
    const interval = 1000;
    expect(wait(0, { random: 0, interval })).toBe(12_000);
    expect(wait(0, { random: 1, interval })).toBe(18_000);
  });

  it("is reported once nothing has succeeded for three intervals, and at least 15 minutes", () => {
    expect([NAMED_AFTER, DEGRADED_AFTER, LEAST_MS]).toEqual([2, 3, 15 * MINUTE]);
    const isDegraded = (interval: number, later: number): boolean =>
      fail(stream(0, { lastSuccessAt: now }), { interval: interval * MINUTE, later }).isDegraded;
    expect([isDegraded(1, 15 * MINUTE - 1), isDegraded(1, 15 * MINUTE)]).toEqual([false, true]);
    expect([isDegraded(60, 3 * HOUR - 1), isDegraded(60, 3 * HOUR)]).toEqual([false, true]);
    expect(fail(stream(2)).stream).toMatchObject({
      consecutiveErrors: 3,
      lastPollAt: now,
      lastSuccessAt: now - MINUTE,
      lastError: { code: "vendor_error", message: refused.message, at: now },
    });
  });

  it("of a limit after a night without polls is tried again at the next run: the night is no long limit", () => {
    const morning = Date.parse("2026-11-21T06:00:00Z");
    const evening = Date.parse("2026-11-20T18:40:00Z");
    const current = stream(0, { lastSuccessAt: evening, lastPollAt: morning - 11 * HOUR });
    const schedules: Schedule[] = [{ cron: "*/10 6-18 * * *" }];
    const pace = paceOf(current, {
      subscriptions: [subscription],
      schedules,
      now: morning,
      clock: new ManualClock(morning),
    });
    const [interval, planned] = [10 * MINUTE, morning + 10 * MINUTE];
    const facts = { now: morning, planned, interval, pace, random: () => 0.5 };
    expect(failureOf(new HooklineError("rate_limited", "slow down"), current, facts)).toMatchObject({
      isDegraded: false,
      stream: { nextPollAt: planned },
    });
  });

  it.each(["rate_limited", "quota_exceeded"] as const)(
    "of %s is reported all the same, and counts as no failure",
    (code) => {
      const failure = fail(stream(2), { error: new HooklineError(code, "slow down"), later: 15 * MINUTE });
      expect(failure).toMatchObject({ isLimit: true, isDegraded: true, stream: { consecutiveErrors: 2 } });
    },
  );

  it.each(["rate_limited", "quota_exceeded"] as const)(
    "of %s is tried again no more often than the schedule, and less and less often, up to once an hour",
    (code) => {
      expect(LIMITED_WAIT).toBe(MINUTE);
      const error = new HooklineError(code, "slow down", { retry: {} });
      const waits: number[] = [];
      let current = stream(0);
      for (let later = 0; waits.length < 8; later = current.nextPollAt! - now) {
        current = fail(current, { error, later }).stream;
        waits.push((current.nextPollAt! - now - later) / MINUTE);
      }
      expect(waits).toEqual([5, 5, 5, 6, 12, 24, 48, 60]);
      expect(wait(0, { error, interval: MINUTE / 2 })).toBe(LIMITED_WAIT);
      expect(wait(0, { error, interval: 2 * HOUR })).toBe(2 * HOUR);
      expect(wait(0, { error, random: 0 })).toBe(5 * MINUTE);
    },
  );

  it("waits once as short as a vendor asks; when it limits again, no shorter than the schedule", () => {
    const error = new HooklineError("rate_limited", "slow down", { retry: { after: 1 } });
    expect(wait(2, { error })).toBe(1);
    const repeated = stream(2, { lastError: { code: "quota_exceeded", message: "", at: now - 1 } });
    expect(fail(repeated, { error }).stream.nextPollAt).toBe(now + 5 * MINUTE);
    const long = new HooklineError("rate_limited", "slow down", { retry: { after: 2 * HOUR } });
    expect(fail(repeated, { error: long }).stream.nextPollAt).toBe(now + 2 * HOUR);
    const before = stream(2, { lastError: { code: "quota_exceeded", message: "", at: now - 2 * MINUTE } });
    expect(fail(before, { error }).stream.nextPollAt).toBe(now + 1);
  });

  it("in the middle of a long read that makes progress is the first again, and reports nothing for a day", () => {
    expect(LONGEST_READ_MS).toBe(24 * HOUR);
    const reading = (begun: number, progressAt: number): StreamRecord => {
      const checkpoint = { complete: true, startedAt: now - begun, progressAt, mode: "diff" } as Checkpoint;
      return stream(9, { checkpoint, lastSuccessAt: now - begun });
    };
    expect(fail(reading(DAY - 1, now - 1))).toMatchObject({ isDegraded: false, stream: { consecutiveErrors: 1 } });
    expect(fail(reading(DAY, now - 1))).toMatchObject({ isDegraded: true });
    expect(fail(reading(DAY - 1, now - 15 * MINUTE)).isDegraded).toBe(true);
    expect(fail(reading(DAY - 1, now - 15 * MINUTE + 1)).isDegraded).toBe(false);
    expect(fail(reading(2 * DAY, now - 1), { interval: DAY }).isDegraded).toBe(false);
  });

  it("of a grant that is gone plans nothing and reports nothing: the connection has been reported", () => {
    const failure = fail(stream(5), { error: new HooklineError("reauth_required", "the grant is gone"), later: HOUR });
    expect(failure).toMatchObject({ isDegraded: false, stream: { nextPollAt: null, consecutiveErrors: 6 } });
  });

  it("of our own is called internal", () => {
    const { error } = fail(stream(0), { error: new TypeError("x is undefined") });
    expect(error).toEqual({ code: "internal", message: "x is undefined", at: now });
  });
});
