import { DAY } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { forgetDeliveries } from "../model/deliveries.ts";
import { forgetEvents } from "../model/events.ts";
import { forgetParked } from "../model/parked-events.ts";
import { forgetTellings, type TellingPlace } from "../model/tellings.ts";
import type { Tx } from "../store/database.ts";

export interface Retention {
  /** Days that events are kept; longer while one of their deliveries is. Those that wait for a left-out module are not excepted. */
  eventsDays: number;
  /** Days that deliveries are kept after they ended. A pending delivery is never deleted. */
  deliveriesDays: number;
}

/** Rows per transaction, so that no other work waits long. */
const BATCH = 1000;

/** Makes the engine delete old deliveries, events and counts of them every night. */
export function workRetention(
  { db, engine, clock }: Pick<Context, "db" | "clock"> & { engine: Pick<Context["engine"], "cron"> },
  { eventsDays, deliveriesDays }: Retention,
): void {
  const forget = async (some: (tx: Tx, before: number, limit: number) => Promise<number>, days: number) => {
    const before = clock.now() - days * DAY;
    while ((await db.transaction((tx) => some(tx, before, BATCH))) === BATCH);
  };
  const forgetCounts = async () => {
    const before = clock.now() - eventsDays * DAY;
    for (let place: TellingPlace | null = [0, ""]; place !== null;) {
      const after: TellingPlace = place;
      place = await db.transaction((tx) => forgetTellings(tx, before, after, BATCH));
    }
  };
  engine.cron("retention", "17 3 * * *", async () => {
    await forget(forgetDeliveries, deliveriesDays);
    await forget(forgetEvents, eventsDays);
    await forgetParked(db);
    await forgetCounts();
  });
}
