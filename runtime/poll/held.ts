import { knownByKeys, knownGone, type Known } from "../model/known.ts";
import type { Checkpoint } from "../model/streams.ts";
import { absencesOf, NO_CHANGES, type Changes } from "./changes.ts";
import { deletionOf, isRenamed, settleRenames } from "./diff.ts";
import type { EventMaker } from "./event-maker.ts";
import { settleLeftOut } from "./left-out.ts";
import { isMoved, settleMoves } from "./moves.ts";
import type { Reading } from "./reading.ts";
import { SWEEP_BATCH } from "./sweep.ts";

/**
 * Believes, once all pages of a read are committed, the renames and moves that no page has shown to be none, then the deletions that no page has
 * taken back; unless what is gone may be in a list that could not be read (`keepsGone`). The last of them are left to the caller; until
 * they are committed, a crash leads back to the last page.
 */
export async function releaseHeld(
  { db, stream: { id }, subscribers }: Reading,
  maker: EventMaker,
  at: Checkpoint,
  keepsGone: boolean,
  commit: (changes: Changes) => Promise<void>,
): Promise<Changes> {
  for (let after: string | undefined = ""; after !== undefined;) {
    const batch: Known[] = await knownGone(db, id, after, SWEEP_BATCH);
    const renamed = batch.filter(isRenamed);
    const moved = settleMoves(batch.filter(isMoved), at);
    const before = renamed.map(({ gone }) => gone!.renamedFrom!);
    const origins = await knownByKeys(db, id, before);
    const settling = settleRenames(renamed, origins, at.startedAt, at.complete);
    const changes = [...settling.changes, ...moved.changes];
    const remembered = [...settling.remembered, ...moved.remembered];
    const seen = new Map(changes.map((change) => [change.key, change.seen]));
    const records = changes.map(({ key, version, raw }) => ({ key, version, raw, deleted: false }));
    const leftOut = settleLeftOut({ remembered, unchanged: [] }, origins, subscribers, at.startedAt);
    const events = [
      ...(await maker.changes(changes, at, leftOut.recipients)),
      ...maker.backfill(records, seen, at, leftOut.recipients),
    ];
    const settled = absencesOf(settling.forgotten, events);
    const difference = { ...settled.difference, remembered: leftOut.remembered };
    if (renamed.length + remembered.length > 0) await commit({ ...settled, difference });
    after = batch.length < SWEEP_BATCH ? undefined : batch.at(-1)!.key;
  }
  if (keepsGone) return NO_CHANGES;
  for (;;) {
    const gone = await knownGone(db, id, "", SWEEP_BATCH);
    const keys = gone.map(({ key }) => key);
    const changes = absencesOf(keys, await maker.changes(gone.map(deletionOf), at));
    if (gone.length < SWEEP_BATCH) return changes;
    await commit(changes);
  }
}
