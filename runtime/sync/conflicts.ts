import { newId } from "../core/ids.ts";
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
  await emit(tx, [
    {
      type: "sync.conflict",
      connection: null,
      user: sync.user,
      subscription: null,
      stream: null,
      recordKey: null,
      sequence: null,
      at,
      data: {
        user: sync.user,
        sync: sync.id,
        reason: `Both sides changed ${names.join(", ")}; the ${winner} one was kept. What either had is in the sync's conflicts.`,
        details,
      },
      target: {},
    },
  ]);
}
