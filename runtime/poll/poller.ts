import type { PollMeasure } from "../core/metrics.ts";
import { HOUR } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { SUSPECT_AFTER, type Job, type JobFacts, type Outcome } from "../engine/engine.ts";
import type { CompiledStream, Connector } from "../manifest/connector.ts";
import {
  assertStream,
  saveStream,
  streamsByIds,
  withEvents,
  type StreamError,
  type StreamRecord,
} from "../model/streams.ts";
import { activeSubscriptions, setDegraded, type SubscriptionRecord } from "../model/subscriptions.ts";
import type { Sql, Tx } from "../store/database.ts";
import { isDoubted } from "./doubt.ts";
import { failureOf } from "./failure.ts";
import { loadStreams, type Loaded } from "./load.ts";
import { isDegraded, isNotTold, newsOf, type ReadFacts } from "./news.ts";
import { paceOf, type Pace } from "./pace.ts";
import { readStream } from "./read.ts";
import type { Reading } from "./reading.ts";
import { degradedBy, tell, type Report } from "./report.ts";
import { runAfter, type Schedule } from "./schedule.ts";
import { isAhead, setBack } from "./set-back.ts";
import { sourceOf, type SourceNeeds } from "./source.ts";
import { nextPoll, schedulesOf, toSubscriber, type Subscriber } from "./subscriber.ts";
import { pauseWithoutTrigger } from "./triggers.ts";
import { requestHashOf, upgraded } from "./upgrade.ts";
import type { ReadResult } from "./walk.ts";

type PollerContext = Pick<Context, "db" | "engine" | "connectors" | "emit" | "clock" | "log" | "random">;

export interface PollerNeeds extends SourceNeeds {
  /** Whether held deletions are believed after a day in which all reads agreed. */
  releasesDeletions: boolean;
  /** How many streams are read at once in this process. */
  concurrency: number;
  /** Called after every poll; for metrics. */
  onPoll?: (poll: PollMeasure) => void;
}

/** Polls of one connection at once. */
const PER_CONNECTION = 2;
/** Time limit of one poll; a longer one continues at its checkpoint. */
const DEADLINE_MS = HOUR;

/** Has the engine poll: streams are read when their time comes, and the transaction of each read plans the next. */
export function workPolls(context: PollerContext, needs: PollerNeeds): void {
  const startedAt = context.clock.now();
  const options = { concurrency: needs.concurrency, perGroup: PER_CONNECTION, deadlineMs: DEADLINE_MS, load };
  context.engine.work<Loaded>("poll", options, async (job, loaded, signal) => {
    if (!loaded) return { done: true };
    const { stream, connection } = loaded;
    const connector = context.connectors.get(connection.connector);
    const compiled = connector?.streams.get(stream.stream);
    const { lost = [], served = [] } = Object.groupBy(loaded.subscriptions, ({ trigger }) =>
      connector && !connector.triggers.has(trigger) ? "lost" : "served",
    );
    if (connector && lost.length > 0) {
      await job.transaction((tx) => {
        return pauseWithoutTrigger(tx, context.emit, connector, stream, lost, context.clock.now());
      });
    }
    if (!connector || !compiled || served.length === 0 || connection.status !== "active") {
      return { done: true, commit: async (tx) => void (await saveStream(tx, { ...stream, nextPollAt: null })) };
    }
    return new Poll(
      context,
      { ...needs, startedAt },
      job,
      { ...loaded, subscriptions: served },
      connector,
      compiled,
    ).run(signal);
  });
}

const streamOf = ({ data }: JobFacts): number => data["stream"] as number;

async function load(sql: Sql, jobs: readonly JobFacts[]): Promise<Map<number, Loaded>> {
  const loaded = await loadStreams(sql, [...new Set(jobs.map(streamOf))]);
  return new Map(jobs.flatMap((job) => (loaded.has(streamOf(job)) ? [[job.id, loaded.get(streamOf(job))!]] : [])));
}

