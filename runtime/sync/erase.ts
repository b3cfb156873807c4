import { eraseEvents } from "../deliver/erase.ts";
import type { Eraser } from "../engine/eraser.ts";
import type { SyncCore } from "./core.ts";
import { deleteSync, forgetSomeOfSync, subscriptionsOfSync, syncs, syncsOfConnection } from "./model/syncs.ts";

/** Erases syncs with what they have paired. */
export function createSyncEraser(core: SyncCore): Eraser {
  return {
    end: async (tx, user) => {
      const all = await syncs.all(tx, "where user_id = ?", [user]);
      for (const { id } of all) {
        for (const subscription of await subscriptionsOfSync(tx, id)) await core.wiring.remove(tx, subscription);
        await deleteSync(tx, id);
      }
      return { syncs: all.length };
    },
    some: async (tx, { user, connection }, limit) => {
      if (connection === null) return false;
      // Those are paused for good; what they have paired is of both sides.
      for (const { id } of await syncsOfConnection(tx, connection)) {
        if (await forgetSomeOfSync(tx, id, limit)) return true;
        const told = await tx.all<{ id: string }>(
          `select id from events where user_id = ? and connection is null and type = 'sync.conflict' and data like ? limit ?`,
          [user, `%"${id}"%`, limit],
        );
        await eraseEvents(
          tx,
          core,
          told.map((event) => event.id),
        );
        if (told.length === limit) return true;
      }
      return false;
    },
    leftovers: { sync: forgetSomeOfSync },
  };
}
