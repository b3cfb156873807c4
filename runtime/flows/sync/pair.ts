import type { Tx } from "../../store/database.ts";
import { deleteLink, forgetKeys, linkOf, saveLink, type Fields, type LinkRecord } from "../../store/sync-links.ts";
import { otherSide, SIDES, type Side } from "../../store/syncs.ts";
import type { Thing } from "./access.ts";
import { changesBetween } from "./changes.ts";
import { recordConflict } from "./conflicts.ts";
import {
  count,
  DONE,
  idOf,
  waitForTurn,
  winnerOf,
  withSide,
  writesTo,
  written,
  writtenAt,
  type LinkContext,
  type Step,
} from "./context.ts";
import { linkJob } from "./jobs.ts";
import { merge } from "./merge.ts";

/**
 * Brings both halves of a link together: reads both anew, merges, writes what either lacks. Nothing is taken from the event
 * that called for it, so an old one does no harm; and when a crash comes between write and commit, the next reading finds
 * that both have it already.
 */
export async function bringPair(context: LinkContext, link: LinkRecord): Promise<Step> {
  const { sync, sides, clock } = context;
  const [left, right] = await Promise.all(SIDES.map((side) => current(context, link, side)));
  if (!left && !right) return { done: true, commit: (tx) => deleteLink(tx, link.id) };
  if (!left) return lost(context, link, "left", right!);
  if (!right) return lost(context, link, "right", left);

  const things = { left, right };
  const winner = winnerOf(sync, left, right);
  const merged = merge(link, { left: left.fields, right: right.fields }, winner);
  const writes = SIDES.filter((side) => writesTo(sync, side)).flatMap((side) => {
    const input = sides[side].changes(things[side], merged[side]);
    return input ? [{ side, input }] : [];
  });
  const wait = writes.length > 0 ? waitForTurn(context) : undefined;
  if (wait) return wait;
  const has = { left: left.fields, right: right.fields };
  // Who has stood still since it read must not write what another has overtaken.
  if (writes.length > 0) await context.transaction(async () => {}, "note");
  for (const { side, input } of writes) {
    const after = await sides[side].update(things[side], input);
    has[side] = afterWrite(things[side].fields, merged[side], after?.fields);
  }
  const conflicts = sync.direction === "both" ? merged.conflicts : [];
  const renamed = SIDES.filter((side) => things[side].id !== idOf(link, side));
  const others = (await Promise.all(renamed.map((side) => linksBefore(context, side, things[side])))).flat();
  return {
    done: true,
    commit: async (tx) => {
      const { agreed } = merged;
      const ids = { leftId: left.id, rightId: right.id };
      const marked = written(
        link,
        writes.map(({ side }) => side),
        clock.now(),
      );
      const saved = { ...marked, ...ids, agreed, ...has, state: "synced", error: null, dirty: false } as const;
      await saveLink(tx, { ...saved, updatedAt: clock.now() });
      await forgetKeys(tx, link.id);
      await lookAtAnew(
        tx,
        context,
        others.filter(({ id }) => id !== link.id),
      );
      if (conflicts.length > 0) await recordConflict(tx, context, saved, conflicts, winner);
      await count(
        tx,
        context,
        writes.map(({ side }) => side),
        conflicts.length > 0 ? 1 : 0,
      );
    },
  };
}

/** The links of ids that a thing had before: several when it was made of several. */
export async function linksBefore({ db, sync, sides }: LinkContext, side: Side, thing: Thing): Promise<LinkRecord[]> {
  const found = await Promise.all(sides[side].previousIds(thing).map((id) => linkOf(db, sync.id, side, id)));
  return found.filter((link) => link !== undefined);
}

/** Links whose half was merged into another: nothing else tells of it. */
export async function lookAtAnew(tx: Tx, { engine, sync }: LinkContext, links: readonly LinkRecord[]): Promise<void> {
  await engine.enqueue(
    tx,
    links.map(({ id }) => linkJob(sync.id, id)),
  );
}

/** A half as it is now. One that was merged into another, which is linked already, is gone. */
async function current({ db, sync, sides }: LinkContext, link: LinkRecord, side: Side): Promise<Thing | undefined> {
  const id = idOf(link, side)!;
  const thing = await sides[side].read(id, link[side], writtenAt(link, side));
  if (!thing || thing.id === id) return thing;
  return (await linkOf(db, sync.id, side, thing.id)) ? undefined : thing;
}

/**
 * What a side is known to have after a write: of what was written, what the vendor made of it; of the rest, what it had
 * before, so that what a person changed at this very moment is still noticed.
 */
function afterWrite(before: Fields, wanted: Fields, after: Fields | undefined): Fields {
  if (!after) return wanted;
  const known = { ...before };
  for (const field of changesBetween(before, wanted).keys()) {
    if (field in after) known[field] = after[field];
    else delete known[field];
  }
  return known;
}

/** One half is gone. */
async function lost(context: LinkContext, link: LinkRecord, missing: Side, there: Thing): Promise<Step> {
  const { db, sync, sides, clock } = context;
  const side = otherSide(missing);
  const half = {
    ...withSide(link, missing, null, null),
    agreed: null,
    error: null,
    dirty: false,
    updatedAt: clock.now(),
  };
  const changed = changesBetween(link[side], there.fields);
  if (!writesTo(sync, side)) {
    // The source goes on; what it changes next is created anew.
    const alone: LinkRecord = { ...half, state: "alone" };
    await context.transaction((tx) => saveLink(tx, alone));
    return changed.size > 0 ? { next: alone, thing: there } : DONE;
  }
  if (sync.deletes === "ignore") return { done: true, commit: (tx) => saveLink(tx, { ...half, state: "detached" }) };
  const conflict = sync.direction === "both" && changed.size > 0;
  const winner = sync.conflicts === "newest" ? side : sync.conflicts;
  const fields = [...changed.keys()].map((field) => ({
    field,
    left: side === "left" ? (there.fields[field] ?? null) : null,
    right: side === "right" ? (there.fields[field] ?? null) : null,
  }));
  if (conflict && winner === side) {
    // A change is worth more than a deletion: nothing is lost that somebody still works on.
    const again = withSide({ ...half, state: "new" }, side, there.id, there.fields);
    await context.transaction(async (tx) => {
      await saveLink(tx, again);
      await recordConflict(tx, context, link, fields, winner);
      await count(tx, context, [], 1);
    });
    return { next: again };
  }
  if (!sides[side].can("delete")) {
    const error = {
      code: "invalid_input",
      message: `The ${side} connector cannot delete; delete it by hand`,
      at: clock.now(),
    };
    return { done: true, commit: (tx) => saveLink(tx, { ...half, state: "detached", error }) };
  }
  const wait = waitForTurn(context);
  if (wait) return wait;
  await context.transaction(async () => {}, "note");
  await sides[side].remove(there.id);
  return {
    done: true,
    commit: async (tx) => {
      await deleteLink(tx, link.id);
      if (conflict) await recordConflict(tx, context, link, fields, winner);
      await count(tx, context, [side], conflict ? 1 : 0);
    },
  };
}
