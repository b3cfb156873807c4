import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database, Sql } from "../store/database.ts";
import {
  deliveryById,
  listDeliveries,
  type Attempt,
  type Deliverable,
  type DeliveryRecord,
  type DeliveryStatus,
} from "../model/deliveries.ts";
import { isoTime } from "../core/time.ts";
import type { Page } from "../model/page.ts";
import type { Scope } from "../model/principal.ts";
import { revive } from "./jobs.ts";

/** A delivery with every attempt. Times are RFC 3339. */
export interface DeliveryView {
  id: string;
  event: string;
  endpoint: string;
  status: DeliveryStatus;
  attempts: Attempt[];
  nextAttemptAt: string | null;
  createdAt: string;
  finishedAt: string | null;
}

export interface DeliveryQuery {
  status?: DeliveryStatus;
  endpoint?: string;
  event?: string;
  limit: number;
  /** `nextCursor` of the page before. */
  cursor?: string;
}

/** Deliveries, as people look at them. Those to a user's own endpoints are that user's. */
export interface Deliveries {
  /** Newest first. */
  list(query: DeliveryQuery, scope?: Scope): Promise<Page<DeliveryView>>;
  /** Throws `not_found`. */
  get(id: string, scope?: Scope): Promise<DeliveryView>;
  /** Makes it due now, whatever became of it; the receiver sees the same `webhook-id`. Throws `not_found` and `conflict`. */
  retry(id: string, scope?: Scope): Promise<DeliveryView>;
}

export interface DeliveriesOptions {
  database: Database;
  engine: Pick<Engine, "enqueue">;
  clock: Clock;
}

export function createDeliveries({ database, engine, clock }: DeliveriesOptions): Deliveries {
  return {
    async list({ limit, cursor, ...filter }, scope = {}) {
      const found = await listDeliveries(database, { ...filter, user: scope.user }, cursor, limit + 1);
      const data = found.slice(0, limit).map(view);
      return { data, nextCursor: found.length > limit ? data.at(-1)!.id : null };
    },

    get: async (id, scope) => view(await find(database, id, scope)),

    async retry(id, scope) {
      return database.transaction(async (tx) => {
        const { to, message } = await find(tx, id, scope);
        if (to?.status !== "active") {
          const remedy = to === undefined ? "it cannot be sent any more" : "set its status to active first";
          throw new HooklineError("conflict", `delivery ${id}: its endpoint is ${to?.status ?? "deleted"}; ${remedy}`);
        }
        await revive(tx, engine, to, [{ id, stream: message.stream, recordKey: message.recordKey }], clock.now());
        return view(await find(tx, id, scope));
      });
    },
  };
}

async function find(sql: Sql, id: string, scope: Scope = {}): Promise<Deliverable> {
  const delivery = await deliveryById(sql, id);
  if (delivery !== undefined && (scope.user === undefined || delivery.to?.user === scope.user)) return delivery;
  throw new HooklineError("not_found", `delivery ${id}: there is none; list the deliveries to find it`);
}

function view({
  id,
  event,
  endpoint,
  status,
  attempts,
  nextAttemptAt,
  createdAt,
  finishedAt,
}: DeliveryRecord): DeliveryView {
  return {
    id,
    event,
    endpoint,
    status,
    attempts,
    nextAttemptAt: isoTime(nextAttemptAt),
    createdAt: new Date(createdAt).toISOString(),
    finishedAt: isoTime(finishedAt),
  };
}
