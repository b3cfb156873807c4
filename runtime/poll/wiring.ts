import { connectionValues } from "../accounts/credentials.ts";
import { newId } from "../core/ids.ts";
import { canonicalJson } from "../core/json.ts";
import type { Context } from "../engine/context.ts";
import { erasureJob } from "../engine/eraser.ts";
import type { Connector } from "../manifest/connector.ts";
import { findConnection } from "../model/connections.ts";
import { checkBeside } from "../model/input.ts";
import { dropLeftOut } from "../model/known.ts";
import type { Scope } from "../model/principal.ts";
import {
  acceptDeletions,
  continueSequence,
  deleteStream,
  ensureStream,
  expectReads,
  streamsByIds,
} from "../model/streams.ts";
import {
  activeSubscriptions,
  isStreamUsed,
  newSubscription,
  subscriptionChanges,
  subscriptions,
  type NewSubscription,
  type SubscriptionChanges,
  type SubscriptionRecord,
} from "../model/subscriptions.ts";
import { connectorOf } from "../read/connector.ts";
import { shortHash } from "../read/records.ts";
import type { Tx } from "../store/database.ts";
import { assertReadable, choiceFaults, findSubject, firstPollFaults, type Subject } from "./check.ts";
import { pollJob } from "./jobs.ts";
import { LEAST_MS } from "./pace.ts";
import { gapEvent } from "../model/operational.ts";
import { notAhead } from "./set-back.ts";
import { toldUntil } from "./told-until.ts";
import { assertTrigger } from "./triggers.ts";

/** Who asks for a new subscription, and the flow or sync that is to get its events. */
export interface CreateOptions extends Scope {
  flow?: string;
}

/** Makes and changes subscriptions inside a transaction: for their service, and for modules that are their targets. */
export interface Wiring {
  /**
   * Wires a trigger to a target and polls at once; with `firstPoll` "baseline" that first poll is silent.
   * @throws HooklineError `invalid_input` with every fault, `scope_missing`, `conflict`
   */
  create(tx: Tx, given: NewSubscription, options?: CreateOptions): Promise<SubscriptionRecord>;
  /**
   * Changes what a subscriber chose. New input reads a stream of its own, which starts with a silent poll; everything else keeps
   * what is known.
   * @throws HooklineError `invalid_input` with every fault, `conflict`
   */
  update(tx: Tx, before: SubscriptionRecord, given: SubscriptionChanges, scope?: Scope): Promise<SubscriptionRecord>;
  remove(tx: Tx, subscription: SubscriptionRecord): Promise<void>;
  /**
   * A paused subscription keeps what is known, and its stream is not read for it. Once it is active again, the stream is read at
   * once; changes that another subscription got meanwhile make no second event, and a `stream.gap` event reports that time.
   * @throws HooklineError `conflict` when one becomes active whose trigger its connector no longer has
   */
  setStatus(tx: Tx, before: SubscriptionRecord, status: SubscriptionRecord["status"]): Promise<SubscriptionRecord>;
  /** Has its stream read completely at once, and what is missing then reported, however much it is. */
  acceptDeletions(tx: Tx, subscription: SubscriptionRecord): Promise<void>;
  /** Schedules a poll of its stream for now. */
  poll(tx: Tx, subscription: SubscriptionRecord): Promise<void>;
}

