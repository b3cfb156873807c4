import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { Database } from "../store/database.ts";
import type { DistributedEngine } from "./distributed.ts";
import { createEmbeddedEngine, type EmbeddedEngine } from "./embedded.ts";

/** The engine that works this store, ready to enqueue: of this process alone for SQLite, shared by many for PostgreSQL. */
export async function openEngine(options: {
  db: Database;
  clock: Clock;
  log: Log;
}): Promise<EmbeddedEngine | DistributedEngine> {
  if (options.db.dialect === "sqlite") return createEmbeddedEngine(options);
  const { createDistributedEngine } = await import("./distributed.ts");
  const engine = createDistributedEngine(options);
  await engine.prepare();
  return engine;
}
