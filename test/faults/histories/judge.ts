import { noIncidents, type Incidents } from "./faults.ts";
import type { Sight } from "./sessions.ts";
import type { Strategy } from "./streams.ts";

/** A record that was told without what one more request for it would have said: of any version. */
export const UNREAD = "?";

/** An event about a record. */
export interface Told {
  at: number;
  change: string;
  key: string;
  /** The version that it tells; null for a deletion. */
  state: string | null;
  previousKeys?: string[] | undefined;
  mergedInto?: string | undefined;
}

/** A `stream.gap` event. */
export interface ToldGap {
  at: number;
  from: number | null;
  to: number;
  reason: string;
}

/** A read that has succeeded. */
export interface Success {
  at: number;
  /** When it began. */
  begunAt: number;
  /** What had happened since the success before. */
  incidents: Incidents;
}

/** All that is to be judged, as of now. */
export interface Evidence {
  strategy: Pick<Strategy, "deletions" | "keptMs" | "beginsUnread">;
  /** By key: what a reader of the vendor's answers can have seen, and when; the last is the truth. */
  sights: ReadonlyMap<string, readonly Sight[]>;
  /** What became of records that were renamed or merged away. */
  heirs: ReadonlyMap<string, string>;
  /** Records that the vendor has denied. */
  denied: ReadonlySet<string>;
  /** Records that could not be had at some time: a first read that tells what is there leaves them for later. */
  unread: ReadonlySet<string>;
  /** The first read: when it began and ended. */
  baseline: { from: number; to: number };
  /** Whether it could not have one of several lists: what was in it is not known. */
  isPartial: boolean;
  /** Whether it told what was there. */
  tellsAll: boolean;
  /** Whether another subscription had the stream read before. */
  joinsLater: boolean;
  /** Whether this subscription was paused at some time. */
  wasPaused: boolean;
  /** Whether that cut off its first read, which then begins again and tells again what is there. */
  beganAgain: boolean;
  told: readonly Told[];
  gaps: readonly ToldGap[];
  successes: readonly Success[];
  /** Whether everything has been read and compared since the last change, also where that is done now and then only. */
  isCompared: boolean;
}

/** What the subscriber may know of a record: a version, none, and how far in its history that is. */
interface Belief {
  state: string | null;
  place: number;
  /** It was never told, and a read in between may have seen another version in silence. */
  isUnread?: boolean;
}

/**
 * What is wrong with what was told, in words.
 *
 * Of each record, the events have to be a coalescing of what could be seen of it since the first read: each tells a version that
 * was there to see by then, after the one told before, and another than that; a record is created when it is not there, and
 * updated or deleted when it is. In the end the last version told is the vendor's, unless its last change lies in a time that a
 * `stream.gap` reports, or the stream has no way to see it. A gap is reported only after something that can cause one.
 */
export function judge(evidence: Evidence): string[] {
  return [...new Judgement(evidence).violations()];
}

class Judgement {
  readonly #evidence: Evidence;
  readonly #beliefs = new Map<string, Belief[]>();

  constructor(evidence: Evidence) {
    this.#evidence = evidence;
  }

  *violations(): Generator<string> {
    for (const told of this.#evidence.told) yield* this.#event(told);
    yield* this.#end();
    for (const gap of this.#evidence.gaps) yield* this.#gap(gap);
  }

  #sightsOf(key: string): readonly Sight[] {
    return this.#evidence.sights.get(key) ?? [];
  }

  /** What the subscriber may know; several when the first read was silent, and the record changed meanwhile. */
  #beliefsIn(key: string): Belief[] {
    const found = this.#beliefs.get(key);
    if (found) return found;
    const { baseline, tellsAll, joinsLater, strategy, isPartial } = this.#evidence;
    const nothing: Belief = { state: null, place: -1 };
    // The reader may know a record that the first read for a later subscription does not list; how that ends is told to all alike.
    if (joinsLater) {
      const known = this.#sightsOf(key).map(({ state, at }, place) => ({ state, at, place }));
      return [nothing, ...known.filter(({ at }) => at <= baseline.to), { state: UNREAD, place: 0 }];
    }
    if (tellsAll) return this.#evidence.unread.has(key) ? [nothing, { state: UNREAD, place: 0 }] : [nothing];
    const sights = this.#sightsOf(key);
    const before = sights.findLastIndex(({ at }) => at <= baseline.from);
    const seen = sights.flatMap(({ state, at }, place) =>
      place === before || (at > baseline.from && at <= baseline.to)
        ? [{ state, place, isUnread: strategy.beginsUnread }]
        : [],
    );
    return before < 0 || strategy.beginsUnread || isPartial ? [nothing, ...seen] : seen;
  }

