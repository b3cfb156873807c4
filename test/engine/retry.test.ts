import { describe, expect, it } from "vitest";
import { retryDelay } from "../../runtime/engine/retry.ts";

describe("the delay after a failure", () => {
  it("doubles from a second to five minutes", () => {
    const delays = [0, 1, 2, 8, 9, 2_000].map((attempt) => retryDelay(attempt, () => 0.5));
    expect(delays).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
  });

  it("is spread by a fifth to either side", () => {
    expect(retryDelay(0, () => 0)).toBe(800);
    expect(retryDelay(0, () => 0.999_999)).toBe(1_200);
  });
});
