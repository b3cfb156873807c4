import { connectionValues } from "../accounts/credentials.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { canonicalJson } from "../core/json.ts";
import type { Engine } from "../engine/engine.ts";
import type { CompiledTrigger, Connector } from "../manifest/connector.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Emit } from "../model/events.ts";
import { continueSequence, deleteStream, ensureStream, streamsByIds, streamsOfConnection } from "../model/streams.ts";
import * as store from "../model/subscriptions.ts";
import type { FirstPoll, SubscriptionFilter, SubscriptionRecord } from "../model/subscriptions.ts";
import { pollJob } from "./jobs.ts";
import { gapEvent } from "../model/operational.ts";
import { shortHash } from "../read/records.ts";
import { assertCron } from "./schedule.ts";
import {
  assertScopes,
  at,
  conditionFaults,
  findTrigger,
  firstPollFaults,
  intervalFaults,
  minSeconds,
  refuse,
  targetFaults,
} from "./subscription-input.ts";

/** What a subscriber may choose. */
export interface SubscriptionInput {
  connection: string;
  trigger: string;
  input?: Record<string, unknown>;
  /** Cron expression of five fields. */
  schedule?: string;
  /** IANA time zone of `schedule`; UTC when not given. */
  timeZone?: string;
  everySeconds?: number;
  firstPoll?: FirstPoll;
  /** JMESPath over {record, resource, previous, input}. */
  where?: string;
  endpoint?: string;
  flow?: string;
}

export type SubscriptionChanges = Partial<Omit<SubscriptionInput, "connection" | "trigger" | "firstPoll">>;

/** How a subscription fares. */
export interface SubscriptionHealth {
  /** `waiting`: the first poll has not ended yet. */
  state: "active" | "waiting" | "degraded" | "paused" | "reauth_required";
  lastPollAt: number | null;
  nextPollAt: number | null;
  /** Seconds that the next poll is late; 0 when it is not. */
  lagSeconds: number;
  consecutiveErrors: number;
  lastError: { code: string; message: string; at: number } | null;
  /** When the cursor was taken. */
  cursorAge: number | null;
}

export interface SubscriptionsOptions {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  emit: Emit;
  clock: Clock;
}

/** Subscriptions as people make, change and watch them. */
export class Subscriptions {
  readonly #options: SubscriptionsOptions;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Wires a trigger to a target and polls at once; with `firstPoll` "baseline" that first poll is silent.
   * @throws HooklineError `invalid_input` with all faults, `scope_missing`, `conflict`
   */
  async create(given: SubscriptionInput): Promise<SubscriptionRecord> {
    const { db, clock } = this.#options;
    return await db.transaction(async (tx) => {
      const { connection, connector } = await this.#connection(tx, given.connection);
      const trigger = findTrigger(connector, given.trigger);
      const stream = connector.streams.get(trigger.stream)!;
      const input = given.input ?? {};
      const faults = [
        ...at("/input", trigger.validateInput(input)),
        ...conditionFaults(given.where),
        ...firstPollFaults(given.firstPoll, stream),
        ...(await targetFaults(tx, given, connection, trigger)),
        ...intervalFaults(given, trigger),
      ];
      refuse(faults, `The subscription to ${connector.name}/${trigger.name} cannot be made`);
      if (given.schedule !== undefined) assertCron(given.schedule, given.timeZone, minSeconds(trigger));
      assertScopes(connection, stream, trigger);
      assertRequirement(`${connector.name}/${trigger.name}`, stream.requires, connectionValues(connection));

      const now = clock.now();
      const subscription: SubscriptionRecord = {
        id: newId("sub", now),
        connection: connection.id,
        user: connection.user,
        trigger: trigger.name,
        stream: await this.#stream(tx, connection, connector, trigger, input),
        input,
        where: given.where ?? null,
        schedule: given.schedule ?? null,
        timeZone: given.timeZone ?? null,
        everySeconds: given.everySeconds ?? null,
        firstPoll: given.firstPoll ?? "baseline",
        backfill: "pending",
        endpoint: given.endpoint ?? null,
        flow: given.flow ?? null,
        status: "active",
        degraded: false,
        createdAt: now,
        updatedAt: now,
      };
      await store.saveSubscription(tx, subscription);
      await this.#pollNow(tx, subscription);
      return subscription;
    });
  }

