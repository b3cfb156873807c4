import type { VariablesOf } from "../connect/actions.ts";
import type { VendorClient } from "../connect/client.ts";
import { connectionValues } from "../connect/credentials.ts";
import { VendorError } from "../connect/errors.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError } from "../core/errors.ts";
import { canonicalJson } from "../core/json.ts";
import type { Log } from "../core/log.ts";
import type { PollMeasure } from "../core/metrics.ts";
import { SUSPECT_AFTER, type Engine, type Job, type JobFacts, type Outcome } from "../engine/engine.ts";
import { backoff } from "../engine/retry.ts";
import type { CompiledStream, Connector } from "../manifest/connector.ts";
import { compileCondition } from "../manifest/jmespath.ts";
import { connectionsByIds, type ConnectionRow } from "../store/connections.ts";
import type { Database, Sql, Tx } from "../store/database.ts";
import type { Emit } from "../store/events.ts";
import { forgetAll } from "../store/known.ts";
import { saveStream, streamsByIds, type StreamError, type StreamRecord } from "../store/streams.ts";
import { activeSubscriptions, setDegraded, type SubscriptionRecord } from "../store/subscriptions.ts";
import type { Subscriber } from "./match.ts";
import { degradedEvent, gapEvent, recoveredEvent } from "./operational.ts";
import { StreamRead } from "./read.ts";
import { shortHash } from "./records.ts";
import { defaultSchedule, nextRun, type Schedule } from "./schedule.ts";

export interface PollerOptions {
  db: Database;
  engine: Engine;
  connectors: ReadonlyMap<string, Connector>;
  /** The conversation of a connection with its vendor. */
  clientOf: (connection: string) => Promise<VendorClient>;
  /** What a user's streams read as `$workspace.vars` and `$user.vars`; nothing when not given. */
  variablesOf?: VariablesOf;
  emit: Emit;
  clock: Clock;
  log: Log;
  /** How many streams are read at once in this process. */
  concurrency: number;
  /** Told of every poll that ended; for metrics. */
  onPoll?: (poll: PollMeasure) => void;
}

/** What one poll job needs, read when it is claimed. */
interface Loaded {
  stream: StreamRecord;
  connection: ConnectionRow;
  subscriptions: SubscriptionRecord[];
}

/** Failures in a row after which subscribers are told. */
const DEGRADED_AFTER = 3;
const SHORTEST_RETRY = 15_000;
const LONGEST_RETRY = 3_600_000;
/** Of one poll; one that takes longer goes on at its checkpoint. */
const DEADLINE_MS = 3_600_000;
/** A vendor that limits us without saying for how long. */
const LIMITED_WAIT = 60_000;

/** Works the poll queue: reads streams when their time comes, and plans the next time in the transaction of each read. */
export class Poller {
  readonly #o: PollerOptions;
  readonly #hashes = new WeakMap<CompiledStream, string>();
  readonly #conditions = new Map<string, (data: unknown) => boolean>();

  constructor(options: PollerOptions) {
    this.#o = options;
    options.engine.work<Loaded>(
      "poll",
      {
        concurrency: options.concurrency,
        perGroup: 2,
        deadlineMs: DEADLINE_MS,
        load: (sql, jobs) => this.#load(sql, jobs),
      },
      (job, loaded, signal) => this.#poll(job, loaded, signal),
    );
  }

