import { durationMs } from "../core/duration.ts";
import { DAY } from "../core/time.ts";
import { forgetUnseenSince, markSeen, noteLeftOut } from "../model/known.ts";
import type { Gap } from "../model/operational.ts";
import { saveStream, type Checkpoint, type StreamRecord } from "../model/streams.ts";
import { finishBackfill } from "../model/subscriptions.ts";
import { cursorStrategy, type CursorStrategy, type ReadPlan } from "../read/cursors.ts";
import { listingOf, pages, type PassOver, type ReadPage } from "../read/pages.ts";
import type { Tx } from "../store/database.ts";
import { serverTime } from "../vendor/response.ts";
import { absencesOf, Comparison, isAnything, NO_CHANGES, type Changes } from "./changes.ts";
import type { Decision } from "./decide.ts";
import { heldError, judgeAbsences, SECOND_READ_MS, showsGone, type Doubted } from "./doubt.ts";
import { EventMaker } from "./event-maker.ts";
import { releaseHeld } from "./held.ts";
import { listGaps } from "./list-gaps.ts";
import { isBlind, streamAfter } from "./finish.ts";
import { goneUnread, hadAgain, hasNone, mayHaveMoved, missedLists, readOf } from "./lists.ts";
import { endlessPages, MOST_PAGES } from "./page-limit.ts";
import { Passing } from "./passing.ts";
import { backfilling, type Reading } from "./reading.ts";
import { partsOf, type Had } from "./records.ts";
import { absentAfter, keepEnded } from "./sweep.ts";

/** What a finished read leaves to be committed together with the plan of the next one. */
export interface ReadResult {
  stream: StreamRecord;
  commit: (tx: Tx) => Promise<void>;
  /** How many events all of its pages made. */
  events: number;
  /** Whether the same read once more would come to the same. */
  nothingNew: boolean;
  /** When to read again instead of when the schedule says, to settle a doubt; milliseconds since the epoch. */
  again?: number | undefined;
}

/**
 * The walk of one read through the pages of a list, to its end or to its most pages. Each page but the last is committed with a
 * checkpoint (known versions, events, place); the last is left to the caller, to be committed with the next poll.
 */
