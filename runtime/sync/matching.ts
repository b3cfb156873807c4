import type { Outcome } from "../engine/engine.ts";
import { retryDelay } from "../engine/retry.ts";
import type { Access, Snapshot } from "./access.ts";
import { finish, type Work } from "./context.ts";
import { linkJob } from "./jobs.ts";
import { pairUp, type Pairing } from "./keys.ts";
import { merge, type Merged } from "./merge.ts";
import { insertLinks, linkedIds, newLink, withSide, type LinkRecord, type NewLink } from "./model/links.ts";
import { changeSync, subscriptionsOfSync, type DryRun, type SyncRecord } from "./model/syncs.ts";
import { awaitSides, bySide, otherSide, SIDES, winnerOf, writesTo, type Side } from "./sides.ts";

/** Links per transaction: a bound on how long others wait for it. */
const BATCH = 200;
/** Attempts from which the pause before the next no longer grows: the streams' first reads are waited for. */
const LONGEST_PAUSE_AFTER = 5;

/** Two records recognised as one, and what is to be done about them. */
interface Compared {
  left: Snapshot;
  right: Snapshot;
  merged: Merged;
  /** Sides that lack something. */
  writes: Side[];
}

/** Lists both sides and counts what the first comparison would do. */
export async function dryRun(sync: SyncRecord, sides: Record<Side, Access>, signal: AbortSignal): Promise<DryRun> {
  const { pairs, alone } = await listAndPair(sides, { left: new Set(), right: new Set() }, signal);
  const compared = pairs.map(([left, right]) => compare(sync, sides, left, right));
  const creates = (side: Side): boolean => writesTo(sync, side) && sides[side].can("create");
  return {
    link: pairs.length,
    create: bySide((side) => (creates(side) ? alone[otherSide(side)].length : 0)),
    update: bySide((side) => compared.filter(({ writes }) => writes.includes(side)).length),
    conflicts: sync.direction === "both" ? compared.filter(({ merged }) => merged.conflicts.length > 0).length : 0,
    alone: bySide((side) => (creates(otherSide(side)) ? 0 : alone[side].length)),
  };
}

/**
 * The first comparison: lists both sides once their streams have a cursor from which changes are read, links what is the
 * same, and leaves what is to be written to a job per link. After an interruption it starts again and skips what is linked.
 */
export async function matchAll(work: Work, attempt: number): Promise<Outcome> {
  const { db, engine, sync, sides, clock, signal, transaction } = work;
  const waiting = (await subscriptionsOfSync(db, sync.id)).some(({ backfill }) => backfill === "pending");
  if (waiting) {
    return { runAgainAt: clock.now() + retryDelay(Math.min(attempt, LONGEST_PAUSE_AFTER)), attempt: "count" };
  }
  const linked = await awaitSides((side) => linkedIds(db, sync.id, side));
  const { pairs, alone } = await listAndPair(sides, linked, signal);
  const now = clock.now();
  const links: NewLink[] = [
    ...pairs.map(([left, right]) => ({ link: pairLink(sync, compare(sync, sides, left, right), now) })),
    ...SIDES.flatMap((side) =>
      alone[side].map(({ id, fields, keys }) => ({
        link: withSide(newLink(sync.id, now), side, { id, fields }),
        keys: { side, keys },
      })),
    ),
  ];
  for (let start = 0; start < links.length; start += BATCH) {
    const batch = links.slice(start, start + BATCH);
    await transaction(async (tx) => {
      await insertLinks(tx, batch);
      const unfinished = batch.filter(({ link }) => link.state === "new");
      await engine.enqueue(
        tx,
        unfinished.map(({ link }) => linkJob(sync.id, link.id, true)),
      );
    });
  }
  return finish(work, (tx) => changeSync(tx, sync.id, { phase: "syncing" }, clock.now()));
}

async function listAndPair(
  sides: Record<Side, Access>,
  linked: Record<Side, ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<Pairing<Snapshot, Snapshot>> {
  const { left, right } = await awaitSides(async (side) =>
    (await sides[side].all(signal)).filter(({ id }) => !linked[side].has(id)),
  );
  return pairUp(left, right);
}

function compare(sync: SyncRecord, sides: Record<Side, Access>, left: Snapshot, right: Snapshot): Compared {
  const base = { agreed: null, left: null, right: null };
  const snapshots = { left, right };
  const merged = merge(base, { left: left.fields, right: right.fields }, winnerOf(sync, snapshots));
  const lacks = (side: Side): boolean => sides[side].changes(snapshots[side], merged[side]) !== undefined;
  return { left, right, merged, writes: SIDES.filter((side) => writesTo(sync, side) && lacks(side)) };
}

function pairLink(sync: SyncRecord, { merged, writes, ...snapshots }: Compared, now: number): LinkRecord {
  const isAlike = writes.length === 0 && (merged.conflicts.length === 0 || sync.direction !== "both");
  let link = newLink(sync.id, now);
  for (const side of SIDES) {
    const { id, fields } = snapshots[side];
    link = withSide(link, side, { id, fields: isAlike ? fields : null });
  }
  return isAlike ? { ...link, state: "synced", agreed: merged.agreed } : link;
}
