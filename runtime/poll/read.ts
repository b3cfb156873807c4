import { durationMs } from "../core/duration.ts";
import type { NewEvent } from "../model/events.ts";
import { forget, forgetUnseenSince, knownByKeys, markSeen, remember, type Known } from "../model/known.ts";
import { raiseSequence, saveStream, type Checkpoint, type StreamRecord } from "../model/streams.ts";
import { finishBackfill } from "../model/subscriptions.ts";
import { cursorStrategy, type CursorStrategy, type ReadPlan } from "../read/cursors.ts";
import { listingOf, pages, type ReadPage } from "../read/pages.ts";
import type { PolledRecord } from "../read/records.ts";
import type { Tx } from "../store/database.ts";
import { VendorError } from "../vendor/errors.ts";
import { serverTime } from "../vendor/response.ts";
import { decide, resume, type Decision } from "./decide.ts";
import { diffPage, type Difference } from "./diff.ts";
import { doubtAfter, heldError, judgeAbsences, type Doubted } from "./doubt.ts";
import { EventMaker } from "./event-maker.ts";
import type { Reading } from "./reading.ts";
import { enriched, keyed } from "./records.ts";
import { absentAfter } from "./sweep.ts";

/** What a finished read leaves to be committed together with the plan of the next one. */
export interface ReadResult {
  stream: StreamRecord;
  commit: (tx: Tx) => Promise<void>;
  /** How many events all of its pages made. */
  events: number;
  /** Whether the same read once more would come to the same. */
  nothingNew: boolean;
  /** When to read again at the latest, to settle a doubt; milliseconds since the epoch. */
  again?: number | undefined;
}

/** What a page, or a batch of absent records, changes in the store. */
interface Changes {
  difference: Omit<Difference, "changes">;
  events: readonly NewEvent[];
  /** Whether the page brought something that this read had not seen yet. */
  isProgress?: boolean;
}

/** Pages of one poll, unless the manifest says otherwise. */
export const MOST_PAGES = 1000;

const NO_DIFFERENCE: Changes["difference"] = { remembered: [], unchanged: [], forgotten: [], kept: 0 };

const NO_CHANGES: Changes = { difference: NO_DIFFERENCE, events: [] };

/** Answers that say a place in a list is not known, where the list itself is fine. */
const STALE = new Set(["invalidInput", "notFound", "unknown"]);

/**
 * Reads a stream, from its cursor or its checkpoint to the end. Each page but the last is committed with a checkpoint
 * (known versions, events, place); the last is left to the caller, to be committed with the next poll.
 * @throws VendorError an answer that is an error, unless it is an expired cursor: then everything is read and compared
 * @throws HooklineError `pagination_loop`, and what a request throws
 */
export async function readStream(reading: Reading): Promise<ReadResult> {
  return new StreamRead(reading).run();
}

