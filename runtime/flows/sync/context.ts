import type { Clock } from "../../core/clock.ts";
import type { Engine, Job, Outcome } from "../../engine/engine.ts";
import type { Sql, Tx } from "../../store/database.ts";
import type { Emit } from "../../store/events.ts";
import type { Fields, LinkRecord } from "../../store/sync-links.ts";
import { tally, type Side, type SyncRecord, type SyncTally } from "../../store/syncs.ts";
import type { Access, Thing } from "./access.ts";

/** What the work on one link needs. */
export interface LinkContext {
  /** To read; what is written goes through the job's transactions. */
  db: Sql;
  transaction: Job["transaction"];
  clock: Clock;
  emit: Emit;
  engine: Pick<Engine, "enqueue">;
  sync: SyncRecord;
  sides: Record<Side, Access>;
  signal: AbortSignal;
  /** Both sides were just listed: what was not paired has no other half. */
  listed: boolean;
}

/** What comes of one step: an end, or the link as it is now, to go on with. */
export type Step = Outcome | { next: LinkRecord; thing?: Thing };

export const DONE: Outcome = { done: true };

/** Whether changes may be written to a side. */
export function writesTo({ direction }: Pick<SyncRecord, "direction">, side: Side): boolean {
  return direction === "both" || direction === (side === "right" ? "left-to-right" : "right-to-left");
}

/** Who wins where both changed the same: the source of a one-way sync, else as the sync says. */
export function winnerOf({ direction, conflicts }: SyncRecord, left: Thing, right: Thing): Side {
  if (direction !== "both") return direction === "left-to-right" ? "left" : "right";
  if (conflicts !== "newest") return conflicts;
  return (right.changedAt ?? 0) > (left.changedAt ?? 0) ? "right" : "left";
}

/** The outcome that waits for the next minute when this one's writes are used up; undefined while some are left. */
export function waitForTurn({ sync, clock }: LinkContext): Outcome | undefined {
  const { writesPerMinute, windowStart, windowWrites } = sync;
  const ends = windowStart + 60_000;
  if (writesPerMinute === null || ends <= clock.now() || windowWrites < writesPerMinute) return undefined;
  return { runAgainAt: ends, attempt: "keep" };
}

export const idOf = (link: LinkRecord, side: Side): string | null => (side === "left" ? link.leftId : link.rightId);

export const writtenAt = (link: LinkRecord, side: Side): number | null =>
  side === "left" ? link.leftWrittenAt : link.rightWrittenAt;

/** A link whose sides were just written to. */
export function written(link: LinkRecord, sides: readonly Side[], now: number): LinkRecord {
  return {
    ...link,
    ...(sides.includes("left") && { leftWrittenAt: now }),
    ...(sides.includes("right") && { rightWrittenAt: now }),
  };
}

/** A link with another id, and other fields, on one side. */
export function withSide(link: LinkRecord, side: Side, id: string | null, fields: Fields | null): LinkRecord {
  return side === "left" ? { ...link, leftId: id, left: fields } : { ...link, rightId: id, right: fields };
}

/** Adds what was written to each side, and the conflicts, to the sync's counts. */
export async function count(
  tx: Tx,
  { sync, clock }: LinkContext,
  writes: readonly Side[],
  conflicts = 0,
): Promise<void> {
  const counted: SyncTally = {
    pulled: writes.filter((side) => side === "left").length,
    pushed: writes.filter((side) => side === "right").length,
    conflicts,
  };
  await tally(tx, sync.id, counted, clock.now());
}
