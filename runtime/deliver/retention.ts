import type { Clock } from "../core/clock.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database, Tx } from "../store/database.ts";
import { forgetDeliveries } from "../model/deliveries.ts";
import { forgetEvents } from "../model/events.ts";
import { DAY } from "./schedule.ts";

export interface RetentionOptions {
  engine: Pick<Engine, "cron">;
  database: Database;
  clock: Clock;
  /** Days events are kept; longer where a delivery of one is. */
  eventsDays: number;
  /** Days deliveries are kept after they are finished. What still waits is never deleted. */
  deliveriesDays: number;
}

/** Rows per transaction, so that nothing else waits long. */
const BATCH = 1000;

/** Makes the engine delete old deliveries and events every night. */
export function workRetention({ engine, database, clock, eventsDays, deliveriesDays }: RetentionOptions): void {
  const forget = async (some: (tx: Tx, before: number, limit: number) => Promise<number>, days: number) => {
    const before = clock.now() - days * DAY;
    while ((await database.transaction((tx) => some(tx, before, BATCH))) === BATCH);
  };
  engine.cron("retention", "17 3 * * *", async () => {
    await forget(forgetDeliveries, deliveriesDays);
    await forget(forgetEvents, eventsDays);
  });
}
