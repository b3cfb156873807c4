import { derivedId } from "../core/ids.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import type { NewEvent } from "../model/events.ts";
import type { ListedBy } from "../model/quarantine.ts";
import { tellingsByKeys, type Telling } from "../model/tellings.ts";
import { timeMs } from "../core/vendor-time.ts";
import type { PolledRecord } from "../read/records.ts";
import type { Change } from "./diff.ts";
import { showsGone, WITHOUT_KEY } from "./doubt.ts";
import { eventsOf, type Draft } from "./match.ts";
import { gapEvent, type Gap } from "../model/operational.ts";
import { NOBODY, type LeftOut } from "./left-out.ts";
import { backfilling, type Reading, type ReadOf } from "./reading.ts";
import type { Subscriber } from "./subscriber.ts";

/** An event; `told`: of a change, how many changes of its record had events, this one included. */
export interface MadeEvent extends NewEvent {
  told?: number;
}

/** How often the records of these events were told of, once they are stored. */
export function tellingsOf(events: readonly MadeEvent[]): Iterable<Telling> {
  const tellings = new Map<string, Telling>();
  for (const { recordKey: key, told, at } of events) {
    if (key !== null && told !== undefined) tellings.set(key, { key, count: told, toldAt: at });
  }
  return tellings.values();
}

/** Triggers that tell of a record as soon as it is there. */
const BEGINS: ReadonlySet<unknown> = new Set(["any", "created"]);

