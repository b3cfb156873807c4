import { Skip } from "./outcome.ts";
import type { StreamBench } from "./stream-bench.ts";

/** Puts a stream into a situation. @throws Finding, or Skip */
export type Run = (s: StreamBench) => Promise<void>;

export const VERSION = "check records.primaryKey, versionKey and fingerprint";
export const PAGES = "check pagination";
export const ONCE = "a second poll tells nothing again; check records.versionKey and fingerprint";

/** Leaves out a stream of one record. */
export function many(s: StreamBench): void {
  if (s.single) throw new Skip("the stream is one record");
}

/** Leaves out a stream without pages; gives how its pages are named. */
export function severalPages(s: StreamBench): string {
  many(s);
  if (s.listing.onePage !== undefined) throw new Skip(s.listing.onePage);
  return s.stream.pagination.definition.type;
}

/** Seconds that a time cursor looks back and waits. */
export function timed(s: StreamBench): number {
  const { cursor } = s.stream.definition;
  if (cursor.type !== "updatedSince" && cursor.type !== "keyset") throw new Skip("the cursor is not a time");
  return (cursor.overlapSeconds ?? 0) + (cursor.settleSeconds ?? 0);
}
