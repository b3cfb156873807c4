import { HooklineError, notFound } from "../../core/errors.ts";
import type { Context } from "../../engine/context.ts";
import type { CompiledStream, Connector } from "../../manifest/connector.ts";
import type { InputOf } from "../../model/input.ts";
import { isVisible, type Scope } from "../../model/principal.ts";
import { countKnown } from "../../model/known.ts";
import { streamsByIds, type StreamRecord } from "../../model/streams.ts";
import {
  subscriptionAudit,
  subscriptions,
  subscriptionsOfStream,
  type SubscriptionRecord,
} from "../../model/subscriptions.ts";
import { connectorOf } from "../../read/connector.ts";
import { lagSecondsOf } from "../health.ts";
import { loadStreams, type Loaded } from "../load.ts";
import type { ReadOnlyReading } from "../reading.ts";
import { sourceOf, type SourceNeeds } from "../source.ts";
import { toSubscriber } from "../subscriber.ts";
import { requestHashOf } from "../upgrade.ts";
import { verifiesAt } from "../verify.ts";
import { compareAll } from "./differences.ts";
import { KeySet } from "./key-set.ts";
import { realTime, type Patience } from "./patience.ts";
import { RunningAudits } from "./running.ts";
import { judge } from "./verdicts.ts";
import { auditView, canReadAll, notAudited, type Subject, type SubscriptionAudit } from "./view.ts";

/** Seconds that an audit may take, unless the caller says otherwise. */
const TIMEOUT_SECONDS = 60;

export interface AuditOptions {
  /** Ends the audit, which then throws the signal's reason. */
  signal?: AbortSignal;
  /** Called before anything is read, with the ids of all subscriptions that read the stream: what comes holds for each of them. */
  onBegin?: (subscriptions: string[]) => void;
  /** Called as records are read: how many so far, and how many are expected. */
  onProgress?: (read: number, expected: number) => void;
  /** Called before a wait, for a limit or until differences are old enough to be told apart: its milliseconds. */
  onWait?: (milliseconds: number) => void;
}

/** Compares what Hookline knows with what the vendors have. */
export interface Audits {
  /**
   * Reads everything of a subscription's stream from the vendor, as a poll would, and compares it with what is known. The cursor,
   * what is known and events stay as they are; polls go on meanwhile. What differs is told from what the next poll will report: see
   * {@link SubscriptionAudit}. An audit that does not end in time reports nothing.
   * Memory: see `compareAll`; 100,000 records that are known take 8 MB.
   * @throws HooklineError `not_found`, `invalid_input`; `conflict` before the first read of the stream has ended, while another audit
   *   of it runs, and when more differs than can be told apart; `rate_limited` while too many others run; `timeout`; what a poll would
   *   fail with
   */
  audit(
    id: string,
    given?: InputOf<typeof subscriptionAudit>,
    scope?: Scope,
    options?: AuditOptions,
  ): Promise<SubscriptionAudit>;
  /** Ends the audits that run, with `stopped`. */
  close(): void;
}

export interface AuditsNeeds extends SourceNeeds {
  /** Whether held deletions are believed after a day in which all reads agreed. */
  releasesDeletions: boolean;
  /** How an audit waits for limits. */
  time?: Pick<Patience, "monotonic" | "sleep">;
}

type AuditsContext = Pick<Context, "db" | "connectors" | "clock" | "log">;

/** Makes the service of audits. */
export function createAudits(context: AuditsContext, needs: AuditsNeeds): Audits {
  const { time = realTime } = needs;
  const running = new RunningAudits();
  const closing = new AbortController();
  return {
    close: () => closing.abort(new HooklineError("stopped", "The runtime is stopping; the audit reports nothing")),

    async audit(id, given = {}, scope = {}, { signal, onBegin = () => {}, onProgress = () => {}, onWait } = {}) {
      const { timeoutSeconds = TIMEOUT_SECONDS } = subscriptionAudit.check(given);
      const subscription = await subscriptions.find(context.db, id);
      if (!subscription || !isVisible(subscription.user, scope)) throw notFound("subscription", id);
      const end = running.begin(subscription);
      const limit = AbortSignal.timeout(timeoutSeconds * 1000);
      const patience: Patience = {
        monotonic: time.monotonic,
        sleep: async (milliseconds, signal) => {
          onWait?.(milliseconds);
          await time.sleep(milliseconds, signal);
        },
        until: time.monotonic() + timeoutSeconds * 1000,
        signal: AbortSignal.any([closing.signal, limit, ...(signal ? [signal] : [])]),
      };
      try {
        return await new Audit(context, needs, subscription, patience, { onBegin, onProgress }).run();
      } catch (error) {
        if (closing.signal.aborted) throw closing.signal.reason;
        if (!limit.aborted || signal?.aborted) throw error;
        const remedy = "Give a larger timeoutSeconds, or run hookline audit on the command line";
        const message = `The audit of subscription ${id} did not end within ${timeoutSeconds} s, so it reports nothing. ${remedy}`;
        throw new HooklineError("timeout", message, { cause: error });
      } finally {
        end();
      }
    },
  };
}

