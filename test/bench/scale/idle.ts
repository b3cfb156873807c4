import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ask, gone, startWorker } from "./children.ts";
import type { Transport } from "./runtime.ts";
import type { Seed, Seeded } from "./seed-worker.ts";
import type { Report } from "./service-worker.ts";

/** Often enough to be useful, seldom enough to be polite. */
export const EVERY_SECONDS = 300;

const WARM_UP_MS = 8_000;
const WINDOW_MS = 30_000;
/** With more or fewer polls than were planned, by this factor, it was not the steady state that was measured. */
const MOST = 1.3;

export interface Idle {
  connections: number;
  pollsPerSecond: number;
  /** CPU of the hookline process, of one core. */
  corePercent: number;
  cpuMicrosPerPoll: number;
  peakBytes: number;
}

/** What one process costs that watches so many connections, in none of which anything happens. */
export async function measureIdle(
  store: string,
  vendor: string,
  transport: Transport,
  connections: number,
): Promise<Idle> {
  const seed: Seed = { store, vendor, transport, connections, everySeconds: EVERY_SECONDS, due: false, deliveries: 0 };
  const seeding = startWorker("seed-worker.ts");
  const { from } = await ask<Seeded>(seeding, seed);
  await gone(seeding);
  const service = startWorker("service-worker.ts");
  await ask(service, seed);
  await ask(service, { order: "start" });
  await sleep(Math.max(from - Date.now(), 0) + WARM_UP_MS);
  await ask(service, { order: "report" });
  const startedAt = performance.now();
  await sleep(WINDOW_MS);
  const { polls, cpuMs, failures, peakBytes } = await ask<Report>(service, { order: "report" });
  const elapsedMs = performance.now() - startedAt;
  service.send({ order: "stop" });
  await gone(service);
  if (failures > 0) throw new Error(`${failures} of ${polls} polls failed`);
  const planned = (connections / EVERY_SECONDS) * (elapsedMs / 1000);
  if (polls > MOST * planned || polls * MOST < planned) throw new Error(`${polls} polls where ${planned} were planned`);
  return {
    connections,
    pollsPerSecond: polls / (elapsedMs / 1000),
    corePercent: (cpuMs / elapsedMs) * 100,
    cpuMicrosPerPoll: (cpuMs * 1000) / polls,
    peakBytes,
  };
}

/** The same on a SQLite file that is gone afterwards. */
export async function onSqlite<Result>(measure: (store: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), "hookline-bench-"));
  try {
    return await measure(`sqlite:${join(folder, "hookline.db")}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
