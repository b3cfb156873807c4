import { describe, expect, it } from "vitest";
import { HooklineError } from "../../runtime/core/errors.ts";
import { retryPlan, type Failure } from "../../runtime/flows/retry.ts";

const HOUR = 3_600_000;
const passing = new HooklineError("network", "the vendor could not be reached", { retry: {} });
const limit = (after?: number) => new HooklineError("rate_limited", "slow down", { retry: { after } });

const plan = (failure: Partial<Failure>, random = 0.5) =>
  retryPlan({ error: passing, repeatable: true, onError: "stop", attempts: 1, elapsedMs: 0, ...failure }, () => random);

describe("a call that failed for a reason that passes", () => {
  it("is tried again six times, after pauses that double from five seconds", () => {
    const pauses = [1, 2, 3, 4, 5, 6].map((attempts) => plan({ attempts })?.afterMs);
    expect(pauses).toEqual([5_000, 10_000, 20_000, 40_000, 80_000, 160_000]);
    expect(plan({ attempts: 7 })).toBeUndefined();
  });

  it("varies its pauses by a fifth up and down, and waits at least as long as the vendor asks for", () => {
    expect(plan({}, 0)).toEqual({ afterMs: 4_000, counts: true });
    expect(plan({}, 1)).toEqual({ afterMs: 6_000, counts: true });
    const told = new HooklineError("network", "later", { retry: { after: 30_000 } });
    expect(plan({ error: told })).toEqual({ afterMs: 30_000, counts: true });
  });

  it("is not tried again where doing it twice may do harm, unless it is certain that nothing was done", () => {
    expect(plan({ repeatable: false })).toBeUndefined();
    const unsent = new HooklineError("network", "no connection", { retry: {}, data: { sent: false } });
    expect(plan({ repeatable: false, error: unsent })).toMatchObject({ counts: true });
  });
});

describe("a call that met a limit", () => {
  it("waits as long as the vendor says, or a minute, and up to a fifth longer, never shorter, without counting", () => {
    expect(plan({ error: limit(120_000) }, 0)).toEqual({ afterMs: 120_000, counts: false });
    expect(plan({ error: limit(120_000) }, 1)).toEqual({ afterMs: 144_000, counts: false });
    expect(plan({ error: limit(), attempts: 100, repeatable: false }, 0)).toEqual({ afterMs: 60_000, counts: false });
  });

  it("is given up when its wait would end more than a day after the first try", () => {
    const day = 24 * HOUR;
    expect(plan({ error: limit(HOUR), elapsedMs: day - HOUR }, 0)).toEqual({ afterMs: HOUR, counts: false });
    expect(plan({ error: limit(HOUR), elapsedMs: day - HOUR + 1 }, 0)).toBeUndefined();
  });
});

describe("a step with retries of its own", () => {
  const onError = { max: 2, afterMs: 60_000 };

  it("is tried again as often as it says, whatever the failure", () => {
    const refused = new HooklineError("vendor_error", "no");
    expect(plan({ onError, error: refused, attempts: 2, repeatable: false })).toEqual({
      afterMs: 60_000,
      counts: true,
    });
    expect(plan({ onError, error: refused, attempts: 3, repeatable: false })).toBeUndefined();
  });
});
