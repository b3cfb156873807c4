import { describe, expect, it } from "vitest";
import { SteadyClock, systemTimers } from "../../runtime/core/clock.ts";

const DAY = 86_400_000;

function makeClock() {
  let monotonic = 0;
  let wall = 1_000_000_000_000;
  const sets: number[] = [];
  const clock = new SteadyClock(
    () => wall,
    () => monotonic,
  );
  clock.onSet((milliseconds) => sets.push(milliseconds));
  return {
    clock,
    sets,
    pass(milliseconds: number) {
      monotonic += milliseconds;
      wall += milliseconds;
    },
    set: (milliseconds: number) => void (wall += milliseconds),
    /** How far the clock is ahead of the time that really passed. */
    ahead: () => clock.now() - 1_000_000_000_000 - monotonic,
  };
}

describe("the steady clock", () => {
  it("goes with the wall clock", () => {
    const { clock, pass } = makeClock();
    pass(5_000.4);
    expect(clock.now()).toBe(1_000_000_005_000);
  });

  it.each([DAY, -DAY])("does not see the wall clock %d ms off for less than a minute", (jump) => {
    const { sets, pass, set, ahead } = makeClock();
    set(jump);
    for (let second = 0; second < 59; second++) {
      expect(ahead()).toBe(0);
      pass(1_000);
    }
    set(-jump);
    pass(120_000);
    expect(ahead()).toBe(0);
    expect(sets).toEqual([]);
  });

  it.each([DAY, -DAY])("takes over, and tells, what the wall clock keeps for a minute: %d ms", (jump) => {
    const { sets, pass, set, ahead } = makeClock();
    set(jump);
    expect(ahead()).toBe(0);
    pass(59_999);
    expect([ahead(), sets]).toEqual([0, []]);
    pass(1);
    expect([ahead(), sets]).toEqual([jump, [jump]]);
    pass(60_000);
    expect([ahead(), sets]).toEqual([jump, [jump]]);
  });

  it("begins to count anew when the wall clock is set once more", () => {
    const { sets, pass, set, ahead } = makeClock();
    set(DAY);
    ahead();
    pass(40_000);
    set(DAY);
    ahead();
    pass(40_000);
    expect([ahead(), sets]).toEqual([0, []]);
    pass(20_000);
    expect([ahead(), sets]).toEqual([2 * DAY, [2 * DAY]]);
  });

  it("follows what is no more than a second at once, without a word", () => {
    const { sets, pass, set, ahead } = makeClock();
    set(1_000);
    expect(ahead()).toBe(1_000);
    set(-2_000);
    expect(ahead()).toBe(1_000);
    set(1_000);
    pass(1_000);
    expect(ahead()).toBe(0);
    set(1_001);
    expect(ahead()).toBe(0);
    pass(60_000);
    expect([ahead(), sets]).toEqual([1_001, [1_001]]);
  });
});

describe("the steady clock that is set back", () => {
  it.each([1, 1_000])("by %d ms stands still until the wall clock has caught up", (back) => {
    const { clock, pass, set } = makeClock();
    const before = clock.now();
    set(-back);
    expect(clock.now()).toBe(before);
    pass(back - 1);
    expect(clock.now()).toBe(before);
    pass(2);
    expect(clock.now()).toBe(before + 1);
  });

  it("tells whole milliseconds only, however fine its monotonic clock", () => {
    const { sets, pass, set, ahead } = makeClock();
    pass(0.3);
    set(-DAY + 0.25);
    ahead();
    pass(60_000.7);
    ahead();
    expect(sets).toEqual([-DAY]);
  });

  it("tells those no more who do not want to hear it", () => {
    const { clock, sets, pass, set, ahead } = makeClock();
    const more: number[] = [];
    const cancel = clock.onSet((milliseconds) => more.push(milliseconds));
    cancel();
    set(DAY);
    ahead();
    pass(60_000);
    ahead();
    expect([sets, more]).toEqual([[DAY], []]);
  });
});

describe("a timer", () => {
  it("that waits longer than Node can does not end at once", async () => {
    let ended = false;
    const cancel = systemTimers.after(2 ** 31, () => (ended = true));
    await new Promise<void>((resolve) => systemTimers.after(50, resolve, "keepAlive"));
    cancel();
    expect(ended).toBe(false);
  });
});
