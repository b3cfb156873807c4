import { newId } from "../../core/ids.ts";
import type { Outcome } from "../../engine/engine.ts";
import { retryDelay } from "../../engine/retry.ts";
import { linkedIds, noteKeys, saveLink, type LinkRecord } from "../../store/sync-links.ts";
import { changeSync, SIDES, subscriptionsOfSync, type Side, type SyncRecord } from "../../store/syncs.ts";
import type { Access, Thing } from "./access.ts";
import { winnerOf, writesTo, type LinkContext } from "./context.ts";
import { linkJob } from "./jobs.ts";
import { pairUp, type Pairing } from "./keys.ts";
import { merge, type Merged } from "./merge.ts";

/** Links per transaction: a bound on how long others wait for it. */
const BATCH = 200;

/** Two halves found to be one thing, and what is to be done about them. */
interface Compared {
  left: Thing;
  right: Thing;
  merged: Merged;
  /** Sides that lack something. */
  writes: Side[];
}

/** What the first comparison would do; nothing of it is done. */
export interface DryRun {
  /** Pairs that are alike already, or will be. */
  link: number;
  create: Record<Side, number>;
  /** Things that get something from the other side. */
  update: Record<Side, number>;
  /** Pairs in which both sides say something else in the same place. */
  conflicts: number;
  /** Things that stay alone, because the direction does not lead over. */
  alone: Record<Side, number>;
}

/** Lists both sides and says what a sync would do first. */
export async function dryRun(sync: SyncRecord, sides: Record<Side, Access>, signal: AbortSignal): Promise<DryRun> {
  const { pairs, leftOnly, rightOnly } = await listAndPair(sides, { left: new Set(), right: new Set() }, signal);
  const compared = pairs.map(([left, right]) => compare(sync, sides, left, right));
  const updates = (side: Side): number => compared.filter(({ writes }) => writes.includes(side)).length;
  const creates = (side: Side): boolean => writesTo(sync, side) && sides[side].can("create");
  return {
    link: pairs.length,
    create: { left: creates("left") ? rightOnly.length : 0, right: creates("right") ? leftOnly.length : 0 },
    update: { left: updates("left"), right: updates("right") },
    conflicts: sync.direction === "both" ? compared.filter(({ merged }) => merged.conflicts.length > 0).length : 0,
    alone: { left: creates("right") ? 0 : leftOnly.length, right: creates("left") ? 0 : rightOnly.length },
  };
}

/**
 * The first comparison: lists both sides once their streams have a place from which changes are told, links what is the same,
 * and leaves what is to be written to a job per link. Interrupted, it begins anew and passes over what is linked already.
 */
export async function matchAll(context: LinkContext, attempt: number): Promise<Outcome> {
  const { db, engine, sync, sides, clock, signal } = context;
  const waiting = (await subscriptionsOfSync(db, sync.id)).some(({ backfill }) => backfill === "pending");
  if (waiting) return { runAgainAt: clock.now() + retryDelay(Math.min(attempt, 5)), attempt: "count" };
  const linked = { left: await linkedIds(db, sync.id, "left"), right: await linkedIds(db, sync.id, "right") };
  const { pairs, leftOnly, rightOnly } = await listAndPair(sides, linked, signal);
  const compared = pairs.map(([left, right]) => compare(sync, sides, left, right));
  const links = [
    ...compared.map((one) => ({ link: pairLink(context, one), keys: [] as readonly string[], side: "left" as Side })),
    ...SIDES.flatMap((side) =>
      (side === "left" ? leftOnly : rightOnly).map((one) => ({
        link: halfLink(context, side, one),
        keys: one.keys,
        side,
      })),
    ),
  ];
  for (let start = 0; start < links.length; start += BATCH) {
    const batch = links.slice(start, start + BATCH);
    await context.transaction(async (tx) => {
      for (const { link, keys, side } of batch) {
        await saveLink(tx, link);
        if (keys.length > 0) await noteKeys(tx, link, side, keys);
      }
      const unfinished = batch.filter(({ link }) => link.state === "new");
      await engine.enqueue(
        tx,
        unfinished.map(({ link }) => linkJob(sync.id, link.id, true)),
      );
    });
  }
  return { done: true, commit: (tx) => changeSync(tx, sync.id, { phase: "syncing" }, clock.now()) };
}

async function listAndPair(
  sides: Record<Side, Access>,
  linked: Record<Side, ReadonlySet<string>>,
  signal: AbortSignal,
): Promise<Pairing<Thing, Thing>> {
  const [left, right] = await Promise.all(
    SIDES.map(async (side) => [...(await sides[side].all(signal)).values()].filter(({ id }) => !linked[side].has(id))),
  );
  return pairUp(left!, right!);
}

function compare(sync: SyncRecord, sides: Record<Side, Access>, left: Thing, right: Thing): Compared {
  const base = { agreed: null, left: null, right: null };
  const merged = merge(base, { left: left.fields, right: right.fields }, winnerOf(sync, left, right));
  const things = { left, right };
  const writes = SIDES.filter(
    (side) => writesTo(sync, side) && sides[side].changes(things[side], merged[side]) !== undefined,
  );
  return { left, right, merged, writes };
}

function pairLink(context: LinkContext, { left, right, merged, writes }: Compared): LinkRecord {
  const link = { ...newLink(context), leftId: left.id, rightId: right.id };
  const alike = writes.length === 0 && (merged.conflicts.length === 0 || context.sync.direction !== "both");
  if (!alike) return link;
  return { ...link, state: "synced", agreed: merged.agreed, left: left.fields, right: right.fields };
}

function halfLink(context: LinkContext, side: Side, { id, fields }: Thing): LinkRecord {
  const link = newLink(context);
  return side === "left" ? { ...link, leftId: id, left: fields } : { ...link, rightId: id, right: fields };
}

/** A link of which nothing is known yet. */
export function newLink({ sync, clock }: Pick<LinkContext, "sync" | "clock">): LinkRecord {
  const now = clock.now();
  const nothing = {
    leftId: null,
    rightId: null,
    agreed: null,
    left: null,
    right: null,
    leftWrittenAt: null,
    rightWrittenAt: null,
    error: null,
  };
  return {
    id: newId("lnk", now),
    sync: sync.id,
    state: "new",
    ...nothing,
    dirty: false,
    createdAt: now,
    updatedAt: now,
  };
}
