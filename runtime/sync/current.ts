import type { Snapshot } from "./access.ts";
import type { Work } from "./context.ts";
import { isPaired, linksOf, type LinkRecord } from "./model/links.ts";
import type { Side } from "./sides.ts";

/**
 * A side's record as it is now. One that was merged into another is gone when that has a counterpart, or takes one from a further
 * record that it was made of; else the survivor takes its place: its counterpart is the only one that is left.
 */
export async function current({ db, sync, sides }: Work, link: LinkRecord, side: Side): Promise<Snapshot | undefined> {
  const known = link.sides[side];
  const id = known.id!;
  const snapshot = await sides[side].read({ ...known, id });
  if (!snapshot || snapshot.id === id) return snapshot;
  const ids = [snapshot.id, ...sides[side].previousIds(snapshot)];
  const others = (await linksOf(db, sync.id, side, ids)).filter((other) => other.id !== link.id);
  const isTaken = isPaired(link) ? others.some(isPaired) : others.length > 0;
  return isTaken ? undefined : snapshot;
}
