import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { withRetry } from "../../runtime/vendor/retry.ts";

const failure = new HooklineError("network", "acme.example: cannot connect");

/** A request that fails; its retries are given up shortly after a pause has begun. */
async function failing(withinMs: number): Promise<unknown> {
  const stop = new AbortController();
  const attempt = async (): Promise<never> => {
    setTimeout(() => stop.abort(new Error("in the pause")), 20);
    throw failure;
  };
  const options = { max: 3, on: ["network" as const], idempotency: "natural" as const, baseMs: 1_000_000 };
  return withRetry(attempt, { ...options, withinMs, random: () => 1 - Number.EPSILON, signal: stop.signal }).catch(
    (error: unknown) => error,
  );
}

describe("a pause before a retry", () => {
  it("lasts twenty seconds at most, so that there is time for it in more", async () => {
    expect(await failing(25_000)).toMatchObject({ message: "in the pause" });
  });

  it("is not begun when the time left is less", async () => {
    expect(await failing(19_999)).toBe(failure);
  });
});
