import { createHash } from "node:crypto";
import { HooklineError, nearest, refuseFaults } from "../core/errors.ts";
import { assertEventPattern } from "../core/event-patterns.ts";
import { isObject } from "../core/json.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { endpoints } from "../model/endpoints.ts";
import type { EventRecord } from "../model/events.ts";
import type { Database } from "../store/database.ts";
import type { WebhookEvent } from "../webhook.ts";
import type { Message } from "./body.ts";
import { patternFault } from "./patterns.ts";
import { textExcerpt, type Sent } from "./send.ts";

/**
 * Does what an event calls for; called again later when it throws, or does not settle in its time, so it may happen twice.
 * `signal` is aborted when its time has passed, and when the runtime stops.
 */
export type Consumer = (event: WebhookEvent, context: { signal: AbortSignal }) => Promise<void> | void;

/** What one call of a consumer may take at most, seconds. */
export const LONGEST_CALL_SECONDS = 600;
const DEFAULT_CALL_SECONDS = 30;

export interface ConsumerOptions {
  /** What the consumer is known by over restarts; default its pattern. */
  name?: string;
  /** How long one call may take, from 1 to 600 seconds, default 30. A call that takes longer has failed, and is repeated later. */
  timeoutSeconds?: number;
  /** Whether changes of one record come one after the other, default false. A change that fails holds back the later ones. */
  ordered?: boolean;
}

/** What follows the pattern: the options come before the consumer or after it. */
export type ConsumerArguments = [Consumer, ConsumerOptions?] | [ConsumerOptions, Consumer];

export interface Consumers {
  /**
   * Calls `consumer` for every event whose type matches, with the guarantees of a webhook. Events that happen while the
   * process is down, or before this is called again, wait for it. The options come before the consumer or after it.
   * @throws HooklineError `invalid_input` for a pattern that is malformed or nearly misses a known type
   * @throws TypeError as {@link assertConsumer}, and for a name given twice
   */
  on(pattern: string, ...given: ConsumerArguments): void;
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
  /** Records with a call that still runs although its time has passed; of an ordered consumer. News of no record has no order. */
  late: Set<string>;
}

function inOrder(given: ConsumerArguments): readonly [Consumer, ConsumerOptions?] {
  return typeof given[0] === "function" ? [given[0], given[1] as ConsumerOptions] : [given[1] as Consumer, given[0]];
}

const OPTIONS = ["name", "timeoutSeconds", "ordered"];

/**
 * Refuses what can never be a consumer; needs no open store.
 * @throws HooklineError `invalid_input` for a malformed pattern
 * @throws TypeError for a pattern or name that is not text, a handler that is not a function, an unknown option, a time out of range
 */
export function assertConsumer(pattern: string, ...given: ConsumerArguments): void {
  const [consumer, options = {}] = inOrder(given);
  if (typeof pattern !== "string")
    throw new TypeError("on: the pattern is missing; give a type such as contact.created");
  assertEventPattern(pattern, "on");
  if (typeof consumer !== "function")
    throw new TypeError(`on: the handler of ${pattern} is not a function; pass (event) => …`);
  if (given.length > 2 || !isObject(options))
    throw new TypeError(`on: give ${pattern} one handler and one object of options`);
  for (const option of Object.keys(options)) {
    if (OPTIONS.includes(option)) continue;
    const near = nearest(option, OPTIONS);
    throw new TypeError(`on: unknown option "${option}"${near === undefined ? "" : `; did you mean "${near}"?`}`);
  }
  const { name, timeoutSeconds = DEFAULT_CALL_SECONDS, ordered = false } = options;
  if (name !== undefined && (typeof name !== "string" || name === ""))
    throw new TypeError("on: the name must be text that is not empty");
  if (!(typeof timeoutSeconds === "number" && timeoutSeconds >= 1 && timeoutSeconds <= LONGEST_CALL_SECONDS))
    throw new TypeError(`on: timeoutSeconds is ${String(timeoutSeconds)}; give 1 to ${LONGEST_CALL_SECONDS}`);
  if (typeof ordered !== "boolean") throw new TypeError("on: ordered is neither true nor false");
}

