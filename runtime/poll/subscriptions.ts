import { HooklineError, notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { findConnection } from "../model/connections.ts";
import type { InputOf } from "../model/input.ts";
import { readPage, toPage, type Page } from "../model/page.ts";
import { isVisible, ownerIn, type Scope } from "../model/principal.ts";
import { newestQuarantined, retryQuarantined } from "../model/quarantine.ts";
import { streamsByIds } from "../model/streams.ts";
import {
  activeSubscriptions,
  subscriptionQuery,
  subscriptionResume,
  subscriptions,
  type NewSubscription,
  type SubscriptionChanges,
  type SubscriptionRecord,
  type SubscriptionResume,
  type SubscriptionView,
} from "../model/subscriptions.ts";
import type { Sql } from "../store/database.ts";
import { healthOf, MOST_QUARANTINED, type SubscriptionHealth } from "./health.ts";
import type { Wiring } from "./wiring.ts";

/**
 * Subscriptions, as people manage them. What belongs to another user does not exist: an id throws `not_found`, a name in
 * an input `invalid_input` at its pointer.
 */
export interface Subscriptions {
  /**
   * Wires a trigger to a target and polls at once; with `firstPoll` "baseline" that first poll is silent.
   * @throws HooklineError `invalid_input` with every fault, `scope_missing`, `conflict` when the connection is of the wrong kind
   */
  create(subscription: NewSubscription, scope?: Scope): Promise<SubscriptionView>;
  /** @throws HooklineError `not_found` */
  get(id: string, scope?: Scope): Promise<SubscriptionView>;
  /**
   * Oldest first.
   * @throws HooklineError `invalid_input`, `forbidden` when a user asks for another's
   */
  list(query?: InputOf<typeof subscriptionQuery>, scope?: Scope): Promise<Page<SubscriptionView>>;
  /**
   * Changes what a subscriber chose; null takes a choice back. New input reads a stream of its own, which starts with a silent
   * poll; everything else keeps what is known.
   * @throws HooklineError `not_found`, `invalid_input` with every fault, `conflict`
   */
  update(id: string, changes: SubscriptionChanges, scope?: Scope): Promise<SubscriptionView>;
  /** @throws HooklineError `not_found` */
  remove(id: string, scope?: Scope): Promise<void>;
  /**
   * Pauses a subscription: nothing is read until it is resumed; what is known is kept.
   * @throws HooklineError `not_found`
   */
  pause(id: string, scope?: Scope): Promise<SubscriptionView>;
  /**
   * Reads at once what changed meanwhile. Where another subscription read the stream in between, those changes make no
   * second event, and a `stream.gap` event reports that time. With `accept`, deletions that are held back as unusual are
   * reported, to all subscriptions of the stream, when the read confirms them.
   * @throws HooklineError `not_found`, `invalid_input`, `conflict` when its connector no longer has the trigger
   */
  resume(id: string, given?: SubscriptionResume, scope?: Scope): Promise<SubscriptionView>;
  /**
   * Has its stream read as soon as a slot is free, and records that were set aside tried again; resolves when that is planned,
   * not done.
   * @throws HooklineError `not_found`, `conflict` while it is paused
   */
  poll(id: string, scope?: Scope): Promise<void>;
  /** @throws HooklineError `not_found` */
  health(id: string, scope?: Scope): Promise<SubscriptionHealth>;
}

/** Makes the service of subscriptions. */
export function createSubscriptions(
  { db, clock, engine, connectors }: Pick<Context, "db" | "clock" | "engine" | "connectors">,
  { wiring }: { wiring: Wiring },
): Subscriptions {
  const find = async (sql: Sql, id: string, scope: Scope = {}): Promise<SubscriptionRecord> => {
    const subscription = await subscriptions.find(sql, id);
    if (subscription && isVisible(subscription.user, scope)) return subscription;
    throw notFound("subscription", id);
  };
  const view = (record: SubscriptionRecord): SubscriptionView => subscriptions.view(record);
  const setStatus = async (
    id: string,
    status: SubscriptionRecord["status"],
    scope?: Scope,
  ): Promise<SubscriptionView> =>
    db.transaction(async (tx) => view(await wiring.setStatus(tx, await find(tx, id, scope), status)));

  return {
    create: async (given, scope) => db.transaction(async (tx) => view(await wiring.create(tx, given, scope))),

    get: async (id, scope) => view(await find(db, id, scope)),

    async list(query, scope = {}) {
      const { user, limit: most, cursor, ...filter } = subscriptionQuery.check(query);
      const { limit, after } = readPage({ limit: most, cursor });
      const found = await subscriptions.page(
        db,
        { ...filter, user: ownerIn(scope, user) },
        { after, limit: limit + 1 },
      );
      return toPage(found, limit, view);
    },

    update: async (id, given, scope) =>
      db.transaction(async (tx) => view(await wiring.update(tx, await find(tx, id, scope), given, scope))),

    remove: async (id, scope) => db.transaction(async (tx) => wiring.remove(tx, await find(tx, id, scope))),

    pause: async (id, scope) => setStatus(id, "paused", scope),

    async resume(id, given = {}, scope) {
      const { accept = false } = subscriptionResume.check(given);
      return db.transaction(async (tx) => {
        const subscription = await find(tx, id, scope);
        if (accept) await wiring.acceptDeletions(tx, subscription);
        return view(await wiring.setStatus(tx, subscription, "active"));
      });
    },

    async poll(id, scope) {
      await db.transaction(async (tx) => {
        const subscription = await find(tx, id, scope);
        if (subscription.status === "paused") {
          throw new HooklineError("conflict", `Subscription ${id} is paused; resume it before polling`);
        }
        await retryQuarantined(tx, subscription.stream);
        await wiring.poll(tx, subscription);
      });
    },

    async health(id, scope) {
      const subscription = await find(db, id, scope);
      const [stream] = await streamsByIds(db, [subscription.stream]);
      const connection = await findConnection(db, subscription.connection);
      const quarantined =
        stream!.quarantined === 0 ? [] : await newestQuarantined(db, subscription.stream, MOST_QUARANTINED);
      const readers = await activeSubscriptions(db, [subscription.stream]);
      const connector = connection && connectors.get(connection.connector);
      const trouble = engine.trouble?.();
      return healthOf({ subscription, stream: stream!, connection, connector, readers, trouble, quarantined, clock });
    },
  };
}