  /**
   * What others were told while this subscription was paused counts as told: a gap names the time. So does what a list had when it
   * answered first.
   */
  #orInPause(key: string, beliefs: Belief[]): Belief[] {
    const pauses = this.#evidence.gaps.filter(({ reason }) => reason === "paused" || reason === "list_unread");
    if (pauses.length === 0) return beliefs;
    const isIn = (at: number): boolean => pauses.some(({ from, to }) => (from ?? -Infinity) <= at && at <= to);
    const sights = this.#sightsOf(key).map((sight, place) => ({ ...sight, place }));
    const first = Math.min(...beliefs.map(({ place }) => place));
    const silent = sights.filter(({ at, place }) => place > first && isIn(at));
    return [...beliefs, ...silent.map(({ state, place }) => ({ state, place }))];
  }

  *#event(told: Told): Generator<string> {
    const { key, change, previousKeys = [], mergedInto } = told;
    for (const old of previousKeys) {
      if (!this.#isHeir(key, old)) yield `${describe(told)}: ${old} never became ${key}`;
      const left = this.#orInPause(old, this.#beliefsIn(old)).flatMap((belief) =>
        this.#after(old, belief, { ...told, change: "deleted", state: null }),
      );
      if (left.length === 0) yield `${describe(told)}: ${old} is not known, or still there`;
      this.#beliefs.set(old, left);
    }
    if (mergedInto !== undefined && !this.#isHeir(mergedInto, key))
      yield `${describe(told)}: it was never merged into that`;
    const before = this.#orInPause(key, this.#beliefsIn(key));
    const renamed = previousKeys.length > 0 ? { ...told, change: "created" } : told;
    const after = before.flatMap((belief) => this.#after(key, belief, renamed));
    if (after.length > 0) this.#beliefs.set(key, after);
    else {
      yield `${describe(told)}: not after ${before.map(({ state }) => state ?? "none").join(" or ")}, of ${this.#history(key)}`;
      this.#beliefs.set(key, [{ state: told.state, place: before.at(0)?.place ?? -1 }]);
    }
    if (!["created", "updated", "deleted"].includes(change)) yield `${describe(told)}: no such change`;
  }

  /** What is known after an event, of what was known before; empty when it cannot be. */
  #after(key: string, { state, place, isUnread }: Belief, { change, state: next, at }: Told): Belief[] {
    const sights = this.#sightsOf(key);
    const isUnseenGone = this.#evidence.strategy.deletions === "unseen";
    let from = Math.max(place, 0);
    if (change === "created" && state !== null && this.#evidence.beganAgain) {
      // As of any time: the record may have been told as it was before.
    } else if (change === "created" && state !== null) {
      // Where deletions are not seen, a record that is there again is created again.
      from = sights.findIndex((sight, i) => i > place && sight.state === null && sight.at <= at);
      if (!isUnseenGone || from < 0) return [];
    } else if ((change === "created") !== (state === null)) return [];
    if ((change === "deleted") !== (next === null)) return [];
    // The list that is read for a later subscriber is told to it alone; the increment after it tells the same change to all.
    const isToldAgain = this.#evidence.joinsLater && this.#evidence.strategy.beginsUnread;
    if (change === "updated" && next === state && next !== UNREAD && !isUnread && !isToldAgain) return [];
    const found = sights.findIndex((sight, i) => i >= from && sight.at <= at && isLike(sight.state, next));
    return found < 0 ? [] : [{ state: next, place: found }];
  }

  *#end(): Generator<string> {
    const { strategy, denied, isCompared, sights, tellsAll } = this.#evidence;
    for (const [key, seen] of sights) {
      const truth = seen.at(-1)!.state;
      const told = this.#beliefs.get(key) ?? (tellsAll ? [{ state: null, place: -1 }] : this.#beliefsIn(key));
      const beliefs = this.#orInPause(key, told);
      if (beliefs.some(({ state }) => state === truth || (state === UNREAD && truth !== null))) continue;
      if (truth === null && strategy.deletions === "unseen") continue;
      if (strategy.deletions === "verified" && !isCompared) continue;
      const isUnread = beliefs.some((belief) => belief.isUnread);
      if (denied.has(key) || this.#isInGap(key, isUnread)) continue;
      yield `${key}: told ${beliefs.map(({ state }) => state ?? "none").join(" or ")}, in truth ${truth ?? "none"}, of ${this.#history(key)}`;
    }
  }

  /** Whether a gap has the record's last change; or, of a record that was never told, whatever made it what it is. */
  #isInGap(key: string, isUnread: boolean): boolean {
    const sights = this.#sightsOf(key);
    const last = sights.findLast(({ state, isReal }, i) => isReal && state !== sights[i - 1]?.state)!;
    return sights.some((sight) => {
      const isCause = sight === last || (isUnread && sight.state === last.state);
      return isCause && this.#evidence.gaps.some(({ from, to }) => (from ?? -Infinity) <= sight.at && sight.at <= to);
    });
  }

  /**
   * No false alarm: `cursor_expired` after a refusal in the declared words, or three in others, or when a first
   * read that tells what is there has to begin again; `gone_unread` after a record was
   * listed and gone when asked for; `without_key` after one was listed without a key; `stalled` when no read that succeeded has begun for
   * as long as the vendor keeps changes. All of that since the success before the one that reports the gap.
   */
  *#gap(gap: ToldGap): Generator<string> {
    const { successes, strategy, tellsAll, wasPaused } = this.#evidence;
    const index = successes.findIndex(({ at }) => at >= gap.at);
    const { expired, refused, restarted, gone, keyless } = successes[index]?.incidents ?? noIncidents();
    const unlisted = successes.slice(0, index + 1).some(({ incidents }) => incidents.unlisted > 0);
    const before = successes[index - 1]?.begunAt ?? -Infinity;
    const causes: Record<string, boolean> = {
      cursor_expired: expired > 0 || refused >= 3 || (tellsAll && index === 0 && restarted > 0),
      gone_unread: gone > 0,
      without_key: keyless > 0,
      paused: wasPaused,
      stalled: gap.to - before >= strategy.keptMs,
      // In a read long before, too, if the list has failed since.
      list_unread: unlisted,
    };
    if (causes[gap.reason] !== true) yield `stream.gap ${gap.reason} at ${time(gap.at)}: for no reason`;
    if (gap.from !== null && gap.from > gap.to) yield `stream.gap ${gap.reason}: ends before it begins`;
  }

  #isHeir(heir: string, key: string): boolean {
    for (let at: string | undefined = key; at !== undefined; at = this.#evidence.heirs.get(at)) {
      if (at === heir) return at !== key;
    }
    return false;
  }

  #history(key: string): string {
    return this.#sightsOf(key)
      .map(({ at, state, isReal }) => `${state ?? "none"}${isReal ? "" : "*"} ${time(at)}`)
      .join(", ");
  }
}

/** Whether an event may tell this of a version. */
const isLike = (state: string | null, told: string | null): boolean =>
  state === told || (told === UNREAD && state !== null);

const time = (at: number): string => new Date(at).toISOString().slice(5, 19);

const describe = ({ at, change, key, state }: Told): string => `${change} ${key} as ${state ?? "none"} at ${time(at)}`;
