import { awaitSides, otherSide, SIDES, winnerOf, writesTo, type Fields, type Side } from "./sides.ts";
import type { Snapshot } from "./access.ts";
import { changesBetween } from "./changes.ts";
import { current } from "./current.ts";
import { DONE, finish, recordReconciled, waitForTurn, type Step, type Work } from "./context.ts";
import { linkJob } from "./jobs.ts";
import { merge } from "./merge.ts";
import { deleteLink, linksOf, saveLink, withSide, type LinkRecord } from "./model/links.ts";

/**
 * Makes both records of a link alike: reads both, merges, writes what either lacks. Nothing is taken from the event that
 * led here, so an old event does no harm; and when a crash comes between write and commit, the next read finds that both
 * sides are alike already.
 */
export async function reconcilePair(work: Work, link: LinkRecord): Promise<Step> {
  const { sync, sides, clock, engine } = work;
  const { left, right } = await awaitSides((side) => current(work, link, side));
  if (!left && !right) return finish(work, (tx) => deleteLink(tx, link.id));
  if (!left) return reconcileDeletion(work, link, "left", right!);
  if (!right) return reconcileDeletion(work, link, "right", left);

  const now = { left, right };
  const winner = winnerOf(sync, now);
  const base = { agreed: link.agreed, left: link.sides.left.fields, right: link.sides.right.fields };
  const merged = merge(base, { left: left.fields, right: right.fields }, winner);
  const inputs = new Map(
    SIDES.filter((side) => writesTo(sync, side)).flatMap((side) => {
      const input = sides[side].changes(now[side], merged[side]);
      return input ? [[side, input] as const] : [];
    }),
  );
  const wait = inputs.size > 0 ? waitForTurn(work) : undefined;
  if (wait) return wait;
  let next: LinkRecord = { ...link, agreed: merged.agreed, state: "synced", error: null, dirty: false };
  for (const side of SIDES) next = withSide(next, side, { id: now[side].id, fields: now[side].fields });
  for (const [side, input] of inputs) {
    const after = await sides[side].update(now[side], input);
    const fields = fieldsAfterWrite(now[side].fields, merged[side], after?.fields);
    next = withSide(next, side, { fields, writtenAt: clock.now() });
  }
  const renamed = SIDES.filter((side) => now[side].id !== link.sides[side].id);
  const merges = (await Promise.all(renamed.map((side) => linksBefore(work, side, now[side])))).flat();
  const survivors = await Promise.all(renamed.map((side) => linksOf(work.db, sync.id, side, [now[side].id])));
  const { conflicts } = merged;
  const conflict = sync.direction === "both" && conflicts.length > 0 ? { fields: conflicts, winner } : undefined;
  return finish(work, async (tx) => {
    // What had no counterpart has this one now.
    for (const alone of survivors.flat()) if (alone.id !== link.id) await deleteLink(tx, alone.id);
    await saveLink(tx, { ...next, updatedAt: clock.now() });
    const others = merges.filter(({ id }) => id !== link.id);
    await engine.enqueue(
      tx,
      others.map(({ id }) => linkJob(sync.id, id)),
    );
    await recordReconciled(tx, work, next, [...inputs.keys()], conflict);
  });
}

/** The links of ids that a record had before: several when it was merged from several. */
export function linksBefore({ db, sync, sides }: Work, side: Side, snapshot: Snapshot): Promise<LinkRecord[]> {
  return linksOf(db, sync.id, side, sides[side].previousIds(snapshot));
}

/**
 * What a side is known to have after a write: of the written fields, what the vendor made of them; of the others, what it
 * had before, so that what a person changed at this very moment is still noticed.
 */
function fieldsAfterWrite(before: Fields, desired: Fields, after: Fields | undefined): Fields {
  if (!after) return desired;
  const known = { ...before };
  for (const field of changesBetween(before, desired).keys()) {
    if (field in after) known[field] = after[field];
    else delete known[field];
  }
  return known;
}

/** One side's record was deleted; `left` is the record that remains, on the other side. */
async function reconcileDeletion(work: Work, link: LinkRecord, deleted: Side, remaining: Snapshot): Promise<Step> {
  const { sync, sides, clock, transaction } = work;
  const side = otherSide(deleted);
  const unpaired: LinkRecord = {
    ...withSide(link, deleted, { id: null, fields: null }),
    agreed: null,
    error: null,
    dirty: false,
    updatedAt: clock.now(),
  };
  const changed = [...changesBetween(link.sides[side].fields, remaining.fields).keys()];
  if (!writesTo(sync, side)) {
    // The source keeps its record; the next change of it creates a counterpart again.
    const alone: LinkRecord = { ...unpaired, state: "alone" };
    await transaction((tx) => saveLink(tx, alone));
    return changed.length > 0 ? { next: alone, snapshot: remaining } : DONE;
  }
  if (sync.deletes === "ignore") return finish(work, (tx) => saveLink(tx, { ...unpaired, state: "detached" }));
  const winner = sync.conflicts === "newest" ? side : sync.conflicts;
  const fields = changed.map((field) => ({ field, left: null, right: null, [side]: remaining.fields[field] ?? null }));
  const conflict = sync.direction === "both" && changed.length > 0 ? { fields, winner } : undefined;
  if (conflict && winner === side) {
    // A change outweighs a deletion: what somebody still works on is created again.
    const next = withSide({ ...unpaired, state: "new" }, side, { id: remaining.id, fields: remaining.fields });
    await transaction(async (tx) => {
      await saveLink(tx, next);
      await recordReconciled(tx, work, link, [], conflict);
    });
    return { next };
  }
  if (!sides[side].can("delete")) {
    const message = `The ${side} connector cannot delete; delete the record by hand`;
    const error = { code: "invalid_input", message, at: clock.now() };
    return finish(work, (tx) => saveLink(tx, { ...unpaired, state: "detached", error }));
  }
  const wait = waitForTurn(work);
  if (wait) return wait;
  await sides[side].remove(remaining.id);
  return finish(work, async (tx) => {
    await deleteLink(tx, link.id);
    await recordReconciled(tx, work, link, [side], conflict);
  });
}
