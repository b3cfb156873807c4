import type { AttemptMeasure } from "../core/metrics.ts";
import { LONGEST_RETRY_AFTER, parseRetryAfter } from "../core/retry-after.ts";
import { DAY, isoTime, MINUTE } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { MOST_INTERRUPTIONS, type Handler, type Job, type Outcome } from "../engine/engine.ts";
import {
  deliverables,
  recordProgress,
  type Attempt,
  type Deliverable,
  type DeliveryProgress,
} from "../model/deliveries.ts";
import {
  disableEndpoint,
  endpointFailed,
  endpointSucceeded,
  hasFailedSince,
  type EndpointRecord,
} from "../model/endpoints.ts";
import { deliveryExhausted, endpointDisabled } from "../model/operational.ts";
import type { Tx } from "../store/database.ts";
import { LONGEST_CALL_SECONDS, type Consumers } from "./consumers.ts";
import { credentialsOpener } from "./credentials.ts";
import { cancelAll } from "./jobs.ts";
import { Pace } from "./pace.ts";
import { retryDelay } from "./schedule.ts";
import { sendWebhook, type Sent } from "./send.ts";

/** An endpoint that has only failed for this long is disabled. */
const DISABLE_AFTER_MS = 5 * DAY;
/** Of one attempt: a consumer in the process ends sooner by its own time, and a receiver long before. */
const DEADLINE_MS = (LONGEST_CALL_SECONDS + 10) * 1000;
/** How often a process looks again for a consumer that is not registered. */
const UNREGISTERED_MS = MINUTE;

/** Why an endpoint is disabled. */
const REASONS = {
  gone: "its receiver answered 410 Gone",
  failing: "every attempt has failed for 5 days",
  unregistered: "no process has registered this consumer for 5 days",
};

export interface DeliverOptions extends Pick<Context, "engine" | "network" | "vault" | "clock" | "emit" | "random"> {
  consumers: Pick<Consumers, "call">;
  /** Attempts at once in this process. */
  concurrency: number;
  /** Attempts at once to one endpoint. */
  perEndpoint: number;
  /** Receives every attempt that ended; for metrics. */
  onAttempt?: (attempt: AttemptMeasure) => void;
}

/** Makes the engine deliver: every job of queue `deliver` is one attempt of one delivery, and is put back until it is done. */
export function workDeliveries(options: DeliverOptions): void {
  const { engine, concurrency, perEndpoint } = options;
  engine.work<Deliverable>(
    "deliver",
    {
      concurrency,
      perGroup: perEndpoint,
      deadlineMs: DEADLINE_MS,
      load: async (sql, jobs) => {
        const jobOf = new Map(jobs.map((job) => [String(job.data["delivery"]), job.id]));
        const loaded = await deliverables(sql, [...jobOf.keys()]);
        return new Map(loaded.map((delivery) => [jobOf.get(delivery.id)!, delivery]));
      },
    },
    createHandler(options),
  );
}

