import type { Log } from "../core/log.ts";
import type { Tx } from "./database.ts";

interface Row {
  id: string;
  stream: number;
  sequence: number;
  data: string;
}

/**
 * Gives events of one subscription that carry the same sequence number numbers of their own, and keeps their order: by stream
 * as it was read first, within it by sequence, and then by age. The streams count on from there.
 * Needed once: a process that stood still could write the events of a read that another had done meanwhile.
 */
export async function renumberEvents(tx: Tx, log: Log): Promise<void> {
  const subscriptions = await tx.all<{ subscription: string }>(
    `select distinct subscription from
       (select subscription from events where sequence is not null group by subscription, sequence having count(*) > 1) x
     where subscription is not null`,
  );
  let renumbered = 0;
  for (const { subscription } of subscriptions) renumbered += await renumber(tx, subscription);
  if (renumbered > 0) {
    log.warn(
      { renumbered, subscriptions: subscriptions.length },
      "events with the same sequence number were renumbered",
    );
  }
}

async function renumber(tx: Tx, subscription: string): Promise<number> {
  const rows = await tx.all<Row>(
    `select e.id, e.stream, e.sequence, e.data from events e
     join (select stream, min(id) as first from events where subscription = ? group by stream) s on s.stream = e.stream
     where e.subscription = ? and e.sequence is not null order by s.first, e.sequence, e.id`,
    [subscription, subscription],
  );
  let last = 0;
  let changed = 0;
  for (const { id, stream, sequence, data } of rows) {
    const next = Math.max(sequence, last + 1);
    last = next;
    if (next === sequence) continue;
    changed++;
    const told = { ...(JSON.parse(data) as Record<string, unknown>), sequence: next };
    await tx.run(`update events set sequence = ?, data = ? where id = ?`, [next, JSON.stringify(told), id]);
    await tx.run(`update streams set sequence = ? where id = ? and sequence < ?`, [next, stream, next]);
  }
  // It may read another stream by now.
  await tx.run(
    `update streams set sequence = ? where sequence < ? and id = (select stream from subscriptions where id = ?)`,
    [last, last, subscription],
  );
  return changed;
}
