import type { Clock } from "../core/clock.ts";

/** How a clock was set forward: what was written until then is older by as much as nothing happened in. */
interface Jump {
  /** The last time before it. */
  from: number;
  by: number;
}

const jumps = new WeakMap<Clock, Jump[]>();

/** Remembers when a clock is set forward, as long as this process lives. */
export function followClock(clock: Clock): void {
  if (jumps.has(clock)) return;
  const known: Jump[] = [];
  jumps.set(clock, known);
  clock.onSet?.((by) => {
    if (by > 0) known.push({ from: clock.now() - by, by });
  });
}

/** A stored time as the clock of today would have written it. What was set back needs no correction: it passes once more. */
export function corrected(clock: Clock, at: number): number {
  return (jumps.get(clock) ?? []).reduce((time, { from, by }) => (time <= from ? time + by : time), at);
}
