import { newId } from "../core/ids.ts";
import { syncConflict } from "../model/operational.ts";
import type { Tx } from "../store/database.ts";
import type { LinkRecord } from "./model/links.ts";
import { insertConflict, type ConflictRecord } from "./model/conflicts.ts";
import type { Side } from "./model/syncs.ts";
import type { LinkContext } from "./context.ts";

/** Keeps a conflict and tells of it with `sync.conflict`. */
export async function recordConflict(
  tx: Tx,
  { sync, clock, emit }: Pick<LinkContext, "sync" | "clock" | "emit">,
  link: LinkRecord,
  fields: ConflictRecord["fields"],
  winner: Side,
): Promise<void> {
  const at = clock.now();
  const { id, leftId, rightId } = link;
  await insertConflict(tx, {
    id: newId("cfl", at),
    sync: sync.id,
    link: id,
    leftId,
    rightId,
    fields,
    winner,
    createdAt: at,
  });
  const names = fields.map(({ field }) => field);
  const details = { link: id, leftId, rightId, winner, fields: names };
  await emit(tx, [syncConflict(sync, details, at)]);
}