function createHandler({
  engine,
  network,
  vault,
  clock,
  emit,
  consumers,
  random,
  onAttempt,
}: DeliverOptions): Handler<Deliverable> {
  const pace = new Pace();
  const openCredentials = credentialsOpener(vault);

  const attempt = (delivery: Deliverable, to: EndpointRecord, signal: AbortSignal): Promise<Sent> | undefined =>
    to.kind === "process"
      ? consumers.call(to.id, delivery.message, signal)
      : sendWebhook({ network, clock }, to, openCredentials(to), delivery.message, signal);

  return async (job, delivery, signal) => {
    if (delivery === undefined || delivery.status !== "pending") return { done: true };
    const { to } = delivery;
    const now = clock.now();
    if (job.interrupted) await noteInterruption(job, delivery, now);
    if (to === undefined || to.status !== "active") return finish(delivery, "cancelled", now);
    if (job.interruptions >= MOST_INTERRUPTIONS) {
      return finish(delivery, "dead", now, (tx) => emit(tx, deliveryExhausted(delivery, to, now)));
    }
    const pausedUntil = to.pausedUntil ?? 0;
    // A receiver that was asked for longer than anybody may answer was asked while the clock was ahead.
    if (pausedUntil > now && pausedUntil <= now + LONGEST_RETRY_AFTER) return postpone(delivery, pausedUntil);
    if (to.ratePerSecond !== null) {
      const time = pace.next(to.id, to.ratePerSecond, now);
      if (time > now) return postpone(delivery, time);
    }

    const sending = attempt(delivery, to, signal);
    if (sending === undefined) return awaitConsumer(delivery, to, now);
    const sent = await sending;
    const ended = clock.now();
    delivery.attempts.push(sent.attempt);
    onAttempt?.({ outcome: sent.attempt.error ?? "delivered", durationMs: sent.attempt.durationMs ?? 0 });
    if (sent.attempt.error === null) {
      const failed = to.failingSince !== null;
      return finish(delivery, "delivered", ended, failed ? (tx) => endpointSucceeded(tx, to.id) : undefined);
    }
    if (sent.gone) return finish(delivery, "cancelled", ended, (tx) => disable(tx, to, REASONS.gone, ended));

    const wait = parseRetryAfter(sent.retryAfter, ended);
    const fail = async (tx: Tx) => {
      await endpointFailed(tx, to.id, ended, wait === undefined ? null : ended + wait);
      if (await hasFailedSince(tx, to.id, ended - DISABLE_AFTER_MS)) await disable(tx, to, REASONS.failing, ended);
    };
    const failed = job.attempt + 1;
    const delay = retryDelay(failed, random);
    if (delay === undefined) {
      return finish(delivery, "dead", ended, async (tx) => {
        await fail(tx);
        await emit(tx, deliveryExhausted(delivery, to, ended));
      });
    }
    return again(delivery, ended + Math.max(delay, wait ?? 0), "count", fail);
  };

  /** A consumer that no process has registered fails like a receiver that does not answer, but uses up no attempts. */
  function awaitConsumer(delivery: Deliverable, to: EndpointRecord, now: number): Outcome {
    return again(delivery, now + UNREGISTERED_MS, "keep", async (tx) => {
      await endpointFailed(tx, to.id, now, null);
      if (await hasFailedSince(tx, to.id, now - DISABLE_AFTER_MS)) await disable(tx, to, REASONS.unregistered, now);
    });
  }

  async function disable(tx: Tx, endpoint: EndpointRecord, reason: string, now: number): Promise<void> {
    if (!(await disableEndpoint(tx, endpoint.id, reason, now))) return;
    await cancelAll(tx, engine, endpoint, now);
    await emit(tx, [endpointDisabled(endpoint, reason, now)]);
  }
}

/** An attempt that was interrupted is stored before the next one, which may end the process as well. */
async function noteInterruption(job: Job, delivery: Deliverable, now: number): Promise<void> {
  delivery.attempts.push(interrupted(delivery));
  if (job.interruptions === 0) return;
  const { id, attempts } = delivery;
  delivery.nextAttemptAt = now;
  const progress = { status: "pending", attempts, nextAttemptAt: now, finishedAt: null } as const;
  await job.transaction((tx) => recordProgress(tx, id, progress), "note");
}

/** An attempt that the end of its process interrupted: it began when it was due. */
function interrupted({ nextAttemptAt, createdAt }: Deliverable): Attempt {
  const at = isoTime(nextAttemptAt ?? createdAt);
  return { at, status: null, durationMs: null, error: "interrupted", answer: null };
}

function finish(
  delivery: Deliverable,
  status: Exclude<DeliveryProgress["status"], "pending">,
  now: number,
  also?: (tx: Tx) => Promise<void>,
): Outcome {
  const progress: DeliveryProgress = { status, attempts: delivery.attempts, nextAttemptAt: null, finishedAt: now };
  return { done: true, commit: commit(delivery, progress, also) };
}

function again(
  delivery: Deliverable,
  runAgainAt: number,
  attempt: "count" | "keep",
  also?: (tx: Tx) => Promise<void>,
): Outcome {
  const { attempts } = delivery;
  const progress: DeliveryProgress = { status: "pending", attempts, nextAttemptAt: runAgainAt, finishedAt: null };
  return { runAgainAt, attempt, commit: commit(delivery, progress, also) };
}

function postpone(delivery: Deliverable, until: number): Outcome {
  return again(delivery, until, "keep");
}

function commit({ id }: Deliverable, progress: DeliveryProgress, also?: (tx: Tx) => Promise<void>) {
  return async (tx: Tx): Promise<void> => {
    if (await recordProgress(tx, id, progress)) await also?.(tx);
  };
}
