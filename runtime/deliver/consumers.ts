import { createHash } from "node:crypto";
import { nearest, refuseFaults } from "../core/errors.ts";
import { assertEventPattern } from "../core/event-patterns.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { endpoints } from "../model/endpoints.ts";
import type { Database } from "../store/database.ts";
import type { WebhookEvent } from "../webhook.ts";
import type { Message } from "./body.ts";
import { patternFault } from "./patterns.ts";
import { textExcerpt, type Sent } from "./send.ts";

/** Does what an event calls for; called again later when it throws, so it may happen twice. */
export type Consumer = (event: WebhookEvent) => Promise<void> | void;

export interface ConsumerOptions {
  /** What the consumer is known by over restarts; default its pattern. */
  name?: string;
}

export interface Consumers {
  /**
   * Calls `consumer` for every event whose type matches, with the guarantees of a webhook. Events that happen while the
   * process is down, or before this is called again, wait for it.
   * @throws HooklineError `invalid_input` for a pattern that is malformed or nearly misses a known type
   * @throws TypeError as {@link assertConsumer}, and for a name given twice
   */
  on(pattern: string, consumer: Consumer, options?: ConsumerOptions): void;
  /** Makes the consumers known to the store; those added later follow at once. Before the engine starts. */
  start(): Promise<void>;
  /** Calls the consumer of an endpoint; undefined when this process has none. */
  call(endpoint: string, message: Message): Promise<Sent> | undefined;
}

interface Registration {
  endpoint: string;
  name: string;
  pattern: string;
  consumer: Consumer;
}

/**
 * Refuses what can never be a consumer; needs no open store.
 * @throws HooklineError `invalid_input` for a malformed pattern
 * @throws TypeError for a pattern or name that is not text, a handler that is not a function, an unknown option
 */
export function assertConsumer(pattern: string, consumer: Consumer, options: ConsumerOptions = {}): void {
  if (typeof pattern !== "string")
    throw new TypeError("on: the pattern is missing; give a type such as contact.created");
  assertEventPattern(pattern, "on");
  if (typeof consumer !== "function")
    throw new TypeError(`on: the handler of ${pattern} is not a function; pass (event) => …`);
  for (const [option, value] of Object.entries(options)) {
    if (option !== "name") {
      const near = nearest(option, ["name"]);
      throw new TypeError(`on: unknown option "${option}"${near === undefined ? "" : `; did you mean "${near}"?`}`);
    }
    if (value !== undefined && (typeof value !== "string" || value === ""))
      throw new TypeError("on: the name must be text that is not empty");
  }
}

/** Makes the registry of the consumers in this process. */
export function createConsumers(context: Pick<Context, "db" | "connectors" | "clock" | "log">): Consumers {
  const { db, clock, log } = context;
  const registrations = new Map<string, Registration>();
  let started = false;

  return {
    on(pattern, consumer, options = {}) {
      assertConsumer(pattern, consumer, options);
      const message = patternFault(context, pattern);
      refuseFaults("on", message === undefined ? [] : [{ pointer: "", message }]);
      const registration = { ...identify(registrations, pattern, options.name), pattern, consumer };
      registrations.set(registration.endpoint, registration);
      if (!started) return;
      save(db, clock.now(), registration).catch((error: unknown) => {
        log.error({ consumer: registration.name, error }, "a consumer could not be stored; it gets no new events");
      });
    },
    async start() {
      started = true;
      for (const registration of registrations.values()) await save(db, clock.now(), registration);
    },
    call(endpoint, message) {
      const registration = registrations.get(endpoint);
      return registration && call(clock.now(), registration.consumer, message);
    },
  };
}

/** Consumers of one pattern without names are told apart by the order in which they were added. */
function identify(
  known: ReadonlyMap<string, Registration>,
  pattern: string,
  name?: string,
): Pick<Registration, "endpoint" | "name"> {
  if (name !== undefined) {
    const endpoint = endpointId(name);
    if (known.has(endpoint)) throw new TypeError(`on: a consumer named "${name}" exists; give each its own name`);
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

/** A consumer that was disabled while no process had it is active again. */
async function save(db: Database, now: number, { endpoint, name, pattern }: Registration): Promise<void> {
  await endpoints.save(db, {
    id: endpoint,
    kind: "process",
    url: `process:${encodeURIComponent(name)}`,
    user: null,
    events: [pattern],
    where: null,
    format: "standard",
    ordered: false,
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

async function call(now: number, consumer: Consumer, { id, type, createdAt, data }: Message): Promise<Sent> {
  const started = performance.now();
  const event = { id, type, timestamp: isoTime(createdAt), data: JSON.parse(data) as unknown };
  const [error, answer] = await Promise.resolve()
    .then(() => consumer(event as WebhookEvent))
    .then(
      () => [null, null],
      (thrown: unknown) => ["exception", textExcerpt(String(thrown))],
    );
  const durationMs = Math.round(performance.now() - started);
  return { attempt: { at: isoTime(now), status: null, durationMs, error: error!, answer: answer! } };
}
