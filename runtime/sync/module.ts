import type { Module } from "../engine/module.ts";
import type { SyncCore } from "./core.ts";
import { writesOf } from "./check.ts";
import { createSyncEraser } from "./erase.ts";
import { changeJob } from "./jobs.ts";
import { conflictSchemas } from "./model/conflicts.ts";
import { linkSchemas } from "./model/links.ts";
import { syncSchemas, syncsOfConnection } from "./model/syncs.ts";
import { syncRoutes } from "./routes.ts";
import { createSyncs, followConnection, type SyncServices } from "./syncs.ts";
import { tables } from "./tables.ts";
import { workSyncs } from "./work.ts";

/** Two accounts kept alike in one resource. */
export const syncModule: Module<SyncCore, SyncServices> = {
  name: "sync",
  tables,
  nouns: { ...syncSchemas, ...linkSchemas, ...conflictSchemas },
  tags: { syncs: "Two accounts kept alike in one resource." },
  routes: syncRoutes,
  queues: ["sync"],
  open(core) {
    workSyncs(core);
    return {
      services: { syncs: createSyncs(core) },
      targets: [{ prefix: "sync_", job: changeJob }],
      scopesInUse: async (row) =>
        (await syncsOfConnection(core.db, row.id)).flatMap((sync) => {
          const side = sync.left === row.id ? "left" : "right";
          return writesOf(sync, side, core.connectors.get(row.connector)!).flatMap(({ scopes }) => scopes);
        }),
      erase: createSyncEraser(core),
      connectionChanged: (tx, change) => followConnection(tx, core, change),
    };
  },
};
