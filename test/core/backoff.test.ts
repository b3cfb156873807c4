import { describe, expect, it } from "vitest";
import { backoff } from "../../runtime/core/backoff.ts";

const rule = { firstMs: 1000, longestMs: 60_000, spread: 0.2 };

describe("a backoff", () => {
  it("doubles with each failure up to the longest pause", () => {
    const random = () => 0.5;
    const pauses = [1, 2, 3, 6, 7, 40].map((failures) => backoff(failures, { ...rule, random }));
    expect(pauses).toEqual([1000, 2000, 4000, 32_000, 60_000, 60_000]);
  });

  it("varies by its spread, up and down", () => {
    expect(backoff(1, { ...rule, random: () => 0 })).toBe(800);
    expect(backoff(1, { ...rule, random: () => 1 })).toBe(1200);
  });
});