export class Walk {
  readonly strategy: CursorStrategy;
  /** As it was committed last. */
  stream: StreamRecord;
  /** The error that a request for a page ended with, as opposed to one for a record of it. */
  listError: unknown;
  /** Whether the read has ended because it had none of its lists. */
  hasNone = false;
  readonly #reading: Reading;
  readonly #maker: EventMaker;
  readonly #comparison: Comparison;
  readonly #passing: Passing;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.strategy = cursorStrategy(reading.compiled.cursor, reading.source.scope, reading.compiled.each);
    this.#maker = new EventMaker(reading);
    this.#comparison = new Comparison(reading, this.#maker);
    this.stream = reading.stream;
    this.#passing = new Passing(reading);
  }

  /** @throws VendorError | HooklineError what a request throws; `pagination_loop` when pages without records do not end */
  async read({ checkpoint, plan }: Decision): Promise<ReadResult> {
    if (plan === null) {
      return this.#finish(checkpoint, NO_CHANGES, { gap: "cursor_expired" });
    }
    const meansNothing = plan.absence === "nothing";
    const {
      subscribers,
      compiled: { each },
    } = this.#reading;
    // What is read while one of them is paused is progress that it has missed.
    const isMissed = checkpoint.joining.some((id) => subscribers.every(({ subscription }) => subscription.id !== id));
    const most = this.#mostPages(checkpoint);
    let at = checkpoint;
    /** Keys of a complete read's only page: what else is known must be gone, without a mark on each record. */
    let listed: ReadonlySet<string> | undefined;
    let count = 0;
    let isAnswered = false;
    let isProgress = false;
    for await (const page of this.pages(checkpoint, plan)) {
      if (page.failed) {
        at = this.#passing.noted({ ...at, ...page.at }, page.failed, this.strategy);
        if (page.next === null) this.#assertHadOne(at, page.failed);
        if (page.next !== null) {
          at = { ...at, ...page.next };
          continue;
        }
      } else this.#passing.answered();
      // The vendor answers, so what could not be had in polls before may be asked for again.
      if (!isAnswered) this.stream = await this.#comparison.retryQuarantined(this.stream);
      isAnswered = true;
      if (page.isPastTies) at = { ...at, isPastTies: true, ...(page.records.length > 0 && { hasPassedOver: true }) };
      const { enricher, failedNow } = this.#comparison;
      const by = readOf({ ...at, ...page.at }, each, this.stream);
      const tellsAll = isMissed || backfilling(subscribers, by.joining).length > 0;
      for await (const part of partsOf(this.#reading, enricher, page.records, by, failedNow)) {
        const isEnd = part.isLast && page.next === null;
        const isOnlyPart = part.isLast && at.done === undefined && isOnly(page) && this.stream.doubt === null;
        // A later page may name the key of what this one shows alive as one that a record had before.
        const isNamed = this.#reading.compiled.previousKeys !== undefined && !isOnly(page);
        const marks = (!meansNothing && !isOnlyPart) || isNamed || tellsAll;
        if (this.#comparison.isLost(part.hasGone)) at = { ...at, lostUnread: true };
        const keepsGone = mayHaveMoved(at, this.stream, this.#reading.now());
        const list = { mode: by.mode, joining: by.joining, toldSince: by.toldSince, each: page.at.each };
        const compared = await this.#comparison.of(
          part.had,
          part.failed,
          page.response,
          { ...at, ...list },
          marks,
          isEnd && !keepsGone,
        );
        if (compared.hasUnkeyed) at = { ...at, hasUnkeyed: true };
        if (compared.isToVerify && !at.complete) at = { ...at, isToVerify: true };
        if (!meansNothing && isOnlyPart) listed = new Set(compared.keys);
        const notes = page.failed ? at.notes : this.#note(at, page, part.had);
        const { created, holds } = compared.difference;
        const changes = isEnd && (at.holds || holds) ? await this.#release(at, compared, keepsGone) : compared;
        const held = holds || (!isEnd && at.holds) || undefined;
        at = { ...at, ...page.at, notes, created: (at.created ?? 0) + created, holds: held };
        const { stopped } = part;
        if (!part.isLast) {
          at = { ...at, done: [...(at.done ?? []), ...part.done] };
          if (part.done.length > 0) await this.#commit(at, changes, undefined);
          if (stopped) throw stopped;
          continue;
        }
        delete at.done;
        if (page.next === null && (meansNothing || isBlind(at, this.stream, this.#reading.now())))
          return this.#finish(at, changes);
        at = page.next === null ? { ...at, page: null, sweepAfter: "" } : { ...at, ...page.next };
        await this.#commit(at, changes, listed ? undefined : at.sweepAfter);
      }
      isProgress ||= page.records.length > 0;
      if (page.next === null || ++count < most) continue;
      if (isProgress) return this.#pause();
      if (count >= MOST_PAGES) throw endlessPages(count);
    }
    if (meansNothing || isBlind(at, this.stream, this.#reading.now())) return this.#finish(at, NO_CHANGES);
    return await this.#sweep(at, listed);
  }

  /** The pages that are left: none when the checkpoint lies behind them, or when there is no item to read a list of. */
  async *pages(checkpoint: Checkpoint, plan: ReadPlan): AsyncGenerator<ReadPage> {
    if (checkpoint.sweepAfter !== undefined) return;
    const { source, compiled } = this.#reading;
    const { recovering } = checkpoint;
    const scope = { ...source.scope, ...(recovering && { cursor: recovering }) };
    const passOver: PassOver = (failed) => this.#passing.isPassedOver(failed, checkpoint);
    try {
      yield* pages({ ...source, scope }, listingOf(compiled, recovering !== null), plan, checkpoint, passOver);
    } catch (error) {
      this.listError = error;
      throw error;
    }
  }

  /** @throws the last error, when the read has had none of its lists */
  #assertHadOne(at: Checkpoint, error: Error): void {
    this.hasNone = hasNone(at, this.#reading.compiled.each!);
    if (!this.hasNone) return;
    this.listError = error;
    throw error;
  }

  #mostPages({ recovering }: Checkpoint): number {
    const { definition } = listingOf(this.#reading.compiled, recovering !== null).pagination;
    return ("maxPages" in definition ? definition.maxPages : undefined) ?? MOST_PAGES;
  }

  #note(at: Checkpoint, { response, at: { each } }: ReadPage, had: readonly Had[]): unknown {
    const serverNow = serverTime(response, this.#reading.now());
    const records = had.map(({ record }) => record);
    return this.strategy.note(at.notes, { response, records, serverNow, item: each?.items[each.at] });
  }

  async #release(at: Checkpoint, last: Changes, keepsGone: boolean): Promise<Changes> {
    await this.#commit(at, last, undefined);
    return releaseHeld(this.#reading, this.#maker, at, keepsGone, (changes) => this.#commit(at, changes, undefined));
  }

  async #sweep(from: Checkpoint, listed: ReadonlySet<string> | undefined): Promise<ReadResult> {
    const { db, source } = this.#reading;
    const { sweepAfter = "", startedAt } = from;
    let at = from;
    const lists = missedLists(from);
    await keepEnded(this.#reading, this.stream.id, { sweepAfter, startedAt, lists }, listed);
    for (let after = sweepAfter; ;) {
      source.signal.throwIfAborted();
      const place = { sweepAfter: after, startedAt, lists };
      const batch = await absentAfter(db, this.stream.id, place, listed);
      if (!at.isBelieved && batch.keys.length > 0) {
        const verdict = await judgeAbsences(this.#reading, this.stream, from, listed);
        if (verdict.kind !== "believed") return this.#doubt(from, verdict, listed);
        // What is left of the sweep after a crash was judged with the rest; a page that is read again was not.
        if (!listed) at = { ...at, isBelieved: true };
      }
      const changes = absencesOf(batch.keys, await this.#maker.changes(batch.changes, from));
      if (batch.next === null) return this.#finish(from, changes);
      after = batch.next;
      await this.#commit(at, changes, listed ? undefined : after);
    }
  }

  /** An only page leaves no marks to sweep by, so its checkpoint has no `sweepAfter`: after a crash the page is read again. */
  async #commit(at: Checkpoint, changes: Changes, sweepAfter: string | undefined): Promise<void> {
    const { isProgress = true } = changes;
    const progressAt = isProgress ? this.#reading.now() : (this.stream.checkpoint ?? at).progressAt;
    const stream = { ...this.stream, checkpoint: { ...at, sweepAfter, progressAt } };
    await this.#reading.transaction(async (tx) => {
      await this.#comparison.write(tx, changes, at.startedAt);
      await saveStream(tx, stream);
    });
    this.stream = stream;
  }

  /** Enough for one poll: the next continues at the checkpoint. */
  #pause(): ReadResult {
    const { doubt } = this.stream;
    const lastError = doubt?.isHeld ? heldError(doubt) : null;
    const stream = { ...this.stream, lastPollAt: this.#reading.now(), consecutiveErrors: 0, lastError };
    return { stream, commit: async () => {}, events: this.#maker.events, nothingNew: false };
  }

  /** The read has ended; what it did not list stays known. Its marks tell a later read what neither has listed. */
  #doubt(from: Checkpoint, verdict: Doubted, listed: ReadonlySet<string> | undefined): ReadResult {
    const result = this.#finish(from, NO_CHANGES, { doubted: verdict });
    const commit = async (tx: Tx): Promise<void> => {
      await result.commit(tx);
      if (listed) await markSeen(tx, this.stream.id, [...listed], from.startedAt);
    };
    return { ...result, commit };
  }

  /** What a first read that tells what is there has not listed is told when it is. */
  async #noteLeftOut(tx: Tx, { joining, toldSince, startedAt }: Checkpoint): Promise<void> {
    for (const { subscription } of backfilling(this.#reading.subscribers, joining)) {
      await noteLeftOut(tx, this.stream.id, subscription.id, toldSince?.[subscription.id] ?? startedAt);
    }
  }

  /** The read has ended: what it may have missed is told with the last of what it has found. */
  #finish(
    at: Checkpoint,
    last: Changes,
    { doubted, gap }: { doubted?: Doubted; gap?: Gap["reason"] } = {},
  ): ReadResult {
    const { each } = this.#reading.compiled;
    const lists = { answering: hadAgain(at, each, this.stream), gone: goneUnread(at, each, this.stream) };
    const gaps = [...this.#maker.gaps(at, gap), ...listGaps(this.#reading, at, lists)];
    const changes = { ...last, events: [...last.events, ...gaps] };
    const { startedAt, joining } = at;
    const { compiled } = this.#reading;
    const now = this.#reading.now();
    const before = this.stream;
    const stream = streamAfter(this.#reading, this.strategy, before, at, doubted);
    const { remember: keep } = compiled.definition.records;
    const keepMs = keep === undefined ? this.strategy.returnsWithinMs : durationMs(keep);
    const commit = async (tx: Tx): Promise<void> => {
      await this.#comparison.write(tx, changes, startedAt);
      const isListed = at.complete && !mayHaveMoved(at, before, now);
      if (!doubted && isListed && showsGone(compiled.cursor)) await this.#comparison.releaseUnlisted(tx, at);
      await finishBackfill(tx, joining);
      if (at.complete) await this.#noteLeftOut(tx, at);
      if (keepMs !== undefined && dayOf(before.lastSuccessAt ?? 0) !== dayOf(now)) {
        await forgetUnseenSince(tx, stream.id, now - keepMs, { lists: missedLists(at) });
      }
    };
    const hasMissed = before.missed !== null || stream.missed !== null;
    const isSame = !hasMissed && before.doubt === stream.doubt;
    const onlyRead = isSame && before.baselinedAt !== null && before.checkpoint === null;
    const again = doubted?.kind === "doubted" ? doubted.again : at.isToVerify && now + SECOND_READ_MS;
    return {
      stream,
      commit,
      events: this.#maker.events,
      nothingNew: onlyRead && joining.length === 0 && !isAnything(changes),
      again,
    };
  }
}

/** Whether a page is the first and the last of the only list of a read. */
function isOnly({ at, next }: ReadPage): boolean {
  return at.page === null && next === null && (at.each?.items.length ?? 1) === 1;
}

/** Days since the epoch, in UTC. */
const dayOf = (time: number): number => Math.floor(time / DAY);
