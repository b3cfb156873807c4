import { cursorStrategy } from "../../read/cursors.ts";
import { VendorError } from "../../vendor/errors.ts";
import { decide } from "../decide.ts";
import type { ReadOnlyReading } from "../reading.ts";
import type { Differences } from "./differences.ts";
import { isPlaceLost, listed } from "./listing.ts";
import { patiently, type Patience } from "./patience.ts";

/** Whether the next poll will tell of the difference of a key. */
export type IsTold = (key: string) => boolean;

/**
 * Looks at what the next poll will tell of, with the cursor as it is stored, which stays where it is. A poll that reads everything,
 * because its stream has no increments, its cursor has expired, a doubt is to be settled or everything is to be verified by the time
 * that poll is due, tells of every difference.
 * Memory: one page, and the keys of the differences.
 * @throws VendorError | HooklineError what that poll would fail with
 */
export async function nextPoll(
  reading: ReadOnlyReading,
  differences: Differences,
  patience: Patience,
): Promise<IsTold> {
  if (differences.size === 0) return () => false;
  for (let isSecond = false; ; isSecond = true) {
    try {
      return await readNext(reading, differences, patience);
    } catch (error) {
      if (error instanceof VendorError && error.class === "cursorExpired") return () => true;
      if (isSecond || !isPlaceLost(error)) throw error;
    }
  }
}

async function readNext(reading: ReadOnlyReading, differences: Differences, patience: Patience): Promise<IsTold> {
  const { stream, compiled, source, now } = reading;
  const strategy = cursorStrategy(compiled.cursor, source.scope, compiled.each);
  const due = (): number => Math.max(now(), stream.nextPollAt ?? 0);
  const { checkpoint, plan } = await patiently(patience, () => decide({ ...reading, now: due }, stream, strategy));
  if (plan === null || plan.absence !== "nothing" || checkpoint.complete) return () => true;
  const told = new Set<string>();
  for await (const { changes } of listed(reading, { checkpoint, plan }, patience)) {
    for (const { key } of changes) if (differences.has(key)) told.add(key);
  }
  return (key) => told.has(key);
}
