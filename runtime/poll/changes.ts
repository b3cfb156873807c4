import { DAY } from "../core/time.ts";
import type { NewEvent } from "../model/events.ts";
import { gapEvent, type Gap } from "../model/operational.ts";
import { forget, knownByKeys, markSeen, remember, type Known } from "../model/known.ts";
import { saveQuarantine, type ListedBy, type QuarantinedRecord } from "../model/quarantine.ts";
import { raiseSequence, saveStream, withEvents, type Checkpoint, type StreamRecord } from "../model/streams.ts";
import { activeSubscriptions } from "../model/subscriptions.ts";
import { saveTellings } from "../model/tellings.ts";
import { Enricher } from "../read/enrich.ts";
import type { Tx } from "../store/database.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { diffPage, isRenamed, keysOf, type Change, type Difference } from "./diff.ts";
import { settleLeftOut } from "./left-out.ts";
import { tellingsOf, type EventMaker, type MadeEvent } from "./event-maker.ts";
import { mayBeGone, withoutCopies, withoutMoves } from "./moves.ts";
import { Quarantine, type Settled } from "./quarantine.ts";
import type { Reading, ReadOf } from "./reading.ts";
import { comparedUntil, isForgotten } from "./verify.ts";
import { itemOf, type PolledRecord } from "../read/records.ts";
import { isUnanswered, keyed, type Failed, type Had } from "./records.ts";

/** What part of a page, or a batch of absent records, changes in the store. */
export interface Changes {
  difference: Omit<Difference, "changes">;
  events: readonly MadeEvent[];
  quarantine: Pick<Settled, "held" | "released">;
  /** Whether something came that this read had not seen yet; default true. */
  isProgress?: boolean;
}

/** What part of a page changes. */
export interface PartChanges extends Changes {
  quarantine: Settled;
  /** Of all records that it lists. */
  keys: string[];
  /** One of them has no key. */
  hasUnkeyed: boolean;
  /** Whether only a complete read tells what became of one of them. */
  isToVerify: boolean;
}

const NO_DIFFERENCE: Changes["difference"] = { remembered: [], unchanged: [], forgotten: [], created: 0, holds: false };

export const NO_CHANGES: Changes = {
  difference: NO_DIFFERENCE,
  events: [],
  quarantine: { held: [], released: [] },
};

/** Records that are no longer there, and the events of that. */
export const absencesOf = (forgotten: string[], events: readonly MadeEvent[]): Changes => ({
  ...NO_CHANGES,
  difference: { ...NO_DIFFERENCE, forgotten },
  events,
});

/** Whether the store changes at all. */
export function isAnything({ difference, events, quarantine: { held, released } }: Changes): boolean {
  const { remembered, forgotten } = difference;
  return remembered.length + forgotten.length + events.length + held.length + released.length > 0;
}

/** A window lists the same records at every poll; their marks are renewed now and then, well before they are forgotten. */
export const MARKED_EVERY_MS = DAY / 2;

/** In place of the answer that listed records which are asked for once more. */
const RETRIED: VendorResponse = { status: 200, headers: {}, body: null, url: "" };

/** Of a record of which only the key is known. */
const UNREAD = { version: "", watched: null };

/** A record of which only the key was known is new to a list that shows it. */
const asListed = (change: Change, before: Known | undefined): Change =>
  change.kind === "updated" && before?.version === "" ? { ...change, kind: "created", seen: before.seen } : change;

/** The read that listed a record which is quarantined now, with the time at which it was seen before that. */
function seenBefore({ listedBy }: QuarantinedRecord, known: Known | undefined): ListedBy {
  if (listedBy.seen !== undefined || !known || known.version === "") return listedBy;
  return { ...listedBy, seen: known.seen };
}

/** Compares the records of one poll with what is known, and those that cannot be had with what was quarantined. */
export class Comparison {
  readonly #reading: Reading;
  readonly #maker: EventMaker;
  readonly #quarantine: Quarantine;
  /** By key, the list in which an incremental read of several has shown a record. */
  readonly #alive = new Map<string, string | null>();
  /** Undefined for a stream whose lists say everything. */
  readonly enricher: Enricher | undefined;

  constructor(reading: Reading, maker: EventMaker) {
    this.#reading = reading;
    this.#maker = maker;
    this.#quarantine = new Quarantine(reading);
    const { enrich } = reading.compiled;
    this.enricher = enrich && new Enricher(reading.source, enrich);
  }

  /** Records that failed in this poll, by the hash of what was listed. */
  get failedNow(): ReadonlyMap<string, Error> {
    return this.#quarantine.failedNow;
  }

  /**
   * Whether a record that was gone before it could be had leaves a gap: of facts such as a mail that came, no other read shows it,
   * while a list of what there is shows the deletion of what is known.
   */
  isLost(hasGone: boolean): boolean {
    const { definition } = this.#reading.compiled.cursor;
    return (
      hasGone && (definition.type === "sequence" || (definition.type === "snapshot" && definition.partial === true))
    );
  }

