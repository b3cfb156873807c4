import { HooklineError, notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import {
  deliverables,
  deliveries,
  deliveryQuery,
  pageOfDeliveries,
  type Deliverable,
  type DeliveryView,
} from "../model/deliveries.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import type { Sql } from "../store/database.ts";
import { revive } from "./jobs.ts";

/** Deliveries, as people look at them. A user sees those to their own endpoints. */
export interface Deliveries {
  /**
   * Newest first.
   * @throws HooklineError `invalid_input` with every fault of the query; `forbidden` when a user names another
   */
  list(query?: InputOf<typeof deliveryQuery>, scope?: Scope): Promise<Page<DeliveryView>>;
  /** @throws HooklineError `not_found` */
  get(id: string, scope?: Scope): Promise<DeliveryView>;
  /**
   * Makes a delivery due now, whatever its status; the receiver sees the same `webhook-id`.
   * @throws HooklineError `not_found`; `conflict` when its endpoint is disabled or deleted
   */
  retry(id: string, scope?: Scope): Promise<DeliveryView>;
}

/** Makes the service of deliveries. */
export function createDeliveries({ db, engine, clock }: Pick<Context, "db" | "engine" | "clock">): Deliveries {
  return {
    async list(query, scope = {}) {
      const { status, endpoint, event, type, connection, user, since, until, ...page } = deliveryQuery.check(query);
      const { limit, after } = readPage(page);
      const found = await pageOfDeliveries(db, {
        filter: { status, endpoint, event },
        of: { type, connection, user: ownerIn(scope, user) },
        since: since === undefined ? undefined : Date.parse(since),
        until: until === undefined ? undefined : Date.parse(until),
        owner: scope.user,
        limit: limit + 1,
        after,
      });
      return toPage(found, limit, (delivery) => deliveries.view(delivery));
    },

    get: async (id, scope) => deliveries.view(await find(db, id, scope)),

    retry: (id, scope) =>
      db.transaction(async (tx) => {
        const { to, message } = await find(tx, id, scope);
        if (to?.status !== "active") {
          const problem = to === undefined ? "was deleted" : "is disabled; set its status to active first";
          throw new HooklineError("conflict", `Delivery ${id} cannot be sent again: its endpoint ${problem}`);
        }
        await revive(tx, engine, to, [{ id, stream: message.stream, recordKey: message.recordKey }], clock.now());
        return deliveries.view(await find(tx, id, scope));
      }),
  };
}

async function find(sql: Sql, id: string, scope: Scope = {}): Promise<Deliverable> {
  const [delivery] = await deliverables(sql, [id]);
  if (delivery !== undefined && isVisible(delivery.to?.user ?? null, scope)) return delivery;
  throw notFound("delivery", id);
}
