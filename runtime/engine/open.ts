import { JobEngine, type JobEngineOptions } from "./loop.ts";
import { SqliteJobTable } from "./sqlite-table.ts";
import type { JobTable } from "./table.ts";

/** The engine that works this store, ready to enqueue: of this process alone for SQLite, shared by many for PostgreSQL. */
export async function openEngine(options: Omit<JobEngineOptions, "table">): Promise<JobEngine> {
  const engine = new JobEngine({ ...options, table: await openTable(options) });
  await engine.prepare();
  return engine;
}

/** The jobs of a store. */
async function openTable({ db, clock, log }: Omit<JobEngineOptions, "table">): Promise<JobTable> {
  if (db.dialect === "sqlite") return new SqliteJobTable(db, () => clock.now());
  const { PostgresJobTable } = await import("./postgres-table.ts");
  return new PostgresJobTable(db, log);
}