class StreamRead {
  readonly #reading: Reading;
  readonly #strategy: CursorStrategy;
  readonly #maker: EventMaker;
  /** As it was committed last. */
  #stream: StreamRecord;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.#strategy = cursorStrategy(reading.compiled.cursor, reading.source.scope);
    this.#maker = new EventMaker(reading);
    this.#stream = reading.stream;
  }

  async run(): Promise<ReadResult> {
    try {
      const { checkpoint } = this.#stream;
      return await this.#read(checkpoint ? resume(checkpoint, this.#stream, this.#strategy) : await this.#decide());
    } catch (error) {
      if (!(error instanceof VendorError)) throw error;
      const { id, cursor, checkpoint } = this.#stream;
      const expired = error.class === "cursorExpired" && (cursor !== null || checkpoint !== null);
      // A page token does not outlive a long stop. Records of its pages are known by now, and make no second event.
      const stale = checkpoint?.page != null && STALE.has(error.class);
      if (!expired && !stale) throw error;
      this.#reading.log.info(
        { stream: id, expired },
        "the vendor no longer accepts the page token; reading starts from the beginning",
      );
      this.#stream = { ...this.#stream, cursor: expired ? null : cursor, checkpoint: null };
      return await this.#read(await this.#decide(expired ? cursor : null));
    }
  }

  async #decide(expired: unknown = null): Promise<Decision> {
    return decide(this.#reading, this.#stream, this.#strategy, expired);
  }

  async #read({ checkpoint, plan }: Decision): Promise<ReadResult> {
    if (plan === null) {
      return this.#finish(checkpoint, { difference: NO_DIFFERENCE, events: this.#maker.gaps(checkpoint) });
    }
    const meansNothing = plan.absence === "nothing";
    const most = this.#mostPages(checkpoint);
    let at = checkpoint;
    /** Keys of a complete read's only page: what else is known must be gone, without a mark on each record. */
    let listed: ReadonlySet<string> | undefined;
    let count = 0;
    for await (const page of this.#pages(checkpoint, plan)) {
      const records = await enriched(this.#reading, page.records, at);
      const polled = keyed(this.#reading, records, page.response);
      if (polled.length < records.length) at = { ...at, hasUnkeyed: true };
      const notes = this.#note(at, page, records);
      if (!meansNothing && isOnly(page) && this.#stream.doubt === null) listed = new Set(polled.map(({ key }) => key));
      const changes = await this.#compare(polled, at, !meansNothing && !listed);
      at = { ...at, ...page.at, notes, kept: (at.kept ?? 0) + changes.difference.kept };
      if (page.next === null && (meansNothing || at.hasUnkeyed)) return this.#finish(at, changes);
      at = page.next === null ? { ...at, page: null, sweepAfter: "" } : { ...at, ...page.next };
      await this.#commit(at, changes, listed ? undefined : at.sweepAfter);
      if (page.next !== null && ++count >= most) return this.#pause();
    }
    if (meansNothing || at.hasUnkeyed) return this.#finish(at, NO_CHANGES);
    return await this.#sweep(at, plan, listed);
  }

  /** The pages that are left: none when the checkpoint lies behind them, or when there is no item to read a list of. */
  async *#pages(checkpoint: Checkpoint, plan: ReadPlan): AsyncGenerator<ReadPage> {
    if (checkpoint.sweepAfter !== undefined) return;
    const { source, compiled } = this.#reading;
    const { recovering } = checkpoint;
    const scope = { ...source.scope, cursor: recovering ?? this.#stream.cursor };
    yield* pages({ ...source, scope }, listingOf(compiled, recovering !== null), plan, checkpoint);
  }

  #mostPages({ recovering }: Checkpoint): number {
    const { definition } = listingOf(this.#reading.compiled, recovering !== null).pagination;
    return ("maxPages" in definition ? definition.maxPages : undefined) ?? MOST_PAGES;
  }

  #note(at: Checkpoint, { response }: ReadPage, records: readonly unknown[]): unknown {
    const serverNow = serverTime(response, this.#reading.now());
    return this.#strategy.note(at.notes, { response, records, serverNow });
  }

  /** What a page changes, and the events that follow. `marks`: the records that are as they were known are marked as seen. */
  async #compare(polled: readonly PolledRecord[], at: Checkpoint, marks: boolean): Promise<Changes> {
    const { db, compiled } = this.#reading;
    const keys = polled.flatMap((record) => [record.key, ...record.previousKeys]);
    const known = await knownByKeys(db, this.#stream.id, keys);
    const { changes, ...difference } = diffPage(polled, known, at.startedAt);
    const isProgress =
      changes.length > 0 || (marks && difference.unchanged.some((key) => isUnseen(known.get(key), at)));
    if (!marks && compiled.definition.records.remember === undefined) difference.unchanged = [];
    const events = [...this.#maker.changes(changes, at), ...this.#maker.backfill(polled, at)];
    return { difference, events, isProgress };
  }

  async #sweep(from: Checkpoint, plan: ReadPlan, listed: ReadonlySet<string> | undefined): Promise<ReadResult> {
    const { db, source } = this.#reading;
    const { sweepAfter = "", startedAt } = from;
    for (let after = sweepAfter; ;) {
      source.signal.throwIfAborted();
      const place = { sweepAfter: after, startedAt };
      const batch = await absentAfter(db, this.#stream.id, place, plan.absence, listed);
      if (after === "" && batch.keys.length > 0) {
        const verdict = await judgeAbsences(this.#reading, this.#stream, from, plan, listed);
        if (verdict.kind !== "believed") return this.#doubt(from, verdict, listed);
      }
      const difference = { ...NO_DIFFERENCE, forgotten: batch.keys };
      const changes = { difference, events: this.#maker.changes(batch.changes, from) };
      if (batch.next === null) return this.#finish(from, changes);
      after = batch.next;
      await this.#commit(from, changes, listed ? undefined : after);
    }
  }

  /** An only page leaves no marks to sweep by, so its checkpoint has no `sweepAfter`: after a crash the page is read again. */
  async #commit(at: Checkpoint, changes: Changes, sweepAfter: string | undefined): Promise<void> {
    const { isProgress = true } = changes;
    const progressAt = isProgress ? this.#reading.now() : this.#stream.checkpoint?.progressAt;
    const stream = { ...this.#stream, checkpoint: { ...at, sweepAfter, progressAt } };
    await this.#reading.transaction(async (tx) => {
      await this.#write(tx, changes, at.startedAt);
      await saveStream(tx, stream);
    });
    this.#stream = stream;
  }

  async #write(tx: Tx, { difference, events }: Changes, seen: number): Promise<void> {
    const { id } = this.#stream;
    const { forgotten, remembered, unchanged } = difference;
    await forget(tx, id, forgotten);
    await remember(tx, id, remembered);
    await markSeen(tx, id, unchanged, seen);
    if (events.length === 0) return;
    await this.#reading.emit(tx, events);
    await raiseSequence(tx, id, this.#maker.sequence);
  }

  /** Enough for one poll: the next continues at the checkpoint. */
  #pause(): ReadResult {
    const { doubt } = this.#stream;
    const lastError = doubt?.isHeld ? heldError(doubt) : null;
    const stream = { ...this.#stream, lastPollAt: this.#reading.now(), consecutiveErrors: 0, lastError };
    return { stream, commit: async () => {}, events: this.#maker.events, nothingNew: false };
  }

  /** The read has ended; what it did not list stays known. Its marks tell a later read what neither has listed. */
  #doubt(from: Checkpoint, verdict: Doubted, listed: ReadonlySet<string> | undefined): ReadResult {
    const result = this.#finish(from, NO_CHANGES, verdict);
    const commit = async (tx: Tx): Promise<void> => {
      await result.commit(tx);
      if (listed) await markSeen(tx, this.#stream.id, [...listed], from.startedAt);
    };
    return { ...result, commit };
  }

  #finish(at: Checkpoint, changes: Changes, doubted?: Doubted): ReadResult {
    const { startedAt, joining, notes } = at;
    const { compiled, requestHash } = this.#reading;
    const now = this.#reading.now();
    const before = this.#stream;
    const doubt = doubtAfter(before.doubt, at, doubted);
    const stream: StreamRecord = {
      ...before,
      requestHash,
      cursorVersion: compiled.definition.cursorVersion ?? 1,
      cursor: this.#strategy.after(before.cursor, notes),
      cursorAt: startedAt,
      checkpoint: null,
      baselinedAt: before.baselinedAt ?? now,
      lastPollAt: now,
      lastSuccessAt: now,
      consecutiveErrors: 0,
      lastError: doubt?.isHeld ? heldError(doubt) : null,
      doubt,
    };
    const { remember: keep } = compiled.definition.records;
    const commit = async (tx: Tx): Promise<void> => {
      await this.#write(tx, changes, startedAt);
      await finishBackfill(tx, joining);
      if (keep !== undefined && dayOf(before.lastSuccessAt ?? 0) !== dayOf(now)) {
        await forgetUnseenSince(tx, stream.id, now - durationMs(keep));
      }
    };
    const { remembered, forgotten } = changes.difference;
    const changed = remembered.length + forgotten.length + changes.events.length + joining.length;
    const onlyRead = before.baselinedAt !== null && before.checkpoint === null && before.doubt === doubt;
    const again = doubted?.kind === "doubted" ? doubted.again : undefined;
    return { stream, commit, events: this.#maker.events, nothingNew: onlyRead && changed === 0, again };
  }
}

/** A record that a read has listed is marked with the time when the read began. */
const isUnseen = (known: Known | undefined, { startedAt }: Checkpoint): boolean =>
  known === undefined || known.seen < startedAt;

/** Whether a page is the first and the last of the only list of a read. */
function isOnly({ at, next }: ReadPage): boolean {
  return at.page === null && next === null && (at.each?.items.length ?? 1) === 1;
}

/** Days since the epoch, in UTC. */
const dayOf = (time: number): number => Math.floor(time / 86_400_000);