/** One poll of one stream. */
class Poll {
  readonly #context: PollerContext;
  readonly #needs: PollerNeeds & { startedAt: number };
  readonly #job: Job;
  #loaded: Loaded;
  readonly #connector: Connector;
  readonly #compiled: CompiledStream;
  readonly #subscribers: readonly Subscriber[];
  readonly #schedules: readonly Schedule[];
  readonly #begunAt: number;

  constructor(
    context: PollerContext,
    needs: PollerNeeds & { startedAt: number },
    job: Job,
    loaded: Loaded,
    connector: Connector,
    compiled: CompiledStream,
  ) {
    this.#context = context;
    this.#needs = needs;
    this.#job = job;
    this.#loaded = loaded;
    this.#connector = connector;
    this.#compiled = compiled;
    this.#subscribers = loaded.subscriptions.map((subscription) => toSubscriber(connector, subscription, context.log));
    this.#schedules = schedulesOf(connector, loaded.subscriptions);
    this.#begunAt = context.clock.now();
  }

  async run(signal: AbortSignal): Promise<Outcome> {
    const { clock } = this.#context;
    const startedAt = performance.now();
    const measure = (outcome: "ok" | "failed", events: number): void => {
      const durationMs = performance.now() - startedAt;
      const [connector, stream] = [this.#connector.name, this.#compiled.name];
      this.#needs.onPoll?.({ connector, stream, outcome, durationMs, events });
    };
    try {
      if (this.#job.interruptions >= SUSPECT_AFTER) await this.#reportInterruptions();
      const read = await readStream(await this.#prepare(signal));
      measure("ok", read.events);
      return this.#succeeded(read);
    } catch (error) {
      if (signal.aborted) return { runAgainAt: clock.now(), attempt: "keep" };
      measure("failed", 0);
      return await this.#failed(error);
    }
  }

  async #prepare(signal: AbortSignal): Promise<Reading> {
    const { db, emit, log, clock } = this.#context;
    await this.#setBack();
    const { stream, connection } = this.#loaded;
    const compiled = this.#compiled;
    const reading: Omit<Reading, "source"> = {
      db,
      transaction: (work) =>
        this.#job.transaction(async (tx) => {
          await assertStream(tx, stream.id);
          return work(tx);
        }),
      emit,
      log,
      now: () => clock.now(),
      connector: this.#connector.name,
      user: connection.user,
      stream,
      compiled,
      requestHash: requestHashOf(compiled),
      subscribers: this.#subscribers,
      releasesDeletions: this.#needs.releasesDeletions,
    };
    const fresh = await upgraded(reading);
    const source = await sourceOf(this.#needs, this.#loaded, compiled, signal);
    return { ...reading, stream: fresh, source };
  }

  /** What was written while the clock was ahead is of now, before anything is compared with it. */
  async #setBack(): Promise<void> {
    const { stream } = this.#loaded;
    const now = this.#context.clock.now();
    if (!isAhead(stream, now)) return;
    this.#loaded = { ...this.#loaded, stream: await this.#job.transaction((tx) => setBack(tx, stream, now)) };
  }

