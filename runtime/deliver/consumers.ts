import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Database } from "../store/database.ts";
import { endpointById, saveEndpoint } from "../store/endpoints.ts";
import type { EventRecord } from "../store/events.ts";
import type { WebhookEvent } from "../webhook.ts";
import type { Message } from "./body.ts";
import { assertEventPattern } from "../core/event-patterns.ts";
import { textExcerpt, type Sent } from "./send.ts";

/**
 * Does what an event calls for; called again later when it throws, or has not settled in its time, so it may happen twice.
 * `signal` is aborted when its time is over, and when the runtime stops.
 */
export type Consumer = (event: WebhookEvent, context: { signal: AbortSignal }) => Promise<void> | void;

/** What a consumer may take at most, seconds. */
export const LONGEST_CALL_SECONDS = 600;
const DEFAULT_CALL_SECONDS = 30;

export interface ConsumerOptions {
  /** What the consumer is known by over restarts; default its pattern. */
  name?: string;
  /** How long one call may take, from 1 to 600 seconds, default 30. One that takes longer has failed, and is made again later. */
  timeoutSeconds?: number;
  /** Whether changes of one record are told one after the other, default false. A change that fails holds back the later ones. */
  ordered?: boolean;
}

export interface Consumers {
  /**
   * Calls `consumer` for every event whose type matches, with the guarantees of a webhook. Events that happen while the
   * process is down, or before this is called again, wait for it. Options may come before the consumer or after it.
   * Throws `invalid_input` for a malformed pattern and `TypeError` for a name given twice, or a time out of range.
   */
  on(pattern: string, consumer: Consumer, options?: ConsumerOptions): void;
  on(pattern: string, options: ConsumerOptions, consumer: Consumer): void;
  /** Makes the consumers known to the store; those added later follow at once. Before the engine starts. */
  start(): Promise<void>;
  /** Calls the consumer of an endpoint; undefined when this process has none. */
  call(endpoint: string, message: ConsumerMessage, signal: AbortSignal): Promise<Sent> | undefined;
}

type ConsumerMessage = Message & Pick<EventRecord, "stream" | "recordKey">;

interface Registration {
  endpoint: string;
  name: string;
  pattern: string;
  consumer: Consumer;
  ordered: boolean;
  timeoutMs: number;
  /** Records of which a call goes on although its time is over. */
  late: Set<string>;
}

export function createConsumers(options: { database: Database; clock: Clock; log: Pick<Log, "error"> }): Consumers {
  const { database, clock, log } = options;
  const registrations = new Map<string, Registration>();
  let started = false;

  return {
    on(pattern, ...given: [Consumer, ConsumerOptions?] | [ConsumerOptions, Consumer]) {
      const [consumer, { name, ordered = false, timeoutSeconds = DEFAULT_CALL_SECONDS } = {}] = inOrder(given);
      assertEventPattern(pattern, "on");
      if (!(timeoutSeconds >= 1 && timeoutSeconds <= LONGEST_CALL_SECONDS)) {
        throw new TypeError(`on: timeoutSeconds is ${timeoutSeconds}; give 1 to ${LONGEST_CALL_SECONDS}`);
      }
      const identity = identify(registrations, pattern, name);
      const timeoutMs = timeoutSeconds * 1000;
      const registration: Registration = { ...identity, pattern, consumer, ordered, timeoutMs, late: new Set() };
      registrations.set(registration.endpoint, registration);
      if (!started) return;
      save(database, clock, registration).catch((error: unknown) => {
        log.error({ consumer: registration.name, error }, "a consumer could not be stored; it gets no new events");
      });
    },
    async start() {
      started = true;
      for (const registration of registrations.values()) await save(database, clock, registration);
    },
    call(endpoint, message, signal) {
      const registration = registrations.get(endpoint);
      return registration && call(clock, registration, message, signal);
    },
  };
}

/** The consumer first, wherever its options stand. */
export function inOrder(
  given: readonly [Consumer, ConsumerOptions?] | readonly [ConsumerOptions, Consumer],
): readonly [Consumer, ConsumerOptions?] {
  return typeof given[0] === "function" ? [given[0], given[1] as ConsumerOptions] : [given[1] as Consumer, given[0]];
}

/** Consumers of one pattern without names are told apart by the order in which they were added. */
function identify(
  known: ReadonlyMap<string, Registration>,
  pattern: string,
  name?: string,
): Pick<Registration, "endpoint" | "name"> {
  if (name !== undefined) {
    const endpoint = endpointId(name);
    if (known.has(endpoint))
      throw new TypeError(`on: there is a consumer named "${name}" already; give each its own name`);
    return { endpoint, name };
  }
  for (let count = 1; ; count++) {
    const unused = count === 1 ? pattern : `${pattern} (${count})`;
    const endpoint = endpointId(unused);
    if (!known.has(endpoint)) return { endpoint, name: unused };
  }
}

/** The same for the same name in every process. */
function endpointId(name: string): string {
  return `ep_${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}

/** A consumer that was given up on while no process had it is taken up again. */
async function save(
  database: Database,
  clock: Clock,
  { endpoint, name, pattern, ordered }: Registration,
): Promise<void> {
  const now = clock.now();
  await database.transaction(async (tx) => {
    const before = await endpointById(tx, endpoint);
    await saveEndpoint(tx, {
      id: endpoint,
      kind: "process",
      url: `process:${encodeURIComponent(name)}`,
      user: null,
      events: [pattern],
      where: null,
      format: "standard",
      ordered,
      ratePerSecond: null,
      sealed: null,
      status: "active",
      disabledReason: null,
      pausedUntil: null,
      failingSince: null,
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
    });
  });
}

async function call(
  clock: Clock,
  { consumer, ordered, timeoutMs, late }: Registration,
  { id, type, createdAt, data, stream, recordKey }: ConsumerMessage,
  stopped: AbortSignal,
): Promise<Sent> {
  const at = new Date(clock.now()).toISOString();
  const started = performance.now();
  const record = `${stream}:${recordKey}`;
  const event = { id, type, timestamp: new Date(createdAt).toISOString(), data: JSON.parse(data) as unknown };
  const ended = (error: string | null, answer: string | null = null): Sent => ({
    attempt: { at, status: null, durationMs: Math.round(performance.now() - started), error, answer },
  });
  if (late.has(record)) return ended("timeout", "an earlier call for this record still runs");
  const { promise: givenUp, resolve, reject } = Promise.withResolvers<Sent>();
  const controller = new AbortController();
  const giveUp = (reason: unknown): void => {
    if (ordered) late.add(record);
    controller.abort(reason);
  };
  const stop = (): void => {
    giveUp(stopped.reason);
    reject(stopped.reason as Error);
  };
  const timer = setTimeout(() => {
    const error = new HooklineError("timeout", `the consumer has not settled within ${timeoutMs / 1000} s`);
    giveUp(error);
    resolve(ended("timeout", error.message));
  }, timeoutMs).unref();
  stopped.addEventListener("abort", stop);
  const work = Promise.resolve()
    .then(() => consumer(event as WebhookEvent, { signal: controller.signal }))
    .then(
      () => ended(null),
      (thrown: unknown) => ended("exception", textExcerpt(String(thrown))),
    )
    .finally(() => {
      clearTimeout(timer);
      stopped.removeEventListener("abort", stop);
      late.delete(record);
    });
  return Promise.race([work, givenUp]);
}