  async #load(sql: Sql, jobs: readonly JobFacts[]): Promise<Map<number, Loaded>> {
    const ids = [...new Set(jobs.map((job) => job.data.stream as number))];
    const streams = new Map((await streamsByIds(sql, ids)).map((stream) => [stream.id, stream]));
    const wanted = [...new Set([...streams.values()].map((stream) => stream.connection))];
    const connections = new Map((await connectionsByIds(sql, wanted)).map((connection) => [connection.id, connection]));
    const subscriptions = Map.groupBy(await activeSubscriptions(sql, ids), (s) => s.stream);
    const loaded = new Map<number, Loaded>();
    for (const job of jobs) {
      const stream = streams.get(job.data.stream as number);
      const connection = stream && connections.get(stream.connection);
      if (stream && connection)
        loaded.set(job.id, { stream, connection, subscriptions: subscriptions.get(stream.id) ?? [] });
    }
    return loaded;
  }

  async #poll(job: Job, loaded: Loaded | undefined, signal: AbortSignal): Promise<Outcome> {
    if (!loaded) return { done: true };
    const { connection } = loaded;
    let { subscriptions } = loaded;
    const connector = this.#o.connectors.get(connection.connector);
    const compiled = connector?.streams.get(loaded.stream.stream);
    if (!connector || !compiled || subscriptions.length === 0 || connection.status !== "active") {
      const parked = { ...loaded.stream, nextPollAt: null };
      return { done: true, commit: (tx) => saveStream(tx, parked) };
    }
    const subscribers = subscriptions.map((subscription) => this.#subscriber(connector, subscription));
    const startedAt = performance.now();
    const report = (outcome: "ok" | "failed", events: number): void =>
      this.#o.onPoll?.({
        connector: connector.name,
        stream: compiled.name,
        outcome,
        durationMs: performance.now() - startedAt,
        events,
      });
    let stream = loaded.stream;
    try {
      if (job.interruptions >= SUSPECT_AFTER)
        subscriptions = await this.#tellInterrupted(job, loaded, connector, compiled);
      const variables = await this.#o.variablesOf?.(connection.user);
      stream = await this.#upgraded(job, stream, connector, compiled, subscriptions);
      const read = await new StreamRead({
        db: this.#o.db,
        emit: this.#o.emit,
        log: this.#o.log,
        now: () => this.#o.clock.now(),
        stream,
        compiled,
        requestHash: this.#requestHash(compiled),
        subscribers,
        source: {
          client: await this.#o.clientOf(connection.id),
          scope: {
            input: stream.input,
            connection: connectionValues(connection),
            workspace: { vars: variables?.workspace },
            user: { vars: variables?.user },
          },
          scopes: compiled.scopes,
          signal,
        },
        context: {
          connector: connector.name,
          connection: connection.id,
          user: connection.user,
          stream: stream.id,
          compiled,
        },
        transaction: job.transaction,
      }).run();
      report("ok", read.events);
      const next = this.#next(stream.id, subscribers);
      return {
        runAgainAt: next,
        attempt: "reset",
        fleeting: read.nothingNew && subscriptions.every((s) => !s.degraded),
        commit: async (tx) => {
          await read.commit(tx);
          await saveStream(tx, { ...read.stream, nextPollAt: next });
          await this.#recovered(tx, connector, compiled, subscriptions);
        },
      };
    } catch (error) {
      if (signal.aborted) return { runAgainAt: this.#o.clock.now(), attempt: "keep" };
      report("failed", 0);
      return await this.#failed(job, loaded, connector, compiled, subscribers, error);
    }
  }

  #subscriber(connector: Connector, subscription: SubscriptionRecord): Subscriber {
    const trigger = connector.triggers.get(subscription.trigger)!;
    if (subscription.where === null) return { subscription, trigger, where: undefined };
    let where = this.#conditions.get(subscription.where);
    if (!where) {
      if (this.#conditions.size > 10_000) this.#conditions.clear();
      where = compileCondition(subscription.where);
      this.#conditions.set(subscription.where, where);
    }
    return { subscription, trigger, where };
  }

  #requestHash(compiled: CompiledStream): string {
    let hash = this.#hashes.get(compiled);
    if (hash === undefined) {
      const { request, each, records, pagination, cursor, deleted, watch, enrich } = compiled.definition;
      hash = shortHash(canonicalJson({ request, each, records, pagination, cursor, deleted, watch, enrich }));
      this.#hashes.set(compiled, hash);
    }
    return hash;
  }

  /**
   * State of another version of the manifest. A declared `resync` compares everything with what is known; anything else
   * starts from a silent baseline, and `stream.gap` says which time cannot be told.
   */
  async #upgraded(
    job: Job,
    stream: StreamRecord,
    connector: Connector,
    compiled: CompiledStream,
    subscriptions: readonly SubscriptionRecord[],
  ): Promise<StreamRecord> {
    const { cursorVersion = 1, migrate } = compiled.definition;
    const hash = this.#requestHash(compiled);
    if (stream.requestHash === null || (stream.requestHash === hash && stream.cursorVersion === cursorVersion))
      return stream;
    const { clock, emit } = this.#o;
    const resync = migrate === "resync" && cursorVersion > stream.cursorVersion;
    const fresh: StreamRecord = { ...stream, cursor: null, checkpoint: null, requestHash: hash, cursorVersion };
    if (!resync) fresh.baselinedAt = null;
    await job.transaction(async (tx) => {
      if (!resync) {
        await forgetAll(tx, stream.id);
        const gap = { from: stream.lastSuccessAt, to: clock.now(), reason: "request_changed" } as const;
        const told = subscriptions.filter((s) => s.backfill === "done");
        await emit(
          tx,
          told.map((s) => gapEvent(connector.name, compiled.name, s, gap, clock.now())),
        );
      }
      await saveStream(tx, fresh);
    });
    return fresh;
  }

  /** Polls of this stream have ended their process again and again: that is told before one does once more. */
  async #tellInterrupted(
    job: Job,
    { stream, subscriptions }: Loaded,
    connector: Connector,
    compiled: CompiledStream,
  ): Promise<SubscriptionRecord[]> {
    const now = this.#o.clock.now();
    const message = `The process has ended ${job.interruptions} times in a row while this stream was read; it goes on, with pauses`;
    const error: StreamError = { code: "interrupted", message, at: now };
    const telling = subscriptions.filter((s) => !s.degraded);
    await job.transaction(async (tx) => {
      await saveStream(tx, { ...stream, lastError: error });
      if (telling.length === 0) return;
      await setDegraded(tx, stream.id, true);
      const events = telling.map((s) => degradedEvent(connector.name, compiled.name, s, error, now, "interrupted"));
      await this.#o.emit(tx, events);
    }, "note");
    return subscriptions.map((s) => ({ ...s, degraded: true }));
  }

  #next(stream: number, subscribers: readonly Subscriber[]): number {
    const now = this.#o.clock.now();
    return Math.min(...subscribers.map((s) => nextRun(scheduleOf(s), stream, now)));
  }

  async #recovered(
    tx: Tx,
    connector: Connector,
    compiled: CompiledStream,
    subscriptions: readonly SubscriptionRecord[],
  ) {
    const degraded = subscriptions.filter((s) => s.degraded);
    if (degraded.length === 0) return;
    await setDegraded(tx, degraded[0]!.stream, false);
    await this.#o.emit(
      tx,
      degraded.map((s) => recoveredEvent(connector.name, compiled.name, s, this.#o.clock.now())),
    );
  }

  async #failed(
    job: Job,
    loaded: Loaded,
    connector: Connector,
    compiled: CompiledStream,
    subscribers: readonly Subscriber[],
    error: unknown,
  ): Promise<Outcome> {
    const { clock, db, emit, log } = this.#o;
    const now = clock.now();
    const limit = limited(error);
    // Pages were committed meanwhile: the checkpoint in the store is newer than the one that was loaded.
    const [current] = await streamsByIds(db, [loaded.stream.id]);
    if (!current) return { done: true };
    const consecutiveErrors = current.consecutiveErrors + (limit === undefined ? 1 : 0);
    const lastError: StreamError = {
      code: error instanceof HooklineError ? error.code : "internal",
      message: error instanceof Error ? error.message : String(error),
      at: now,
    };
    const facts = { connection: loaded.connection.id, connector: connector.name, stream: compiled.name, err: error };
    if (limit === undefined) log.warn(facts, "a poll failed");
    else log.info(facts, "the vendor asks to wait");

    const planned = this.#next(current.id, subscribers);
    const longestMs = Math.max(planned - now, LONGEST_RETRY);
    // Sooner than the plan at first, later than the plan when it goes on.
    const wait =
      limit ?? backoff({ firstMs: SHORTEST_RETRY, factor: 2, longestMs }, consecutiveErrors - 1, Math.random);
    const revoked = error instanceof HooklineError && error.code === "reauth_required";
    const next = revoked ? null : now + wait;
    const stream: StreamRecord = { ...current, lastPollAt: now, consecutiveErrors, lastError, nextPollAt: next };
    const telling =
      consecutiveErrors >= DEGRADED_AFTER && !revoked ? loaded.subscriptions.filter((s) => !s.degraded) : [];
    const commit = async (tx: Tx): Promise<void> => {
      await saveStream(tx, stream);
      if (telling.length === 0) return;
      await setDegraded(tx, stream.id, true);
      await emit(
        tx,
        telling.map((s) => degradedEvent(connector.name, compiled.name, s, lastError, now)),
      );
    };
    if (next === null) return { done: true, commit };
    return { runAgainAt: next, attempt: "count", commit };
  }
}

function scheduleOf({ subscription, trigger }: Subscriber): Schedule {
  if (subscription.everySeconds !== null) return { everySeconds: subscription.everySeconds };
  if (subscription.schedule !== null)
    return { cron: subscription.schedule, timeZone: subscription.timeZone ?? undefined };
  return defaultSchedule(trigger.definition.schedule?.default ?? "*/5 * * * *");
}

/** Milliseconds to wait when the failure is a limit, which is no fault of the stream. */
function limited(error: unknown): number | undefined {
  if (!(error instanceof HooklineError)) return undefined;
  if (error.code !== "rate_limited" && error.code !== "quota_exceeded") return undefined;
  const after = error instanceof VendorError ? error.retryAfterMs : error.retry ? error.retry.after : undefined;
  return after ?? LIMITED_WAIT;
}