  /** Polls of this stream ended their process again and again: that is reported before one does once more. */
  async #reportInterruptions(): Promise<void> {
    const { stream, subscriptions } = this.#loaded;
    const { interruptions } = this.#job;
    const message = `The process has ended ${interruptions} times in a row while this stream was read; polling continues with pauses`;
    const error: StreamError = { code: "interrupted", message, at: this.#context.clock.now() };
    const recipients = subscriptions.filter(isNotTold);
    await this.#job.transaction(async (tx) => {
      if (!(await saveStream(tx, { ...stream, lastError: error }))) return;
      if (recipients.length === 0) return;
      await setDegraded(tx, stream.id, true);
      await this.#tell(tx, recipients, degradedBy(error));
    }, "note");
    this.#loaded = { ...this.#loaded, subscriptions: subscriptions.map((one) => ({ ...one, degraded: true })) };
  }

  #succeeded(read: ReadResult): Outcome {
    const next = read.again ?? this.#next();
    const stream = { ...this.#withEvents(read), nextPollAt: next };
    const hasNews = newsOf(this.#facts(read.stream, this.#loaded.subscriptions)).length > 0;
    return {
      runAgainAt: next,
      attempt: "reset",
      relaxed: read.nothingNew && !hasNews,
      commit: async (tx) => {
        if (!(await saveStream(tx, stream))) return;
        // The watch may have reported meanwhile what was not reported when the poll began; whose first read this was missed nothing.
        const facts = hasNews && this.#facts(read.stream, await activeSubscriptions(tx, [stream.id]));
        await read.commit(tx);
        if (!facts) return;
        const isBad = isDegraded(facts);
        // A read in doubt settles nothing, and a report of before stands.
        if (isBad || !isDoubted(stream)) await setDegraded(tx, stream.id, isBad);
        for (const { recipients, report } of newsOf(facts)) await this.#tell(tx, recipients, report);
      },
    };
  }

  #facts(read: StreamRecord, subscriptions: readonly SubscriptionRecord[]): ReadFacts {
    const [{ stream: before }, compiled, schedules, begunAt] = [
      this.#loaded,
      this.#compiled,
      this.#schedules,
      this.#begunAt,
    ];
    return {
      before,
      read,
      subscriptions,
      compiled,
      schedules,
      begunAt,
      startedAt: this.#needs.startedAt,
      clock: this.#context.clock,
    };
  }

  #withEvents({ stream, events }: ReadResult): StreamRecord {
    return events === 0 ? stream : withEvents(stream, this.#context.clock.now());
  }

  async #failed(error: unknown): Promise<Outcome> {
    const { db, clock, log, random } = this.#context;
    const { connection, subscriptions } = this.#loaded;
    // Pages were committed meanwhile: the checkpoint in the store is newer than the one that was loaded.
    const [current] = await streamsByIds(db, [this.#loaded.stream.id]);
    if (!current) return { done: true };
    const now = clock.now();
    const interval = runAfter(this.#schedules, current.id, now, 1) - now;
    const pace = this.#paceOf(current, now);
    const failure = failureOf(error, current, { now, planned: this.#next(), interval, pace, random });
    const { stream, isLimit, isDegraded } = failure;
    const facts = { connection: connection.id, connector: this.#connector.name, stream: stream.stream, err: error };
    if (isLimit) log.info(facts, "the vendor asked to wait");
    else log.warn(facts, "a poll failed");
    const isToTell = isDegraded && subscriptions.some(isNotTold);
    const commit = async (tx: Tx): Promise<void> => {
      if (!(await saveStream(tx, stream)) || !isToTell) return;
      const recipients = (await activeSubscriptions(tx, [stream.id])).filter(isNotTold);
      await setDegraded(tx, stream.id, true);
      await this.#tell(tx, recipients, degradedBy(failure.error));
    };
    const { nextPollAt } = stream;
    return nextPollAt === null ? { done: true, commit } : { runAgainAt: nextPollAt, attempt: "count", commit };
  }

  #next(): number {
    return nextPoll(this.#loaded.stream.id, this.#schedules, this.#context.clock.now());
  }

  #paceOf(stream: StreamRecord, now: number): Pace {
    return paceOf(stream, { ...this.#loaded, schedules: this.#schedules, now, clock: this.#context.clock });
  }

  async #tell(tx: Tx, recipients: readonly SubscriptionRecord[], report: Report): Promise<void> {
    const { emit, clock } = this.#context;
    await tell(
      emit,
      tx,
      { connector: this.#connector.name, stream: this.#compiled.name },
      recipients,
      report,
      clock.now(),
    );
  }
}
