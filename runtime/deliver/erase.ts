import type { Context } from "../engine/context.ts";
import type { Eraser } from "../engine/eraser.ts";
import { cancelWaiting, waitingDeliveries } from "../model/deliveries.ts";
import { endpoints, type EndpointRecord } from "../model/endpoints.ts";
import { events } from "../model/events.ts";
import { forgetSomeOfStream } from "../model/streams.ts";
import type { Sql, Tx } from "../store/database.ts";
import { deliverJob } from "./jobs.ts";

type Needs = Pick<Context, "clock"> & { engine: Pick<Context["engine"], "enqueue"> };

/** Why the endpoints of an erased user are disabled until they are deleted. */
const ERASED = "its user is being erased";

/** Erases events, their deliveries and the endpoints of a user, and what is left of streams. */
export function createDeliverEraser(needs: Needs): Eraser {
  return {
    end: async (tx, user) => {
      const changes = { status: "disabled", disabledReason: ERASED, updatedAt: needs.clock.now() } as const;
      const counted = await tx.get<{ events: number; deliveries: number }>(
        `select count(*) as events, coalesce(sum((select count(*) from deliveries d where d.event = e.id)), 0) as deliveries
         from events e where user_id = ?`,
        [user],
      );
      return { ...counted, endpoints: await endpoints.change(tx, changes, "user_id = ? and kind = 'webhook'", [user]) };
    },
    some: async (tx, { user, connection }, limit) => {
      const [whose, param] = connection === null ? ["user_id = ?", user] : ["connection = ?", connection];
      const found = await tx.all<{ id: string }>(`select id from events where ${whose} limit ?`, [param, limit]);
      await eraseEvents(
        tx,
        needs,
        found.map(({ id }) => id),
      );
      if (found.length === limit) return true;
      // Not before the last of their deliveries is gone: the endpoint says in which order those were to be sent.
      if (connection === null) await tx.run("delete from endpoints where user_id = ?", [user]);
      return false;
    },
    leftovers: { stream: (tx, id, limit) => forgetSomeOfStream(tx, Number(id), limit) },
  };
}

/** Deletes events with their deliveries. The jobs of those that wait become due, and end. */
export async function eraseEvents(tx: Tx, needs: Needs, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const given = JSON.stringify(ids);
  await hurry(tx, needs, await waitingDeliveries(tx, ids));
  await tx.run(`delete from deliveries where ${tx.oneOf("event")}`, [given]);
  await tx.run(`delete from parked_events where ${tx.oneOf("id")}`, [given]);
  await tx.run(`delete from events where ${tx.oneOf("id")}`, [given]);
}

/**
 * Ends the waiting deliveries of a connection's events, about `limit` events after a position at once. Gives the last position; null
 * after the last event.
 */
export async function endDeliveries(
  tx: Tx,
  needs: Needs,
  connection: string,
  { after, limit }: { after: string; limit: number },
): Promise<string | null> {
  const found = await events.page(tx, { connection }, { limit, ...(after !== "" && { after }) });
  const ids = found.map(({ id }) => id);
  const waiting = await waitingDeliveries(tx, ids);
  await cancelWaiting(tx, ids, needs.clock.now());
  await hurry(tx, needs, waiting);
  return found.length < limit ? null : found.at(-1)!.position;
}

type Waiting = Awaited<ReturnType<typeof waitingDeliveries>>[number];

/** Has the jobs of deliveries that are over come, and end: a waiting one would hold back those of its key. */
async function hurry(tx: Tx, { engine }: Needs, waiting: readonly Waiting[]): Promise<void> {
  const known = await endpointsOf(tx, waiting);
  await engine.enqueue(
    tx,
    waiting.flatMap((delivery) => {
      const endpoint = known.get(delivery.endpoint);
      return endpoint ? [deliverJob(delivery, endpoint)] : [];
    }),
  );
}

async function endpointsOf(sql: Sql, waiting: readonly Waiting[]): Promise<Map<string, EndpointRecord>> {
  const found = await endpoints.byIds(sql, [...new Set(waiting.map(({ endpoint }) => endpoint))]);
  return new Map(found.map((endpoint) => [endpoint.id, endpoint]));
}