/** Makes the events of one read, and counts them. */
export class EventMaker {
  readonly #reading: Reading;
  /** Of the newest change that has an event. */
  sequence: number;
  events = 0;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.sequence = reading.stream.sequence;
  }

  /**
   * Events of changes, for those who subscribed before this read began, and those whom it has told the record as it was; a first
   * read is silent otherwise. A list that stands in for an expired cursor reaches back behind the first read: what was there before it
   * is remembered, and makes no event. `leftOut`: who is told of a record as one that was there, by its key.
   */
  async changes(changes: readonly Change[], at: ReadOf, leftOut: LeftOut["recipients"] = NOBODY): Promise<MadeEvent[]> {
    const recipients = at.mode === "baseline" ? [] : this.#before(at);
    const joining = backfilling(this.#reading.subscribers, at.joining);
    if (recipients.length + joining.length === 0) return [];
    const { stream, compiled } = this.#reading;
    const { cursor } = compiled;
    const isFiltered = cursor.definition.type === "window" || Object.keys(stream.input).length > 0;
    const createdAt = isFiltered ? compiled.createdAt : undefined;
    const news = at.recovering ? changes.filter((change) => !this.isOlder(change)) : changes;
    const told = news
      .map((change): Change => (this.#wasThereBefore(change, createdAt) ? { ...change, kind: "updated" } : change))
      .map((change) => {
        const joined = joining.filter((subscriber) => isTold(subscriber, change.seen, at));
        const others = this.#otherThan(leftOut.get(change.key), recipients, change);
        return { change, drafts: this.#draftsOf(change, [...others, ...joined], false) };
      })
      .filter(({ drafts }) => drafts.length > 0);
    return this.#counted(told);
  }

  /** Each change is told apart by how many of its record were told before; a record with a new key counts on from the old one. */
  async #counted(told: readonly { change: Change; drafts: readonly Draft[] }[]): Promise<MadeEvent[]> {
    const { db, stream } = this.#reading;
    const keysOf = ({ key, previousKeys = [] }: Change): string[] => [key, ...previousKeys];
    const keys = told.flatMap(({ change }) => keysOf(change));
    const counts = await tellingsByKeys(db, stream.id, keys);
    return told.flatMap(({ change, drafts }) => {
      const before = Math.max(...keysOf(change).map((key) => counts.get(key) ?? 0));
      counts.set(change.key, before + 1);
      return drafts.map(({ facts, ...event }) => {
        return { ...event, id: derivedId("evt", [...facts, before]), told: before + 1 };
      });
    });
  }

  /**
   * Events of records that were there before, for those who asked to begin with them and have not got them yet: a list that
   * moves while it is read shows some twice, and so does a page that is read again. `seen`: when records were seen before;
   * `leftOut`: by key, whose own first read did not list them.
   */
  backfill(
    polled: readonly Pick<PolledRecord, "key" | "version" | "raw" | "deleted">[],
    seen: ReadonlyMap<string, number | undefined>,
    at: ReadOf,
    leftOut: LeftOut["recipients"] = NOBODY,
  ): MadeEvent[] {
    const joining = backfilling(this.#reading.subscribers, at.joining);
    if (joining.length + leftOut.size === 0) return [];
    const last = new Map(polled.map((record) => [record.key, record]));
    return [...last.values()]
      .filter((record) => !record.deleted)
      .flatMap((record) => {
        const { key, version, raw } = record;
        const wanted = [
          ...joining.filter(
            (subscriber) => !isTold(subscriber, seen.get(key), at) && this.#isWanted(subscriber, record),
          ),
          ...this.#begins(leftOut.get(key), record).filter((subscriber) => !joining.includes(subscriber)),
        ];
        return this.#draftsOf({ kind: "created", key, version, raw, changes: {}, previous: {} }, wanted, true);
      })
      .map(({ facts, ...event }) => ({ ...event, id: derivedId("evt", facts) }));
  }

  /**
   * What a read that has ended may have missed: an expired cursor leaves a gap, also where another list shows most of it. Of those who
   * are told what is there, a list in place of a cursor that had to begin again does not show what has gone since; a record without
   * a key is not told, and hides what has gone.
   */
  gaps(at: ReadOf, reason: Gap["reason"] | undefined = this.#gapOf(at)): NewEvent[] {
    if (reason === undefined) return [];
    const { connector, compiled, stream, now, subscribers } = this.#reading;
    // What is not seen may have changed until the end of the read; of a record that was quarantined, until it was listed.
    const to = at.after === undefined ? now() : at.startedAt;
    const gapFor = (recipients: readonly Subscriber[], from: number | null): NewEvent[] =>
      recipients.map(({ subscription }) =>
        gapEvent(connector, compiled.name, subscription, { from, to, reason }, now()),
      );
    const { toldSince, after = stream.cursorAt ?? stream.lastSuccessAt } = at;
    const joining = backfilling(subscribers, at.joining).filter(({ subscription: { id } }) => {
      return reason === "without_key" || (at.recovering && toldSince?.[id] !== undefined);
    });
    return [
      ...(at.mode === "baseline" ? [] : gapFor(this.#before(at), after && Math.min(after, at.startedAt))),
      ...joining.flatMap((one) => gapFor([one], toldSince?.[one.subscription.id] ?? at.startedAt)),
    ];
  }

  /** A complete read that could not look for what is gone leaves one gap, and no other while that stays so. */
  #gapOf({ recovering, lostUnread, hasUnkeyed, hasPassedOver, complete }: ReadOf): Gap["reason"] | undefined {
    if (recovering && !recovering.isBackfill) return "cursor_expired";
    if (lostUnread) return "gone_unread";
    // The overlap shows the same records again: without news, nothing new was passed over with them.
    if (hasPassedOver && this.events > 0) return "same_time";
    const { compiled, stream } = this.#reading;
    const isNews = stream.lastError?.code !== WITHOUT_KEY;
    return hasUnkeyed && complete && isNews && showsGone(compiled.cursor) ? WITHOUT_KEY : undefined;
  }

  /** Whether a list that reaches back behind the first read shows a record that was there before it. */
  isOlder(change: Change): boolean {
    return this.#wasThereBefore(change, this.#reading.compiled.timestamp);
  }

  /** Whether a record that is not known is older than the first read: then a filter has left it out until now. */
  #wasThereBefore({ kind, raw }: Change, timeOf: CompiledStream["createdAt"]): boolean {
    const time = kind === "created" ? timeMs(timeOf?.(raw)) : null;
    return time !== null && time < (this.#reading.stream.baselinedAt ?? 0);
  }

  /** Those whose own first read has ended: neither is this one theirs, nor have they come while it was under way. */
  #before({ joining }: ListedBy): Subscriber[] {
    return this.#reading.subscribers.filter(
      ({ subscription: { id, backfill } }) => backfill === "done" && !joining.includes(id),
    );
  }

  /** Of those whose own first read left a record out, who begins with it now; a trigger of changes alone begins with none. */
  #begins(leftOut: readonly Subscriber[] = [], record: Pick<PolledRecord, "raw">): Subscriber[] {
    return leftOut.filter((one) => BEGINS.has(one.trigger.on) && this.#isWanted(one, record));
  }

  #otherThan(leftOut: readonly Subscriber[] | undefined, all: readonly Subscriber[], change: Change): Subscriber[] {
    if (leftOut === undefined || change.kind === "deleted") return [...all];
    const begins = this.#begins(leftOut, { raw: change.raw });
    return all.filter((subscriber) => !begins.includes(subscriber));
  }

  #isWanted({ subscription: { firstPoll } }: Subscriber, { raw }: Pick<PolledRecord, "raw">): boolean {
    if (typeof firstPoll !== "object") return true;
    const time = timeMs(this.#reading.compiled.timestamp?.(raw));
    return time === null || time >= Date.parse(firstPoll.since);
  }

  #draftsOf(change: Change, subscribers: readonly Subscriber[], backfill: boolean): Draft[] {
    const events = eventsOf(change, this.sequence + 1, subscribers, this.#reading, backfill);
    if (events.length > 0) this.sequence++;
    this.events += events.length;
    return events;
  }
}

/** Whether a read has told a subscriber who joins of a record, which was seen at a time. */
function isTold({ subscription }: Subscriber, seen: number | undefined, { startedAt, toldSince }: ReadOf): boolean {
  return seen !== undefined && seen >= (toldSince?.[subscription.id] ?? startedAt);
}
