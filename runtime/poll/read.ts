import { VendorError } from "../connect/errors.ts";
import { serverTime } from "../connect/response.ts";
import { durationMs } from "../core/duration.ts";
import { HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { Job } from "../engine/engine.ts";
import type { CompiledPagination } from "../manifest/compile-reads.ts";
import type { CompiledRecords } from "../manifest/compile-records.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { CompiledRequest } from "../manifest/requests.ts";
import type { Database, Tx } from "../store/database.ts";
import type { Emit, NewEvent } from "../store/events.ts";
import { forget, forgetUnseenSince, knownAfter, knownByKeys, markSeen, remember } from "../store/known.ts";
import { saveStream, type Checkpoint, type StreamRecord } from "../store/streams.ts";
import { finishBackfill } from "../store/subscriptions.ts";
import { cursorStrategy, timeMs, type CursorStrategy, type ReadPlan } from "./cursors.ts";
import { diffPage, type Change, type Difference } from "./diff.ts";
import { listItems, withItem } from "./each.ts";
import { enrichAll, send, type Source } from "./fetch.ts";
import { eventsOf, type EventContext, type Subscriber } from "./match.ts";
import { gapEvent } from "./operational.ts";
import { Paginator, type Assignment, type PageState } from "./paginate.ts";
import { toPolledRecord, type PolledRecord } from "./records.ts";

export interface ReadOptions {
  db: Database;
  emit: Emit;
  log: Log;
  now: () => number;
  stream: StreamRecord;
  compiled: CompiledStream;
  /** Hash of everything the cursor depends on. */
  requestHash: string;
  subscribers: readonly Subscriber[];
  source: Source;
  context: Omit<EventContext, "at" | "log">;
  /** In which pages are committed; see {@link Job}. */
  transaction: Job["transaction"];
}

/** Which list is read: the stream's own, or the one that says what an expired cursor has missed. */
interface Listing {
  request: CompiledRequest;
  pagination: CompiledPagination;
  records: CompiledRecords;
}

/** What a finished read leaves to be committed together with the plan of the next one. */
export interface ReadResult {
  stream: StreamRecord;
  commit: (tx: Tx) => Promise<void>;
  /** How many events all of its pages made. */
  events: number;
  /** Whether reading it all again would tell and remember the same. */
  nothingNew: boolean;
}

const SWEEP_BATCH = 1000;
/** Pages of one poll, unless the manifest says otherwise. */
const MOST_PAGES = 1000;

/** The answer that stands for no records: one of several lists was deleted after they were listed, or the stream accepts the error. */
const NOTHING = { status: 404, headers: {}, body: null, url: "" };

/** Answers that say a place in a list is not known, where the list itself is fine. */
const STALE = new Set(["invalidInput", "notFound", "unknown"]);

/**
 * One read of a stream, from its cursor or its checkpoint to the end. Each page but the last is committed with a checkpoint
 * (known versions, events, place); the last is left to the caller, to be committed with the next poll.
 */
export class StreamRead {
  readonly #o: ReadOptions;
  readonly #strategy: CursorStrategy;
  /** As committed last, and then as to be committed next. */
  #stream: StreamRecord;
  #events = 0;
  /** Keys of a complete read's only page: what else is known must be gone, without a mark on each record. */
  #onlyPage: Set<string> | undefined;
  /** Keys that were told as they were there before; a list that moves while it is read shows some twice. */
  readonly #backfilled = new Set<string>();

  constructor(options: ReadOptions) {
    this.#o = options;
    this.#stream = options.stream;
    this.#strategy = cursorStrategy(options.compiled.cursor, options.source.scope);
  }

  /**
   * @throws VendorError what the vendor answered, unless it is an expired cursor: then everything is read and compared
   * @throws HooklineError `pagination_loop`, `stopped`
   */
  async run(): Promise<ReadResult> {
    try {
      return await this.#read(this.#stream.checkpoint ?? (await this.#begin()));
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      const { cursor, checkpoint } = this.#stream;
      const expired = error.class === "cursorExpired" && (cursor !== null || checkpoint !== null);
      // A page token does not outlive a long stop; what its pages told before is known and not told again.
      const stale = checkpoint?.page != null && STALE.has(error.class);
      if (!expired && !stale) throw error;
      this.#o.log.info(
        { stream: this.#stream.id, expired },
        "the vendor no longer knows the place: reading from the start",
      );
      this.#stream = { ...this.#stream, cursor: expired ? null : cursor, checkpoint: null };
      this.#onlyPage = undefined;
      return await this.#read(await this.#begin(expired ? cursor : null));
    }
  }

  /** Decides what kind of read this is. `expired` is the cursor that the vendor no longer takes. */
  async #begin(expired: unknown = null): Promise<Checkpoint> {
    const { compiled, subscribers, now } = this.#o;
    const joining = subscribers.filter((s) => s.subscription.backfill === "pending");
    const backfill = joining.some((s) => s.subscription.firstPoll !== "baseline");
    const first = this.#stream.baselinedAt === null;
    const startedAt = now();
    const since =
      first || backfill ? null : this.#strategy.since(this.#stream.cursor, startedAt, this.#stream.cursorAt ?? 0);
    const checkpoint: Checkpoint = {
      complete: since === null,
      startedAt,
      mode: first ? "baseline" : "diff",
      page: null,
      notes: null,
      joining: joining.map((s) => s.subscription.id),
      recovering: null,
    };
    if (compiled.each) return { ...checkpoint, each: await listItems(this.#o.source, compiled.each) };
    const { baseline, recover } = compiled.cursor;
    if (since !== null || !baseline) return checkpoint;
    // The number is taken before anything is listed: what arrives while the list is read is then read again, not missed.
    const response = await send(this.#o.source, baseline.request(this.#o.source.scope), []);
    const missed = !first || backfill;
    return {
      ...checkpoint,
      notes: String(baseline.from(response) ?? ""),
      recovering: missed && recover ? { value: expired, sinceSeconds: this.#missedSince() } : null,
      listless: !(missed && recover),
    };
  }

  /** Ten minutes before the last success: an overlap for what the vendor was still indexing. */
  #missedSince(): number {
    const last = this.#stream.lastSuccessAt;
    return last === null ? 0 : Math.floor(last / 1000) - 600;
  }

  async #read(checkpoint: Checkpoint): Promise<ReadResult> {
    if (checkpoint.listless) return this.#finish(checkpoint, this.#gaps(checkpoint), undefined);
    const plan = this.#plan(checkpoint);
    const listing = this.#listing(checkpoint);
    let paginator = new Paginator(listing.pagination);
    let at = checkpoint;
    if (at.each?.items.length === 0) {
      if (plan.absence === "nothing") return this.#finish(at, [], undefined);
      at = { ...at, sweepAfter: "" };
    }
    const { definition } = listing.pagination;
    const most = ("maxPages" in definition ? definition.maxPages : undefined) ?? MOST_PAGES;
    for (let pages = 1; at.sweepAfter === undefined; pages++) {
      this.#assertRunning();
      const page = await this.#readPage(listing, plan, paginator, at);
      ({ at } = page);
      const moreItems = at.each !== undefined && at.each.at + 1 < at.each.items.length;
      if (at.page === null && moreItems) {
        at.each = { ...at.each!, at: at.each!.at + 1 };
        paginator = new Paginator(listing.pagination);
      }
      const lastPage = at.page === null && !moreItems;
      if (lastPage && plan.absence === "nothing") return this.#finish(at, page.events, page.difference);
      if (lastPage) at = { ...at, sweepAfter: "" };
      await this.#commitPage(at, page.events, page.difference);
      if (!lastPage && pages >= most) return this.#pause();
    }
    return await this.#sweep(at, plan);
  }

  /** What one page changes. It keeps nothing of the answer that is not told of, so that only one page is in memory. */
  async #readPage(listing: Listing, plan: ReadPlan, paginator: Paginator, from: Checkpoint) {
    const state = from.page as PageState;
    const { records, response } = await this.#page(listing, plan, paginator, state, from);
    const next = paginator.next(state, { response, records });
    const enriched = await this.#enriched(records, from);
    const polled = this.#polled(enriched);
    const serverNow = serverTime(response, this.#o.now());
    const notes = this.#strategy.note(from.notes, { response, records: enriched, serverNow });
    const many = (from.each?.items.length ?? 1) > 1;
    if (next === null && state === null && !many && plan.absence !== "nothing") {
      this.#onlyPage = new Set(polled.map((record) => record.key));
    }
    return { at: { ...from, page: next, notes } as Checkpoint, ...(await this.#compare(polled, from, plan)) };
  }

  /** Enough for one poll: the next goes on at the checkpoint. */
  #pause(): ReadResult {
    const stream = { ...this.#stream, lastPollAt: this.#o.now(), consecutiveErrors: 0, lastError: null };
    return { stream, commit: async () => {}, events: this.#events, nothingNew: false };
  }

  #plan(checkpoint: Checkpoint): ReadPlan {
    const since = checkpoint.complete
      ? null
      : this.#strategy.since(this.#stream.cursor, checkpoint.startedAt, this.#stream.cursorAt ?? 0);
    return since ?? this.#strategy.everything(checkpoint.startedAt);
  }

  #listing({ recovering }: Checkpoint): Listing {
    const { compiled } = this.#o;
    const { recover } = compiled.cursor;
    if (!recovering || !recover)
      return { request: compiled.request, pagination: compiled.pagination, records: compiled };
    return { request: recover.request, pagination: recover.pagination, records: recover.records ?? compiled };
  }

  async #page(listing: Listing, plan: ReadPlan, paginator: Paginator, state: PageState, at: Checkpoint) {
    const { source, compiled } = this.#o;
    const item = at.each?.items[at.each.at];
    const scope = { ...source.scope, cursor: at.recovering ?? this.#stream.cursor, item };
    const { assignments, url } = paginator.request(state);
    // A page's own place wins over the cursor's: a keyset goes on after the last record of the page before.
    const all: Assignment[] = [...plan.assignments, ...assignments];
    const response = await send(source, listing.request(scope), all, url).catch((error: unknown) => {
      if (!(error instanceof VendorError)) throw error;
      if (compiled.each && error.class === "notFound") return NOTHING;
      if (compiled.accept.includes(error.class)) return { ...NOTHING, status: error.status };
      throw error;
    });
    const records = listing.records.select(response);
    return { response, records: compiled.each ? withItem(records, compiled.each, item) : records };
  }

  /** Records with what one more request for each tells; with `once`, only those that somebody is going to be told of. */
  async #enriched(records: readonly unknown[], at: Checkpoint): Promise<readonly unknown[]> {
    const { source, compiled, db } = this.#o;
    const { enrich } = compiled;
    if (!enrich) return records;
    if (!enrich.once || this.#backfilling(at).length > 0) return await enrichAll(source, enrich, records);
    if (at.mode === "baseline") return records;
    const keys = records.flatMap((record) => compiled.key(record) ?? []);
    const known = await knownByKeys(db, this.#stream.id, keys);
    const { old = [], fresh = [] } = Object.groupBy(records, (record) =>
      known.has(compiled.key(record) ?? "") ? "old" : "fresh",
    );
    return [...old, ...(await enrichAll(source, enrich, fresh))];
  }

  #polled(records: readonly unknown[]): PolledRecord[] {
    const polled: PolledRecord[] = [];
    for (const raw of records) {
      const record = toPolledRecord(this.#o.compiled, raw, this.#stream.input);
      if (record) polled.push(record);
    }
    if (polled.length < records.length) {
      const without = records.length - polled.length;
      this.#o.log.warn({ stream: this.#stream.id, without }, "records without a primary key were passed over");
    }
    return polled;
  }

  /** What a page changes, and the events that follow from it. */
  async #compare(polled: readonly PolledRecord[], at: Checkpoint, plan: ReadPlan) {
    const keys = polled.flatMap((record) => [record.key, ...record.previousKeys]);
    const known = await knownByKeys(this.#o.db, this.#stream.id, keys);
    const difference = diffPage(polled, known, at.startedAt);
    const marks =
      (plan.absence !== "nothing" && !this.#onlyPage) || this.#o.compiled.definition.records.remember !== undefined;
    if (!marks) difference.unchanged = [];
    const events = [...this.#tell(difference.changes, at), ...this.#backfill(polled, at)];
    return { difference: { ...difference, changes: [] }, events };
  }

  /** Events for those who were there before this read began; a first read tells nobody. */
  #tell(changes: readonly Change[], at: Checkpoint): NewEvent[] {
    if (at.mode === "baseline") return [];
    const told = this.#o.subscribers.filter((s) => !at.joining.includes(s.subscription.id));
    return changes.flatMap((change) => this.#eventsOf(change, told, false));
  }

  #backfilling(at: Checkpoint): Subscriber[] {
    return this.#o.subscribers.filter(
      (s) => at.joining.includes(s.subscription.id) && s.subscription.firstPoll !== "baseline",
    );
  }

  /** That an expired cursor, with nothing to say what it has missed, leaves a time of which nothing is known. */
  #gaps(at: Checkpoint): NewEvent[] {
    if (at.mode === "baseline") return [];
    const { subscribers, context, compiled, now } = this.#o;
    const gap = { from: this.#stream.lastSuccessAt, to: at.startedAt, reason: "cursor_expired" } as const;
    return subscribers
      .filter((s) => !at.joining.includes(s.subscription.id))
      .map((s) => gapEvent(context.connector, compiled.name, s.subscription, gap, now()));
  }

  /** Everything there is, for those who asked to begin with it. */
  #backfill(polled: readonly PolledRecord[], at: Checkpoint): NewEvent[] {
    const joining = this.#backfilling(at);
    if (joining.length === 0) return [];
    return polled
      .filter((record) => !record.deleted && !this.#backfilled.has(record.key))
      .flatMap((record) => {
        this.#backfilled.add(record.key);
        const wanted = joining.filter(({ subscription: { firstPoll } }) => {
          if (typeof firstPoll !== "object") return true;
          const time = timeMs(this.#o.compiled.timestamp?.(record.raw));
          return time === null || time >= Date.parse(firstPoll.since);
        });
        return this.#eventsOf(
          { kind: "created", key: record.key, raw: record.raw, changes: {}, previous: {} },
          wanted,
          true,
        );
      });
  }

  #eventsOf(change: Change, subscribers: readonly Subscriber[], backfill: boolean): NewEvent[] {
    const sequence = this.#stream.sequence + 1;
    const events = eventsOf(
      change,
      sequence,
      subscribers,
      { ...this.#o.context, at: this.#o.now(), log: this.#o.log },
      backfill,
    );
    if (events.length > 0) this.#stream = { ...this.#stream, sequence };
    this.#events += events.length;
    return events;
  }

  async #commitPage(checkpoint: Checkpoint, events: readonly NewEvent[], difference: Difference): Promise<void> {
    // An only page leaves no marks to sweep by: after a crash it is read again.
    const sweepAfter = this.#onlyPage ? undefined : checkpoint.sweepAfter;
    const stream = { ...this.#stream, checkpoint: { ...checkpoint, sweepAfter } };
    await this.#o.transaction(async (tx) => {
      await this.#write(tx, difference, checkpoint.startedAt);
      await this.#o.emit(tx, events);
      await saveStream(tx, stream);
    });
    this.#stream = stream;
  }

  async #write(tx: Tx, difference: Difference, seen: number): Promise<void> {
    const { id } = this.#stream;
    await forget(tx, id, difference.forgotten);
    if (difference.remembered.length > 0) await remember(tx, id, difference.remembered);
    await markSeen(tx, id, difference.unchanged, seen);
  }

  /** After everything was listed: what is known and was not in the list. */
  async #sweep(from: Checkpoint, plan: ReadPlan): Promise<ReadResult> {
    let at = from;
    for (;;) {
      this.#assertRunning();
      const batch = await knownAfter(this.#o.db, this.#stream.id, at.sweepAfter!, SWEEP_BATCH);
      const absent = batch.filter((k) => (this.#onlyPage ? !this.#onlyPage.has(k.key) : k.seen < at.startedAt));
      const changes: Change[] =
        plan.absence === "deleted"
          ? absent.map((k) => ({ kind: "deleted", key: k.key, changes: {}, previous: k.watched ?? {} }))
          : [];
      const events = this.#tell(changes, at);
      const difference = { changes, remembered: [], unchanged: [], forgotten: absent.map((k) => k.key) };
      if (batch.length < SWEEP_BATCH) return this.#finish(at, events, difference);
      at = { ...at, sweepAfter: batch.at(-1)!.key };
      await this.#commitPage(at, events, difference);
    }
  }

  #finish(at: Checkpoint, events: readonly NewEvent[], difference: Difference | undefined): ReadResult {
    const now = this.#o.now();
    const before = this.#stream;
    const stream: StreamRecord = {
      ...before,
      requestHash: this.#o.requestHash,
      cursorVersion: this.#o.compiled.definition.cursorVersion ?? 1,
      cursor: this.#strategy.after(before.cursor, at.notes),
      cursorAt: at.startedAt,
      checkpoint: null,
      baselinedAt: before.baselinedAt ?? now,
      lastPollAt: now,
      lastSuccessAt: now,
      consecutiveErrors: 0,
      lastError: null,
    };
    const { remember: keep } = this.#o.compiled.definition.records;
    const newDay = Math.floor((before.lastSuccessAt ?? 0) / 86_400_000) !== Math.floor(now / 86_400_000);
    const commit = async (tx: Tx): Promise<void> => {
      if (difference) await this.#write(tx, difference, at.startedAt);
      if (events.length > 0) await this.#o.emit(tx, events);
      await finishBackfill(tx, at.joining);
      if (keep !== undefined && newDay) await forgetUnseenSince(tx, stream.id, now - durationMs(keep));
    };
    const changes = difference ? difference.remembered.length + difference.forgotten.length : 0;
    const onlyRead = before.baselinedAt !== null && before.checkpoint === null;
    const nothingNew = onlyRead && changes + events.length + at.joining.length === 0;
    return { stream, commit, events: this.#events, nothingNew };
  }

  #assertRunning(): void {
    if (this.#o.source.signal.aborted)
      throw new HooklineError("stopped", "The runtime is stopping; the read goes on at its checkpoint");
  }
}