/** Makes the {@link Wiring} of a runtime. */
export function createWiring({
  engine,
  connectors,
  emit,
  clock,
}: Pick<Context, "engine" | "connectors" | "emit" | "clock">): Wiring {
  const poll: Wiring["poll"] = async (tx, { stream, connection }) =>
    engine.enqueue(tx, [pollJob(stream, connection, clock.now())]);

  /** Has a stream read for one more subscription: its health counts from here when it was not read before. */
  const begin = async (tx: Tx, subscription: SubscriptionRecord): Promise<void> => {
    const { stream } = subscription;
    const now = clock.now();
    if ((await activeSubscriptions(tx, [stream])).length === 1) await expectReads(tx, [stream], now, now + LEAST_MS);
    await poll(tx, subscription);
  };

  /** Changes that another subscription of its stream got while one was paused. */
  const reportPause = async (tx: Tx, before: SubscriptionRecord, now: number): Promise<void> => {
    const [stream] = await streamsByIds(tx, [before.stream]);
    const { lastSuccessAt, lastPollAt, lastEventAt, checkpoint, doubt } = stream!;
    const endedAt = doubt === null ? lastSuccessAt : lastPollAt;
    const readAt = Math.max(endedAt ?? 0, lastEventAt ?? 0, checkpoint?.progressAt ?? 0);
    // A first read that tells what is there may have told some of it already.
    const isSilent = before.backfill === "pending" && before.firstPoll === "baseline";
    // Since when, nobody knows of a pause that began while the clock was ahead.
    const pausedAt = before.updatedAt > now ? 0 : before.updatedAt;
    if (readAt <= pausedAt || isSilent) return;
    const connection = (await findConnection(tx, before.connection))!;
    const { name } = connectorOf(connection, connectors);
    const from = pausedAt === 0 ? 0 : (before.pausedFrom ?? before.updatedAt);
    const gap = { from: from === 0 ? null : from, to: notAhead(readAt, now), reason: "paused" } as const;
    await emit(tx, [gapEvent(name, stream!.stream, before, gap, now)]);
  };

  /** Undefined when it is not loaded. */
  const connectorFor = async (tx: Tx, { connection }: SubscriptionRecord): Promise<Connector | undefined> =>
    connectors.get((await findConnection(tx, connection))!.connector);

  const pausedFromOf = async (tx: Tx, subscription: SubscriptionRecord): Promise<number> => {
    const [stream] = await streamsByIds(tx, [subscription.stream]);
    const connector = await connectorFor(tx, subscription);
    return toldUntil(tx, subscription, stream!, connector?.streams.get(stream!.stream));
  };

  /**
   * What a subscription leaves of a stream that it reads no more: nothing waits for it. A stream that nobody reads any more is
   * forgotten, so that a later subscription starts from a baseline of its own.
   */
  const leave = async (tx: Tx, { id, stream, connection, firstPoll }: SubscriptionRecord): Promise<void> => {
    if (await isStreamUsed(tx, stream)) {
      if (firstPoll !== "baseline") await dropLeftOut(tx, stream, id);
      return;
    }
    const now = clock.now();
    const isLeft = await deleteStream(tx, stream);
    // The job of its next poll comes now, and ends.
    await engine.enqueue(tx, [pollJob(stream, connection, now), ...(isLeft ? [erasureJob(now)] : [])]);
  };

  return {
    poll,

    async create(tx, given, { flow, ...scope } = {}) {
      const checked = await checkBeside("subscription", newSubscription, given, async (sound, isFaulty) => {
        const { subject, faults } = await findSubject(tx, connectors, sound, scope);
        if (!subject) return { faults, beside: undefined };
        const { input = isFaulty("input") ? undefined : {}, firstPoll } = sound;
        const choices = await choiceFaults(tx, subject, { ...sound, input }, scope);
        return { faults: [...choices, ...firstPollFaults(firstPoll, subject.stream)], beside: subject };
      });
      const subject = checked.beside!;
      await assertReadable(tx, subject);
      const { connection, trigger, input = {}, firstPoll = "baseline", ...choices } = checked.given;
      const now = clock.now();
      const subscription: SubscriptionRecord = {
        where: null,
        schedule: null,
        timeZone: null,
        everySeconds: null,
        endpoint: null,
        ...choices,
        id: newId("sub", now),
        connection,
        user: subject.connection.user,
        trigger,
        stream: await ensureStreamOf(tx, subject, input),
        input,
        firstPoll,
        backfill: "pending",
        moves: 0,
        flow: flow ?? null,
        status: "active",
        pausedFrom: null,
        degraded: false,
        createdAt: now,
        updatedAt: now,
      };
      await subscriptions.insert(tx, subscription);
      await begin(tx, subscription);
      return subscription;
    },

    async update(tx, before, given, scope = {}) {
      assertTrigger(await connectorFor(tx, before), before);
      const subject = (await findSubject(tx, connectors, before, {})).subject!;
      const { given: changes } = await checkBeside("subscription", subscriptionChanges, given, async (sound) => {
        return { faults: await choiceFaults(tx, subject, sound, scope), beside: undefined };
      });
      const after: SubscriptionRecord = { ...before, ...changes, ...implied(changes), updatedAt: clock.now() };
      after.stream = await ensureStreamOf(tx, subject, after.input);
      const isMoved = after.stream !== before.stream;
      if (isMoved) {
        after.backfill = "pending";
        after.moves++;
        await continueSequence(tx, after.stream, before.id);
      }
      // The pause counts from the last change on: what it has cost so far is reported now.
      else if (before.status === "paused") {
        await reportPause(tx, before, after.updatedAt);
        after.pausedFrom = await pausedFromOf(tx, after);
      }
      await subscriptions.save(tx, after);
      if (isMoved) await leave(tx, before);
      if (after.status === "active") await (isMoved ? begin(tx, after) : poll(tx, after));
      return after;
    },

    async acceptDeletions(tx, subscription) {
      await acceptDeletions(tx, subscription.stream, clock.now());
      await poll(tx, subscription);
    },

    async remove(tx, subscription) {
      await subscriptions.delete(tx, subscription.id);
      await leave(tx, subscription);
    },

    async setStatus(tx, before, status) {
      if (before.status === status) return before;
      if (status === "active") assertTrigger(await connectorFor(tx, before), before);
      const now = clock.now();
      const pausedFrom = status === "paused" ? await pausedFromOf(tx, before) : null;
      const after: SubscriptionRecord = { ...before, status, pausedFrom, updatedAt: now };
      await subscriptions.save(tx, after);
      if (status === "paused") return after;
      await reportPause(tx, before, now);
      await begin(tx, after);
      return after;
    },
  };
}

/** What else changes with a choice: one way of saying when to poll takes the place of the other, and so does a target. */
function implied({ schedule, everySeconds, endpoint }: SubscriptionChanges): Partial<SubscriptionRecord> {
  return {
    ...(schedule != null && { everySeconds: null }),
    ...((schedule === null || everySeconds != null) && { schedule: null, timeZone: null }),
    ...(endpoint != null && { flow: null }),
  };
}

/** The stream that a subject with this input reads, which is made when it is new. */
async function ensureStreamOf(
  tx: Tx,
  { connection, trigger, stream }: Subject,
  given: Record<string, unknown>,
): Promise<number> {
  const input = trigger.streamInput({ input: given, connection: connectionValues(connection) });
  const { id } = await ensureStream(tx, {
    connection: connection.id,
    stream: trigger.stream,
    input,
    inputHash: shortHash(canonicalJson(input)),
    cursorVersion: stream.definition.cursorVersion ?? 1,
  });
  return id;
}