  /**
   * Asks once more for records that could not be had in polls before, and commits what came of it; returns the stream as it is then:
   * who is paused meanwhile missed what was told.
   */
  async retryQuarantined(before: StreamRecord): Promise<StreamRecord> {
    let after = before;
    for (const { listedBy, had, failed, released, hasGone } of await this.#quarantine.retry(this.enricher)) {
      // They are told as they would have been by the read that listed them.
      const changes = await this.of(had, failed, RETRIED, listedBy, true, true);
      const gaps = this.isLost(hasGone) ? this.#maker.gaps(listedBy, "gone_unread") : [];
      const events = [...changes.events, ...gaps];
      changes.quarantine.released.push(...released);
      if (events.length > 0) after = withEvents(after, this.#reading.now());
      const saved = after;
      await this.#reading.transaction(async (tx) => {
        await this.write(tx, { ...changes, events }, listedBy.startedAt);
        if (events.length > 0) await saveStream(tx, saved);
      });
    }
    return after;
  }

  /**
   * What records change, and the events that follow. `marks`: those that are as they were known are marked as seen; `isEnd`: no
   * later page can take back what they say. Where pages before hold something, all of it is settled together.
   */
  async of(
    had: readonly Had[],
    notHad: readonly Failed[],
    response: VendorResponse,
    by: ReadOf,
    marks: boolean,
    isEnd: boolean,
  ): Promise<PartChanges> {
    const { compiled, stream } = this.#reading;
    const { polled: read, unread } = keyed(this.#reading, had, response, response !== RETRIED);
    const failed = [...notHad, ...unread];
    const isOffline = isUnanswered(this.enricher, notHad);
    const quarantine = await this.#quarantine.settle(read, failed, by, !isOffline);
    const page = [...read, ...quarantine.told];
    const known = await this.#known([...page.flatMap(keysOf), ...quarantine.keys]);
    for (const [key, ids] of quarantine.leftOut) {
      const one = known.get(key);
      if (one) known.set(key, { ...one, leftOut: [...new Set([...(one.leftOut ?? []), ...ids])] });
    }
    for (const row of quarantine.held) row.listedBy = seenBefore(row, known.get(row.key));
    const moves = this.#withoutMoves(page, known, response === RETRIED ? undefined : by);
    const polled = moves.records;
    const isLast = isEnd && !by.holds && moves.held.length === 0;
    const { changes: all, ...difference } = diffPage(polled, known, by.startedAt, isLast);
    difference.remembered.push(...moves.held);
    difference.holds ||= moves.held.length > 0;
    // What was known already and then quarantined is marked as seen, and yet not told; but as it was before, it may have been.
    const isUntold = response === RETRIED;
    const changes = all
      .filter((change) => !isForgotten(change, compiled, by))
      // The first read has listed it, without its key.
      .filter(({ kind, key }) => kind !== "created" || !quarantine.wasThere.has(key))
      .map((change) => (by.recovering?.isBackfill ? asListed(change, known.get(change.key)) : change))
      .map((change): Change => (isUntold ? { ...change, seen: by.seen } : change));
    if (by.recovering?.isBackfill) {
      // Increments go on where they were, and have yet to tell the others what changed: of old records, only the key is known.
      const older = new Set(changes.filter((change) => this.#maker.isOlder(change)).map(({ key }) => key));
      difference.remembered = difference.remembered.map((one) => (older.has(one.key) ? { ...one, ...UNREAD } : one));
    }
    const seen = new Map(difference.unchanged.map((key) => [key, isUntold ? by.seen : known.get(key)?.seen]));
    const leftOut = settleLeftOut(difference, known, this.#reading.subscribers, by.startedAt);
    difference.remembered = leftOut.remembered;
    difference.unchanged = leftOut.unchanged;
    for (const change of changes) seen.set(change.key, change.seen);
    // A rename that is held is told when the read ends.
    const held = new Set(difference.remembered.filter(isRenamed).map(({ key }) => key));
    const settled = polled.filter(({ key }) => !held.has(key));
    const hadKeys = new Set(page.map(({ key }) => key));
    const notHadKeys = quarantine.keys.filter((key) => !hadKeys.has(key));
    const { old = [], fresh = [] } = Object.groupBy(notHadKeys, (key) => (known.has(key) ? "old" : "fresh"));
    difference.unchanged.push(...old);
    if (by.mode === "baseline") {
      // Nothing is known of their version, but they were there before the subscription.
      const items = new Map(failed.map(({ listed }) => [compiled.key(listed, stream.input), itemOf(compiled, listed)]));
      const unread = { ...UNREAD, seen: by.startedAt };
      difference.remembered.push(...fresh.map((key) => ({ key, ...unread, item: items.get(key) ?? null })));
    }
    const isNew = difference.unchanged.some((key) => (known.get(key)?.seen ?? 0) < by.startedAt);
    const isSettled = quarantine.held.length + quarantine.released.length > 0;
    const isProgress = changes.length > 0 || isSettled || (marks && isNew);
    if (!marks) difference.unchanged = difference.unchanged.filter((key) => this.#isToMark(known.get(key), by));
    return {
      difference,
      events: [
        ...(await this.#maker.changes(changes, by, leftOut.recipients)),
        ...this.#maker.backfill(settled, seen, by, leftOut.recipients),
      ],
      quarantine,
      isProgress,
      keys: [...page.map(({ key }) => key), ...quarantine.keys],
      hasUnkeyed: quarantine.hasUnkeyed,
      isToVerify: moves.isToVerify || (compiled.each !== undefined && mayBeGone(page, known, compiled)),
    };
  }

  /** Records of a page as they are to be compared, where a stream has several lists. `by`: the read that lists them now. */
  #withoutMoves(
    page: PolledRecord[],
    known: ReadonlyMap<string, Known>,
    by: ReadOf | undefined,
  ): ReturnType<typeof withoutCopies> {
    const { each } = this.#reading.compiled;
    if (!each) return { records: page, held: [], isToVerify: false };
    const records = withoutMoves(page, known);
    if (!by || (by.each?.items.length ?? 0) < 2) return { records, held: [], isToVerify: false };
    const { startedAt, complete = true, each: place } = by;
    const sorted = withoutCopies(records, known, each, { each: place!, startedAt, complete }, this.#alive);
    if (!complete) for (const { key, item, deleted } of records) if (!deleted) this.#showAlive(key, item, known);
    return sorted;
  }

  /** Notes in which list an incremental read, which marks none, has shown a record: that where it was counts. */
  #showAlive(key: string, item: string | null, known: ReadonlyMap<string, Known>): void {
    if (this.#alive.get(key) !== (known.get(key)?.item ?? item)) this.#alive.set(key, item);
  }

  /** What is known of these keys, and of those that they seem to have had before. */
  async #known(keys: readonly string[]): Promise<Map<string, Known>> {
    const { db, stream } = this.#reading;
    const known = await knownByKeys(db, stream.id, keys);
    const before = [...known.values()].flatMap(({ gone }) => gone?.renamedFrom ?? []);
    for (const [key, one] of await knownByKeys(db, stream.id, before)) known.set(key, one);
    return known;
  }

  /** Of those who were paused when this poll began, and have been resumed since: its changes are no news to their next one. */
  async #gapsOfResumed(tx: Tx): Promise<NewEvent[]> {
    const { stream, subscribers, compiled, connector, now } = this.#reading;
    const readFor = new Set(subscribers.map(({ subscription }) => subscription.id));
    const resumed = (await activeSubscriptions(tx, [stream.id])).filter(
      ({ id, backfill }) => backfill === "done" && !readFor.has(id),
    );
    const from = comparedUntil(stream, compiled.definition);
    // What a page lists may have changed until now.
    const gap: Gap = { from, to: Math.max(now(), from ?? 0), reason: "paused" };
    return resumed.map((subscription) => gapEvent(connector, compiled.name, subscription, gap, now()));
  }

  /** Whether a record that is as it was is marked all the same, so as not to be forgotten. */
  #isToMark(known: Known | undefined, { startedAt }: ListedBy): boolean {
    const { definition, cursor } = this.#reading.compiled;
    if (definition.records.remember !== undefined) return true;
    return cursor.definition.type === "window" && (known?.seen ?? 0) < startedAt - MARKED_EVERY_MS;
  }

  /** Has what a complete read no longer lists leave the quarantine. */
  async releaseUnlisted(tx: Tx, at: Checkpoint): Promise<void> {
    await this.#quarantine.releaseUnlisted(tx, at);
  }

  /** `seen`: when the read began that listed the records. */
  async write(tx: Tx, { difference, events, quarantine }: Changes, seen: number): Promise<void> {
    const { stream, emit } = this.#reading;
    const { forgotten, remembered, unchanged } = difference;
    if (forgotten.length + remembered.length + events.length > 0) await emit(tx, await this.#gapsOfResumed(tx));
    await forget(tx, stream.id, forgotten);
    await remember(tx, stream.id, remembered);
    await markSeen(tx, stream.id, unchanged, seen);
    if (quarantine.held.length + quarantine.released.length > 0) await saveQuarantine(tx, stream.id, quarantine);
    if (events.length === 0) return;
    await emit(tx, events);
    await saveTellings(tx, stream.id, tellingsOf(events));
    await raiseSequence(tx, stream.id, this.#maker.sequence);
  }
}