/** Makes the registry of the consumers in this process. */
export function createConsumers(context: Pick<Context, "db" | "connectors" | "clock" | "log">): Consumers {
  const { db, clock, log } = context;
  const registrations = new Map<string, Registration>();
  let started = false;

  return {
    on(pattern, ...given) {
      assertConsumer(pattern, ...given);
      const [consumer, { ordered = false, timeoutSeconds = DEFAULT_CALL_SECONDS } = {}] = inOrder(given);
      const message = patternFault(context, pattern);
      refuseFaults("on", message === undefined ? [] : [{ pointer: "", message }]);
      const name = consumerName((one) => registrations.has(endpointId(one)), pattern, ...given);
      const [endpoint, timeoutMs] = [endpointId(name), timeoutSeconds * 1000];
      const registration: Registration = { endpoint, name, pattern, consumer, ordered, timeoutMs, late: new Set() };
      registrations.set(endpoint, registration);
      if (!started) return;
      save(db, clock.now(), registration).catch((error: unknown) => {
        log.error({ consumer: registration.name, error }, "a consumer could not be stored; it gets no new events");
      });
    },
    async start() {
      started = true;
      for (const registration of registrations.values()) await save(db, clock.now(), registration);
    },
    call(endpoint, message, signal) {
      const registration = registrations.get(endpoint);
      return registration && call(clock.now(), registration, message, signal);
    },
  };
}

/**
 * What a consumer is known by: its name, or its pattern, numbered where several have that.
 * @throws TypeError for a name that is taken
 */
export function consumerName(isTaken: (name: string) => boolean, pattern: string, ...given: ConsumerArguments): string {
  const [, { name } = {}] = inOrder(given);
  if (name !== undefined) {
    if (isTaken(name)) throw new TypeError(`on: a consumer named "${name}" exists; give each its own name`);
    return name;
  }
  for (let count = 1; ; count++) {
    const unused = count === 1 ? pattern : `${pattern} (${count})`;
    if (!isTaken(unused)) return unused;
  }
}

/** The same for the same name in every process. */
function endpointId(name: string): string {
  return `ep_${createHash("sha256").update(name).digest("hex").slice(0, 32)}`;
}

/** A consumer that was disabled while no process had it is active again. */
async function save(db: Database, now: number, { endpoint, name, pattern, ordered }: Registration): Promise<void> {
  await endpoints.save(db, {
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
    createdAt: now,
    updatedAt: now,
  });
}

async function call(
  now: number,
  { consumer, ordered, timeoutMs, late }: Registration,
  { id, type, createdAt, data, stream, recordKey }: ConsumerMessage,
  stopped: AbortSignal,
): Promise<Sent> {
  const started = performance.now();
  const record = ordered && stream !== null ? `${stream}:${recordKey}` : null;
  const event = { id, type, timestamp: isoTime(createdAt), data: JSON.parse(data) as unknown };
  const ended = (error: string | null, answer: string | null = null): Sent => ({
    attempt: { at: isoTime(now), status: null, durationMs: Math.round(performance.now() - started), error, answer },
  });
  if (record !== null && late.has(record)) return ended("timeout", "An earlier call for this record still runs.");
  const { promise: givenUp, resolve, reject } = Promise.withResolvers<Sent>();
  const controller = new AbortController();
  const giveUp = (reason: unknown): void => {
    if (record !== null) late.add(record);
    controller.abort(reason);
  };
  const stop = (): void => {
    giveUp(stopped.reason);
    reject(stopped.reason as Error);
  };
  const timer = setTimeout(() => {
    const error = new HooklineError("timeout", `The consumer did not settle within ${timeoutMs / 1000} s.`);
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
      if (record !== null) late.delete(record);
    });
  return Promise.race([work, givenUp]);
}
