import type { Timers } from "../core/clock.ts";

/** Waits for a piece of work, but no longer than `ms`. */
export async function within(timers: Timers, ms: number, work: Promise<unknown>): Promise<void> {
  const { promise: tooLong, resolve } = Promise.withResolvers<void>();
  const cancel = timers.after(ms, resolve, "keepAlive");
  await Promise.race([work, tooLong]);
  cancel();
}
