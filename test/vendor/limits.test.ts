import { describe, expect, it } from "vitest";
import type { RateLimit } from "../../schemas/manifest.ts";
import { createLimits } from "../../runtime/vendor/limits.ts";
import { ManualClock } from "../../runtime/core/clock.ts";

const READ = { kind: "read", polls: false } as const;
const POLL = { kind: "read", polls: true } as const;
const caller = (connection: string, locationId?: string) => ({ connection, values: { locationId } });
const [ada, mary, grace] = [caller("con_a", "london"), caller("con_b", "london"), caller("con_c", "paris")];

function limits(limit: Partial<RateLimit>) {
  const clock = new ManualClock("2026-01-01T00:00:00Z");
  return {
    clock,
    ...createLimits("acme", [{ points: 2, seconds: 60, per: "$connection.locationId", ...limit }], clock),
  };
}

describe("a limit per value of a connection", () => {
  it("is shared by the connections that have the value, and by no others", async () => {
    const { take } = limits({});
    await take(ada, READ);
    await take(mary, READ);
    await expect(take(ada, READ)).rejects.toMatchObject({
      code: "rate_limited",
      message: "con_a: the limit of acme is reached; try again in 60 s",
    });
    await take(grace, READ);
  });

  it("is a connection's own when it lacks the value", async () => {
    const { take } = limits({ points: 1 });
    await take(caller("con_d"), READ);
    await take(caller("con_e"), READ);
    await expect(take(caller("con_d"), READ)).rejects.toMatchObject({ code: "rate_limited" });
  });

  it("holds back all who share it when the vendor asks one of them to wait", async () => {
    const { take, hold, clock } = limits({});
    hold(ada, 30_000);
    await expect(take(mary, READ)).rejects.toMatchObject({ retry: { after: 30_000 } });
    await take(grace, READ);
    clock.advance(30_001);
    await take(mary, READ);
  });

  it("is learned for all who share it, in the unit of the vendor's header", async () => {
    const headers = { remaining: "X-Left", reset: "X-Reset", resetUnit: "milliseconds" } as const;
    const { take, learn } = limits({ headers });
    learn(ada, { "x-left": "0", "x-reset": "45000" });
    await expect(take(mary, READ)).rejects.toMatchObject({ retry: { after: 45_000 } });
  });
});

describe("a vendor that asks to wait", () => {
  it("is left alone for ten seconds when it does not say for how long", async () => {
    const { take, hold, clock } = limits({});
    hold(ada);
    await expect(take(ada, READ)).rejects.toMatchObject({ code: "rate_limited", retry: { after: 10_000 } });
    clock.advance(10_000);
    await take(ada, READ);
  });

  it("keeps its longest wait, however short a later one is", async () => {
    const { take, hold } = limits({});
    hold(ada, 30_000);
    hold(ada, 10_000);
    await expect(take(ada, READ)).rejects.toMatchObject({ retry: { after: 30_000 } });
  });

  it("is waited for up to five seconds, and no longer", async () => {
    const waiting = limits({});
    waiting.hold(ada, 5_000);
    const stop = new AbortController();
    const turn = waiting.take(ada, READ, stop.signal);
    const reason = new Error("the runtime stops");
    setTimeout(() => stop.abort(reason), 20);
    await expect(turn).rejects.toBe(reason);

    const refusing = limits({});
    refusing.hold(ada, 5_001);
    await expect(refusing.take(ada, READ, stop.signal)).rejects.toMatchObject({ retry: { after: 5_001 } });
  });
});

describe("what the vendor says is left beside the share of polls", () => {
  const day = { points: 1000, seconds: 86_400, pollShare: 0.9, headers: { remaining: "X-Left", reset: "X-Reset" } };
  const left = (count: number) => ({ "x-left": String(count), "x-reset": "36000" });

  it("leaves polls alone while more is left", async () => {
    const { take, learn } = limits(day);
    learn(ada, left(101));
    const polls = Array.from({ length: 5 }, () => take(ada, POLL));
    await expect(Promise.all(polls)).resolves.toHaveLength(5);
  });

  it("spreads polls over the time until the limit starts anew, half of what is left for them", async () => {
    const { take, learn, clock } = limits(day);
    learn(ada, left(100));
    await take(ada, POLL);
    const spacing = 36_000_000 / 50;
    await expect(take(mary, POLL)).rejects.toMatchObject({ code: "rate_limited", retry: { after: spacing } });
    clock.advance(spacing);
    await take(mary, POLL);
  });

  it("never holds actions back", async () => {
    const { take, learn } = limits(day);
    learn(ada, left(2));
    await take(ada, POLL);
    await expect(take(ada, POLL)).rejects.toMatchObject({ code: "rate_limited" });
    await take(ada, READ);
    await take(ada, READ);
  });

  it("is over when the limit starts anew", async () => {
    const { take, learn, clock } = limits(day);
    learn(ada, left(1));
    await take(ada, POLL);
    await expect(take(ada, POLL)).rejects.toMatchObject({ retry: { after: 36_000_000 } });
    clock.advance(36_000_001);
    await take(ada, POLL);
    await take(ada, POLL);
  });
});

describe("the share of polls", () => {
  const takeAll = async (count: number, use: typeof POLL | typeof READ, take: ReturnType<typeof limits>["take"]) => {
    let taken = 0;
    for (; taken < count; taken++) {
      const isRefused = await take(ada, use).then(
        () => false,
        () => true,
      );
      if (isRefused) break;
    }
    return taken;
  };

  it.each([
    ["half of a limit unless the manifest says otherwise", {}, 5],
    ["what the manifest says", { pollShare: 0.3 }, 3],
    ["one request at least", { pollShare: 0.01 }, 1],
    ["everything where the manifest says so", { pollShare: 1 }, 10],
  ])("is %s", async (_name, more, most) => {
    const { take } = limits({ points: 10, ...more });
    expect(await takeAll(20, POLL, take)).toBe(most);
    await expect(take(mary, POLL)).rejects.toMatchObject({ code: "rate_limited", data: { sent: false } });
    expect(await takeAll(20, READ, take)).toBe(10 - most);
  });

  it("is not used by actions, and what it refuses takes no place of theirs", async () => {
    const { take } = limits({ points: 10 });
    expect(await takeAll(2, READ, take)).toBe(2);
    expect(await takeAll(20, POLL, take)).toBe(5);
    expect(await takeAll(20, READ, take)).toBe(3);
  });
});