  /** @throws HooklineError `not_found` when there is none, or it is another user's */
  async get(id: string, user?: string): Promise<SubscriptionRecord> {
    return await this.#find(this.#options.db, id, user);
  }

  async list(filter: SubscriptionFilter, after = "", limit = 50): Promise<SubscriptionRecord[]> {
    return await store.listSubscriptions(this.#options.db, filter, after, limit);
  }

  /**
   * Changes what a subscriber chose. New input reads a stream of its own, which starts with a silent poll;
   * everything else keeps what is known.
   */
  async update(id: string, changes: SubscriptionChanges, user?: string): Promise<SubscriptionRecord> {
    const { db, clock } = this.#options;
    return await db.transaction(async (tx) => {
      const before = await this.#find(tx, id, user);
      const { connection, connector } = await this.#connection(tx, before.connection);
      const trigger = findTrigger(connector, before.trigger);
      const merged = { ...before, ...defined(changes), updatedAt: clock.now() };
      if (changes.schedule !== undefined) merged.everySeconds = null;
      if (changes.everySeconds !== undefined) [merged.schedule, merged.timeZone] = [null, null];
      const faults = [
        ...at("/input", trigger.validateInput(merged.input)),
        ...conditionFaults(changes.where),
        ...(await targetFaults(tx, { ...changes, connection: before.connection }, connection, trigger)),
        ...intervalFaults(changes, trigger),
      ];
      refuse(faults, `Subscription ${id} cannot be changed`);
      if (merged.schedule !== null) assertCron(merged.schedule, merged.timeZone ?? undefined, minSeconds(trigger));
      if (changes.endpoint !== undefined) merged.flow = null;
      if (changes.flow !== undefined) merged.endpoint = null;
      merged.stream = await this.#stream(tx, connection, connector, trigger, merged.input);
      if (merged.stream !== before.stream) {
        merged.backfill = "pending";
        await continueSequence(tx, merged.stream, id);
      }
      await store.saveSubscription(tx, merged);
      if (merged.stream !== before.stream) await this.#dropIfUnused(tx, before.stream);
      if (merged.status === "active") await this.#pollNow(tx, merged);
      return merged;
    });
  }

  async remove(id: string, user?: string): Promise<void> {
    await this.#options.db.transaction(async (tx) => {
      const subscription = await this.#find(tx, id, user);
      await store.deleteSubscription(tx, id);
      await this.#dropIfUnused(tx, subscription.stream);
    });
  }

  /** Nothing is read for it until it is resumed; what is known is kept. */
  async pause(id: string, user?: string): Promise<SubscriptionRecord> {
    return await this.#setStatus(id, "paused", user);
  }

  /**
   * Reads at once what changed meanwhile. Where another subscription read the stream in between, what it was told is not
   * told again, and a `stream.gap` event says so.
   */
  async resume(id: string, user?: string): Promise<SubscriptionRecord> {
    return await this.#setStatus(id, "active", user);
  }

  /** Reads its stream as soon as a slot is free; answers when that is planned, not done. */
  async poll(id: string, user?: string): Promise<void> {
    await this.#options.db.transaction(async (tx) => {
      const subscription = await this.#find(tx, id, user);
      if (subscription.status === "paused") {
        throw new HooklineError("conflict", `Subscription ${id} is paused; resume it before polling`);
      }
      await this.#pollNow(tx, subscription);
    });
  }

  async health(id: string, user?: string): Promise<SubscriptionHealth> {
    const { db, clock } = this.#options;
    const subscription = await this.#find(db, id, user);
    const [stream] = await streamsByIds(db, [subscription.stream]);
    const connection = await findConnection(db, subscription.connection);
    const now = clock.now();
    const planned = subscription.status === "active" && connection?.status === "active" ? stream!.nextPollAt : null;
    return {
      state:
        subscription.status === "paused"
          ? "paused"
          : connection?.status === "reauth_required"
            ? "reauth_required"
            : subscription.degraded
              ? "degraded"
              : subscription.backfill === "pending"
                ? "waiting"
                : "active",
      lastPollAt: stream!.lastPollAt,
      nextPollAt: planned,
      lagSeconds: planned === null ? 0 : Math.max(0, Math.round((now - planned) / 1000)),
      consecutiveErrors: stream!.consecutiveErrors,
      lastError: stream!.lastError,
      cursorAge: stream!.cursorAt === null ? null : Math.round((now - stream!.cursorAt) / 1000),
    };
  }

  /** Reads all streams of a connection that works again. */
  async connectionActive(tx: Tx, connection: string): Promise<void> {
    const streams = await streamsOfConnection(tx, connection);
    const used = new Set(
      (
        await store.activeSubscriptions(
          tx,
          streams.map((s) => s.id),
        )
      ).map((s) => s.stream),
    );
    const now = this.#options.clock.now();
    await this.#options.engine.enqueue(
      tx,
      [...used].map((stream) => pollJob(stream, connection, now)),
    );
  }

  /** A connection that is gone takes its subscriptions and all that is known along. */
  async connectionRemoved(tx: Tx, connection: string): Promise<void> {
    for (const stream of await streamsOfConnection(tx, connection)) {
      for (const subscription of await store.subscriptionsOfStream(tx, stream.id)) {
        await store.deleteSubscription(tx, subscription.id);
      }
      await deleteStream(tx, stream.id);
    }
  }

  async #setStatus(id: string, status: "active" | "paused", user?: string): Promise<SubscriptionRecord> {
    const { db, clock, emit } = this.#options;
    return await db.transaction(async (tx) => {
      const before = await this.#find(tx, id, user);
      if (before.status === status) return before;
      const after: SubscriptionRecord = { ...before, status, updatedAt: clock.now() };
      await store.saveSubscription(tx, after);
      if (status === "paused") return after;
      const [stream] = await streamsByIds(tx, [before.stream]);
      if (stream!.lastSuccessAt !== null && stream!.lastSuccessAt > before.updatedAt && before.backfill === "done") {
        const { connector } = await this.#connection(tx, before.connection);
        const gap = { from: before.updatedAt, to: stream!.lastSuccessAt, reason: "paused" } as const;
        await emit(tx, [gapEvent(connector.name, stream!.stream, before, gap, clock.now())]);
      }
      await this.#pollNow(tx, after);
      return after;
    });
  }

  async #pollNow(tx: Tx, subscription: SubscriptionRecord): Promise<void> {
    const job = pollJob(subscription.stream, subscription.connection, this.#options.clock.now());
    await this.#options.engine.enqueue(tx, [job]);
  }

  async #find(sql: Tx | Database, id: string, user?: string): Promise<SubscriptionRecord> {
    const subscription = await store.subscriptionById(sql, id);
    if (!subscription || (user !== undefined && subscription.user !== user)) {
      throw new HooklineError("not_found", `There is no subscription ${id}`);
    }
    return subscription;
  }

  async #connection(tx: Tx, id: string): Promise<{ connection: ConnectionRow; connector: Connector }> {
    const connection = await findConnection(tx, id);
    if (!connection)
      refuse([{ pointer: "/connection", message: `there is no connection ${id}` }], "The connection is unknown");
    const connector = this.#options.connectors.get(connection!.connector);
    if (!connector) {
      throw new HooklineError(
        "conflict",
        `Connection ${id} is of ${connection!.connector}, which this runtime has not loaded`,
      );
    }
    return { connection: connection!, connector };
  }

  async #stream(
    tx: Tx,
    connection: ConnectionRow,
    connector: Connector,
    trigger: CompiledTrigger,
    input: Record<string, unknown>,
  ): Promise<number> {
    const definition = connector.streams.get(trigger.stream)!;
    const scope = { input, connection: connectionValues(connection) };
    const streamInput = trigger.streamInput(scope);
    const stream = await ensureStream(tx, {
      connection: connection.id,
      stream: trigger.stream,
      input: streamInput,
      inputHash: shortHash(canonicalJson(streamInput)),
      cursorVersion: definition.definition.cursorVersion ?? 1,
    });
    return stream.id;
  }

  /** What nobody reads any more is forgotten, so that a later subscription starts from a baseline of its own. */
  async #dropIfUnused(tx: Tx, stream: number): Promise<void> {
    if ((await store.subscriptionsOfStream(tx, stream)).length === 0) await deleteStream(tx, stream);
  }
}

function defined<T extends object>(changes: T): Partial<T> {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Partial<T>;
}
