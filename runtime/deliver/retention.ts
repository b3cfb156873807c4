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
  const forget = async <Place>(
    days: number,
    first: Place,
    some: (tx: Tx, before: number, after: Place, limit: number) => Promise<Place | null>,
  ): Promise<void> => {
    const before = clock.now() - days * DAY;
    for (let place: Place | null = first; place !== null;) {
      const after: Place = place;
      place = await db.transaction((tx) => some(tx, before, after, BATCH));
    }
  };
  engine.cron("retention", "17 3 * * *", async () => {
    await forget(deliveriesDays, "", forgetDeliveries);
    await forget(eventsDays, "", forgetEvents);
    await forgetParked(db, clock.now() - eventsDays * DAY);
    await forget<TellingPlace>(eventsDays, [0, ""], forgetTellings);
  });
}
