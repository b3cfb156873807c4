import { setTimeout as sleep } from "node:timers/promises";
import { ask, gone, startWorker } from "./children.ts";
import { coresBusy } from "./machine.ts";
import type { BenchServer } from "./postgres.ts";
import type { Seed } from "./seed-worker.ts";
import type { Report } from "./service-worker.ts";

export interface Rates {
  processes: number;
  pollsPerSecond: number;
  deliveriesPerSecond: number;
  /** Of all hookline processes together. */
  cpuMicrosPerPoll: number;
  cpuMicrosPerDelivery: number;
  /** Of the whole machine, the database and the vendor included, while it polled. */
  coresBusy: number;
}

const LOOK_MS = 50;
/** A measure that takes longer than this has gone wrong. */
const LONGEST_MS = 110_000;

/** How fast `processes` services side by side empty queues of `count` due polls, and then of `count` due webhooks. */
export async function measureProcesses(
  server: BenchServer,
  vendor: string,
  processes: number,
  count: number,
): Promise<Rates> {
  const seed = { vendor, transport: "http", everySeconds: 3600, due: true } as const;
  const polls = await drain(
    { ...seed, store: await server.create(), connections: count, deliveries: 0 },
    processes,
    ({ polls }) => polls,
  );
  const deliveries = await drain(
    { ...seed, store: await server.create(), connections: 1, deliveries: count },
    processes,
    ({ attempts }) => attempts,
  );
  return {
    processes,
    pollsPerSecond: polls.perSecond,
    deliveriesPerSecond: deliveries.perSecond,
    cpuMicrosPerPoll: polls.cpuMicros,
    cpuMicrosPerDelivery: deliveries.cpuMicros,
    coresBusy: polls.coresBusy,
  };
}

async function drain(
  seed: Seed,
  processes: number,
  doneIn: (report: Report) => number,
): Promise<{ perSecond: number; cpuMicros: number; coresBusy: number }> {
  const seeding = startWorker("seed-worker.ts");
  await ask(seeding, seed);
  await gone(seeding);
  // One of the polls was made while the store was filled.
  const count = Math.max(seed.connections - 1, seed.deliveries);
  const services = Array.from({ length: processes }, () => startWorker("service-worker.ts"));
  await Promise.all(services.map((service) => ask(service, seed)));
  const startedAt = performance.now();
  const busy = coresBusy();
  await Promise.all(services.map((service) => ask(service, { order: "start" })));
  let [done, cpuMs, failures] = [0, 0, 0];
  while (done < count) {
    await sleep(LOOK_MS);
    for (const report of await Promise.all(services.map((service) => ask<Report>(service, { order: "report" })))) {
      done += doneIn(report);
      cpuMs += report.cpuMs;
      failures += report.failures;
    }
    if (failures > 0) throw new Error(`${failures} of ${done} failed`);
    if (performance.now() - startedAt > LONGEST_MS) throw new Error(`${done} of ${count} after ${LONGEST_MS / 1000} s`);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  const result = { perSecond: done / seconds, cpuMicros: (cpuMs * 1000) / done, coresBusy: busy() };
  for (const service of services) service.send({ order: "stop" });
  await Promise.all(services.map(gone));
  return result;
}
