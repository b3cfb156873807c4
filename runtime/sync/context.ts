import { syncConflict } from "../model/operational.ts";
import { newId } from "../core/ids.ts";
import type { Job, Outcome } from "../engine/engine.ts";
import type { Tx } from "../store/database.ts";
import type { Access, Snapshot } from "./access.ts";
import type { SyncCore } from "./core.ts";
import { conflicts, type ConflictField } from "./model/conflicts.ts";
import type { LinkRecord } from "./model/links.ts";
import { addCounts, nextWriteAt, type SyncRecord } from "./model/syncs.ts";
import type { Side } from "./sides.ts";

/** One job of a sync, and what it was given. */
export interface Work extends Pick<SyncCore, "db" | "engine" | "clock" | "log" | "emit"> {
  readonly sync: SyncRecord;
  readonly sides: Record<Side, Access>;
  readonly signal: AbortSignal;
  /** Both sides were just listed: what was not paired has no counterpart. */
  readonly listed: boolean;
  /** Commits at once, so that the next link sees it; every write of a job goes through it. */
  readonly transaction: Job["transaction"];
}

/** What a step leads to: an outcome, or the link as it is now, to be reconciled further. */
export type Step = Outcome | { next: LinkRecord; snapshot?: Snapshot };

export const DONE: Outcome = { done: true };

/** The job's last write. */
export async function finish({ transaction }: Work, write: (tx: Tx) => Promise<void>): Promise<Outcome> {
  await transaction(write);
  return DONE;
}

/** The outcome that waits for the next minute when the writes of this one are used up; undefined while some are left. */
export function waitForTurn({ sync, clock }: Work): Outcome | undefined {
  const runAgainAt = nextWriteAt(sync, clock.now());
  return runAgainAt === undefined ? undefined : { runAgainAt, attempt: "keep" };
}

/** A conflict between both sides, and which side's values are kept. */
export interface Conflict {
  fields: ConflictField[];
  winner: Side;
}

/** Counts what was written to each side. A conflict is counted and kept, and reported as `sync.conflict`. */
export async function recordReconciled(
  tx: Tx,
  { sync, clock, emit }: Work,
  link: LinkRecord,
  writes: readonly Side[],
  conflict?: Conflict,
): Promise<void> {
  const at = clock.now();
  await addCounts(tx, sync.id, { writes, conflicts: conflict ? 1 : 0 }, at);
  if (!conflict) return;
  const { fields, winner } = conflict;
  const ids = { link: link.id, leftId: link.sides.left.id, rightId: link.sides.right.id };
  await conflicts.insert(tx, { id: newId("cfl", at), sync: sync.id, ...ids, fields, winner, createdAt: at });
  const details = { ...ids, winner, fields: fields.map(({ field }) => field) };
  await emit(tx, [syncConflict(sync, details, at)]);
}
