import { createHash } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { Database } from "../store/database.ts";
import { endpoints } from "../model/endpoints.ts";
import type { WebhookEvent } from "../webhook.ts";
import type { Message } from "./body.ts";
import { assertEventPattern } from "../core/event-patterns.ts";
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
   * Throws `invalid_input` for a malformed pattern and `TypeError` for a name given twice.
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
 * Refuses at once what no open store is needed to refuse.
 * @throws HooklineError `invalid_input` for a malformed pattern
 * @throws TypeError when the consumer is not a function
 */
export function assertConsumer(pattern: string, consumer: Consumer): void {
  assertEventPattern(pattern, "on");
  if (typeof consumer !== "function") throw new TypeError(`on("${pattern}"): the consumer must be a function`);
}

export function createConsumers(options: { database: Database; clock: Clock; log: Pick<Log, "error"> }): Consumers {
  const { database, clock, log } = options;
  const registrations = new Map<string, Registration>();
  let started = false;

  return {
    on(pattern, consumer, { name } = {}) {
      assertConsumer(pattern, consumer);
      const registration = { ...identify(registrations, pattern, name), pattern, consumer };
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
    call(endpoint, message) {
      const registration = registrations.get(endpoint);
      return registration && call(clock, registration.consumer, message);
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
async function save(database: Database, clock: Clock, { endpoint, name, pattern }: Registration): Promise<void> {
  const now = clock.now();
  await database.transaction(async (tx) => {
    const before = await endpoints.find(tx, endpoint);
    await endpoints.save(tx, {
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
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
    });
  });
}

async function call(clock: Clock, consumer: Consumer, { id, type, createdAt, data }: Message): Promise<Sent> {
  const at = new Date(clock.now()).toISOString();
  const started = performance.now();
  const event = { id, type, timestamp: new Date(createdAt).toISOString(), data: JSON.parse(data) as unknown };
  const [error, answer] = await Promise.resolve()
    .then(() => consumer(event as WebhookEvent))
    .then(
      () => [null, null],
      (thrown: unknown) => ["exception", textExcerpt(String(thrown))],
    );
  return {
    attempt: { at, status: null, durationMs: Math.round(performance.now() - started), error: error!, answer: answer! },
  };
}
