import { describe, expect, it } from "vitest";
import { parseRetryAfter } from "../../runtime/core/retry-after.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

describe("a Retry-After header", () => {
  it.each<[unknown, number | undefined]>([
    ["86399", 86_399_000],
    ["86400", 86_400_000],
    ["86401", 86_400_000],
    ["Thu, 01 Jan 2026 23:59:59 GMT", 86_399_000],
    ["Fri, 02 Jan 2026 00:00:01 GMT", 86_400_000],
    [0, 0],
    ["-1", undefined],
    ["soon", undefined],
    ["Wed, 31 Dec 2025 23:59:59 GMT", undefined],
    [undefined, undefined],
  ])("%s is a wait of %s ms, a day at most", (value, wait) => {
    expect(parseRetryAfter(value, NOW)).toBe(wait);
  });
});
