import type { Engine, NewJob } from "../engine/engine.ts";
import type { Tx } from "../store/database.ts";
import { cancelDeliveries, reviveDeliveries, type DeliveryToSend } from "../model/deliveries.ts";
import type { EndpointRecord } from "../model/endpoints.ts";

/**
 * The job of a delivery. Its name lets a retry on demand move the waiting job instead of adding a second one;
 * the key of an ordered endpoint holds back later changes of the same record.
 */
export function deliverJob({ id, stream, recordKey }: DeliveryToSend, endpoint: EndpointRecord): NewJob {
  const job: NewJob = { queue: "deliver", data: { delivery: id }, group: endpoint.id, unique: id };
  if (endpoint.ordered && stream !== null) job.key = `${endpoint.id}:${stream}:${recordKey ?? ""}`;
  return job;
}

type Enqueue = Pick<Engine, "enqueue">;

/** Sends deliveries again, whatever their status, in the order given. */
export async function revive(
  tx: Tx,
  engine: Enqueue,
  endpoint: EndpointRecord,
  deliveries: readonly DeliveryToSend[],
  now: number,
): Promise<void> {
  const ids = deliveries.map(({ id }) => id);
  await reviveDeliveries(tx, ids, now);
  await engine.enqueue(
    tx,
    deliveries.map((delivery) => deliverJob(delivery, endpoint)),
  );
}

/**
 * Ends the pending deliveries of an endpoint. Their jobs become due, to end as well: a waiting one would hold back its key,
 * and a running one may put its delivery back, which is cancelled when the job runs once more.
 */
export async function cancelAll(tx: Tx, engine: Enqueue, endpoint: EndpointRecord, now: number): Promise<void> {
  const cancelled = await cancelDeliveries(tx, endpoint.id, now);
  await engine.enqueue(
    tx,
    cancelled.map((delivery) => deliverJob(delivery, endpoint)),
  );
}
