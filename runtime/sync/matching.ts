import type { Outcome } from "../engine/engine.ts";
import { retryDelay } from "../engine/retry.ts";
import type { Failure } from "../model/failure.ts";
import type { Access, Missing, Snapshot } from "./access.ts";
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

/** Records and lists that are left out, of which a dry run and the log tell. */
const MOST_LEFT_OUT = 20;
/** Code of a link that is not reconciled since its counterpart may be among what could not be read. */
const UNSURE = "conflict";

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
  const { pairs, alone, leftOut } = await listAndPair(sides, { left: new Set(), right: new Set() }, signal);
  const compared = pairs.map(([left, right]) => compare(sync, sides, left, right));
  const creates = (side: Side): boolean => writesTo(sync, side) && sides[side].can("create");
  return {
    link: pairs.length,
    create: bySide((side) => (creates(side) ? alone[otherSide(side)].length : 0)),
    update: bySide((side) => compared.filter(({ writes }) => writes.includes(side)).length),
    conflicts: sync.direction === "both" ? compared.filter(({ merged }) => merged.conflicts.length > 0).length : 0,
    alone: bySide((side) => (creates(otherSide(side)) ? 0 : alone[side].length)),
    ...(SIDES.some((side) => leftOut[side].length > 0) && {
      leftOut: bySide((side) => ({
        count: leftOut[side].length,
        records: leftOut[side].slice(0, MOST_LEFT_OUT).map(({ id, error }) => ({ id, error })),
      })),
    }),
  };
}

/**
 * The first comparison: lists both sides once their streams have a cursor from which changes are read, links what is the
 * same, and leaves what is to be written to a job per link. After an interruption it starts again and skips what is linked.
 */
export async function matchAll(work: Work, attempt: number): Promise<Outcome> {
  const { db, engine, sync, sides, clock, log, signal, transaction } = work;
  const waiting = (await subscriptionsOfSync(db, sync.id)).some(({ backfill }) => backfill === "pending");
  if (waiting) {
    return { runAgainAt: clock.now() + retryDelay(Math.min(attempt, LONGEST_PAUSE_AFTER)), attempt: "count" };
  }
  const linked = await awaitSides((side) => linkedIds(db, sync.id, side));
  const { pairs, alone, leftOut } = await listAndPair(sides, linked, signal);
  const now = clock.now();
  for (const side of SIDES) {
    const missing = leftOut[side].slice(0, MOST_LEFT_OUT);
    if (missing.length > 0)
      log.warn({ sync: sync.id, side, count: leftOut[side].length, missing }, "a side was not read whole");
  }
  /** What is left out of a side may be the counterpart: that is looked for at the vendor, or nothing is created until a person retries. */
  const unsure = bySide((side) => leftOut[otherSide(side)].length > 0);
  const isUnsure = ({ sides: { left, right } }: LinkRecord): boolean =>
    (right.id === null && unsure.left) || (left.id === null && unsure.right);
  const links: NewLink[] = [
    ...SIDES.flatMap((side) => linksOfMissing(sync, side, sides[side], leftOut[side], linked[side], now)),
    ...pairs.map(([left, right]) => ({ link: pairLink(sync, compare(sync, sides, left, right), now) })),
    ...SIDES.flatMap((side) =>
      alone[side].map(({ id, fields, keys }) => ({
        link: {
          ...withSide(newLink(sync.id, now), side, { id, fields }),
          ...(unsure[side] && !sides[otherSide(side)].canFind && { error: unsureError(otherSide(side), now) }),
        },
        keys: { side, keys },
      })),
    ),
  ];
  for (let start = 0; start < links.length; start += BATCH) {
    const batch = links.slice(start, start + BATCH);
    await transaction(async (tx) => {
      await insertLinks(tx, batch);
      const unfinished = batch.filter(({ link }) => link.state === "new" && link.error?.code !== UNSURE);
      await engine.enqueue(
        tx,
        unfinished.map(({ link }) => linkJob(sync.id, link.id, !isUnsure(link))),
      );
    });
  }
  return finish(work, (tx) => changeSync(tx, sync.id, { phase: "syncing" }, clock.now()));
}

async function listAndPair(
  sides: Record<Side, Access>,
  linked: Record<Side, ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<Pairing<Snapshot, Snapshot> & { leftOut: Record<Side, readonly Missing[]> }> {
  const leftOut = bySide((): Missing[] => []);
  const { left, right } = await awaitSides(async (side) => {
    const all = await sides[side].all(signal, (one) => void leftOut[side].push(one));
    return all.filter(({ id }) => !linked[side].has(id));
  });
  return { ...pairUp(left, right), leftOut };
}

/** Links of records that could not be read: each is asked for by its id, where the vendor has that. */
function linksOfMissing(
  sync: SyncRecord,
  side: Side,
  { canReadById }: Access,
  missing: readonly Missing[],
  linked: ReadonlySet<string>,
  now: number,
): NewLink[] {
  if (!canReadById) return [];
  return missing.flatMap(({ id, isRecord, error }) => {
    if (!isRecord || id === null || linked.has(id)) return [];
    return [{ link: { ...withSide(newLink(sync.id, now), side, { id }), error: { ...error, at: now } } }];
  });
}

const unsureError = (side: Side, now: number): Failure => {
  const message = `Not created on the ${side}: some records there could not be read, and one of them may be this one. Retry the failed links once the ${side} can be read`;
  return { code: UNSURE, message, at: now };
};

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
