import { describe, expect, it } from "vitest";
import { Pace } from "../../runtime/deliver/pace.ts";
import { RETRY_DELAYS, retryDelay } from "../../runtime/deliver/schedule.ts";

describe("the retry schedule", () => {
  it("is 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 10 h, and then over", () => {
    expect(RETRY_DELAYS.map((delay) => delay / 1000)).toEqual([5, 300, 1800, 7200, 18_000, 36_000, 36_000]);
    expect(retryDelay(7, () => 0.5)).toBe(36_000_000);
    expect(retryDelay(8, () => 0.5)).toBeUndefined();
  });

  it("is spread by 20 % either way", () => {
    expect(retryDelay(1, () => 0)).toBe(4000);
    expect(retryDelay(1, () => 0.999_999)).toBe(6000);
  });
});

describe("the pace of an endpoint", () => {
  it("gives those that wait times one interval apart", () => {
    const pace = new Pace();
    expect([0, 0, 0, 0].map((now) => pace.next("a", 2, now))).toEqual([0, 500, 1000, 1500]);
    expect([500, 1000, 1500, 2000].map((now) => pace.next("a", 2, now))).toEqual([500, 1000, 1500, 2000]);
  });

  it("lets a tenth of a second's worth go at once where the rate is high", () => {
    const pace = new Pace();
    const times = Array.from({ length: 12 }, () => pace.next("a", 100, 0));
    expect(times).toEqual([...Array.from({ length: 10 }, () => 0), 10, 20]);
  });

  it("asks those far behind to come again in a minute, and keeps no time for them", () => {
    const pace = new Pace();
    const times = Array.from({ length: 100 }, () => pace.next("a", 1, 0));
    expect(Math.max(...times)).toBe(60_000);
    expect(pace.next("a", 1, 60_000)).toBe(60_000);
    expect(pace.next("a", 1, 60_000)).toBe(61_000);
  });

  it.each([
    ["the clock is set back", 0.5, -3_600_000],
    ["its rate is raised", 0.001, 0],
  ])("goes on when %s, whatever was counted before", (_, before, by) => {
    const pace = new Pace();
    pace.next("a", before, 0);
    expect([0, 0].map(() => pace.next("a", 0.5, by))).toEqual([by, by + 2000]);
  });

  it("is each endpoint's own", () => {
    const pace = new Pace();
    expect([pace.next("a", 1, 0), pace.next("b", 1, 0)]).toEqual([0, 0]);
  });
});