type Calls = Required<Pick<AuditOptions, "onBegin" | "onProgress">>;

/** One audit of one stream. */
class Audit {
  readonly #context: AuditsContext;
  readonly #needs: AuditsNeeds;
  readonly #subscription: SubscriptionRecord;
  readonly #patience: Patience;
  readonly #calls: Calls;

  constructor(
    context: AuditsContext,
    needs: AuditsNeeds,
    subscription: SubscriptionRecord,
    patience: Patience,
    calls: Calls,
  ) {
    this.#context = context;
    this.#needs = needs;
    this.#subscription = subscription;
    this.#patience = patience;
    this.#calls = calls;
  }

  async run(): Promise<SubscriptionAudit> {
    const { db, connectors, clock } = this.#context;
    const { id, stream } = this.#subscription;
    const loaded = (await loadStreams(db, [stream])).get(stream);
    if (!loaded) throw notFound("subscription", id);
    this.#calls.onBegin((await subscriptionsOfStream(db, stream)).map((one) => one.id));
    const connector = connectorOf(loaded.connection, connectors);
    const compiled = connector.streams.get(loaded.stream.stream);
    if (!compiled) {
      const message = `Subscription ${id} reads ${loaded.stream.stream}, which its connector no longer has; remove it`;
      throw new HooklineError("conflict", message);
    }
    this.#assertComparable(loaded.stream, compiled);
    if (!canReadAll(compiled)) return notAudited(await this.#subject(loaded, connector), compiled, clock.now());
    const reading = await this.#readingOf(loaded, connector, compiled);
    const expected = await countKnown(db, stream);
    const onRead = (read: number): void => this.#calls.onProgress(read, Math.max(read, expected));
    const seen = new KeySet();
    const first = await compareAll(reading, this.#patience, { seen, onRead });
    const fresh = async (): Promise<ReadOnlyReading> => {
      const [current] = await streamsByIds(db, [stream]);
      if (current?.baselinedAt === loaded.stream.baselinedAt) {
        this.#assertComparable(current, compiled);
        return { ...reading, stream: current };
      }
      const message = `What is known of subscription ${id}'s stream was replaced while it was audited; audit it again`;
      throw new HooklineError("conflict", message);
    };
    const judged = await judge(first, { fresh, patience: this.#patience, seen, onRead });
    const { stream: current } = await fresh();
    const subject = await this.#subject({ ...loaded, stream: current }, connector);
    const verifies = verifiesAt(current, compiled.definition);
    return auditView(subject, compiled, { ...judged, read: seen.size, verifiesAt: verifies });
  }

  /** Without a first read, or after one of another request, what is known is not what this manifest would know. */
  #assertComparable({ baselinedAt, requestHash, cursorVersion }: StreamRecord, compiled: CompiledStream): void {
    const { id } = this.#subscription;
    if (baselinedAt === null) {
      const message = `The first read of subscription ${id}'s stream has not ended, so there is nothing to compare with; audit it once its health is active`;
      throw new HooklineError("conflict", message);
    }
    const { cursorVersion: version = 1 } = compiled.definition;
    if (requestHash === requestHashOf(compiled) && cursorVersion === version) return;
    const message = `Subscription ${id}'s stream was last read by another version of the manifest; audit it after the next poll`;
    throw new HooklineError("conflict", message);
  }

  async #readingOf(loaded: Loaded, connector: Connector, compiled: CompiledStream): Promise<ReadOnlyReading> {
    const { db, log, clock } = this.#context;
    const { stream, connection } = loaded;
    const source = await sourceOf(this.#needs, loaded, compiled, this.#patience.signal);
    return {
      db,
      log,
      now: () => clock.now(),
      connector: connector.name,
      user: connection.user,
      stream,
      compiled,
      requestHash: requestHashOf(compiled),
      subscribers: loaded.subscriptions.map((one) => toSubscriber(connector, one, log)),
      source,
      releasesDeletions: this.#needs.releasesDeletions,
    };
  }

  async #subject({ stream, subscriptions: readers }: Loaded, connector: Connector): Promise<Subject> {
    const { db, clock } = this.#context;
    const subscription = this.#subscription;
    const all = await subscriptionsOfStream(db, stream.id);
    return {
      subscription: subscription.id,
      subscriptions: all.map(({ id }) => id),
      connection: stream.connection,
      stream: stream.stream,
      lagSeconds: lagSecondsOf(stream, { subscription, readers, connector, clock }),
    };
  }
}
