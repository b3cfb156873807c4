import type { Context } from "../engine/context.ts";
import type { Target } from "../engine/module.ts";
import { events } from "../model/events.ts";
import { takeParked } from "../model/parked-events.ts";

/** Events per transaction, so that no other work waits long. */
const BATCH = 500;

/**
 * Makes the jobs of events that were stored while the module of their target was left out, oldest first; returns how many.
 * Events that are no longer kept make none.
 */
export async function dispatchParked(
  { db, engine }: Pick<Context, "db"> & { engine: Pick<Context["engine"], "enqueue"> },
  targets: readonly Target[],
): Promise<number> {
  const prefixes = targets.map(({ prefix }) => prefix);
  for (let made = 0; ;) {
    const taken = await db.transaction(async (tx) => {
      const parked = await takeParked(tx, prefixes, BATCH);
      const stored = await events.byIds(
        tx,
        parked.map(({ id }) => id),
      );
      const byId = new Map(stored.map((event) => [event.id, event]));
      const jobs = parked.flatMap(({ id, target }) => {
        const event = byId.get(id);
        const kind = targets.find(({ prefix }) => target.startsWith(prefix));
        return event && kind ? [kind.job(target, event, id)] : [];
      });
      await engine.enqueue(tx, jobs);
      return { jobs: jobs.length, all: parked.length };
    });
    made += taken.jobs;
    if (taken.all < BATCH) return made;
  }
}
