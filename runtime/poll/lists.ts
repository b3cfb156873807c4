import { HooklineError } from "../core/errors.ts";
import { DAY } from "../core/time.ts";
import type { CompiledEach } from "../manifest/connector.ts";
import type { Checkpoint, MissedList, MissedNow, StreamError, StreamRecord } from "../model/streams.ts";
import type { CursorStrategy, ReadPlan } from "../read/cursors.ts";
import { RELEASE_MS, SECOND_READ_MS, showsGone } from "./doubt.ts";
import { backfilling, type ReadOnlyReading } from "./reading.ts";
import { mayRefuseCursor, REFUSALS } from "./refusal.ts";
import { isBehindTombstones } from "./verify.ts";

/** The longest pause before a complete read looks again for what has gone from a list, milliseconds. */
const LONGEST_OWED_MS = DAY;

type Facts = Pick<ReadOnlyReading, "compiled" | "subscribers">;

const byKey = (missed: readonly MissedList[] | null): Map<string, MissedList> =>
  new Map((missed ?? []).map((one) => [one.list, one]));

/** The item whose list a read is at. */
export const itemAt = ({ each }: Pick<Checkpoint, "each">): unknown => each?.items[each.at];

/** Lists that a read could not have, by the keys of their items. */
export const missedLists = ({ missed = [] }: Checkpoint): string[] => missed.map(({ list }) => list);

/** Since when a list fails. */
const failingSince = ({ failingSince: at, since }: MissedList): number => at ?? since;

/**
 * Whether a list has failed for so long that a record that is in no other is believed to be gone all the same: one list that is never
 * had again keeps no deletion of the others for ever.
 */
export const isGivenUp = (one: MissedList, now: number): boolean => now - failingSince(one) >= RELEASE_MS;

/** Whether a record that no list shows any more may have moved into one that a read could not have. */
export function mayHaveMoved({ missed = [] }: Checkpoint, stream: StreamRecord, now: number): boolean {
  const before = byKey(stream.missed);
  return missed.some(({ list }) => {
    const one = before.get(list);
    return one === undefined || one.error === null || !isGivenUp(one, now);
  });
}

/** Lists that could not be had before come last: the others need not wait for them. */
export function missedLast(items: readonly unknown[], { key }: CompiledEach, { missed }: StreamRecord): unknown[] {
  const failing = new Set(missed?.map(({ list }) => list));
  const isFailing = (item: unknown): boolean => failing.has(key(item));
  return [...items.filter((item) => !isFailing(item)), ...items.filter(isFailing)];
}

/**
 * Whether only a complete read goes on: a list that could not be had has vanished, so its records are gone or have moved; or one can
 * be had again, and what has gone from it, or did not move into it, is to be looked for; or it is given up.
 */
export function owesCompleteRead(
  { missed }: StreamRecord,
  items: readonly unknown[] | undefined,
  each: CompiledEach | undefined,
  now: number,
): boolean {
  if (missed === null || !items || !each) return false;
  const current = new Set(items.map((item) => each.key(item)));
  return missed.some((one) => {
    const { list, error, whole, vanishedAt } = one;
    if (!current.has(list)) return vanishedAt === undefined || now >= vanishedAt + SECOND_READ_MS;
    if (whole === undefined) return false;
    // What the last complete read did not find, it took for what may have moved there.
    if (error !== null) return isGivenUp(one, now) && !isGivenUp(one, whole.at);
    return now >= whole.at + Math.min(SECOND_READ_MS * 2 ** (whole.count - 1), LONGEST_OWED_MS);
  });
}

/** How a list goes on that could not be had before, in a read of what changed. */
function wayOf(
  one: MissedList,
  { cursor: state }: StreamRecord,
  strategy: CursorStrategy,
  { compiled, subscribers }: Facts,
  startedAt: number,
): { plan: ReadPlan; isWhole: boolean } {
  const { ofLists } = strategy;
  const { list } = ofLists ?? { list: strategy };
  const own = ofLists ? ofLists.stateOf(state, one.list) : one.cursor;
  const isRefused = one.refusals > 0 && one.refusals % REFUSALS === 0;
  const isOld = one.cursorAt !== null && isBehindTombstones(one.cursorAt, compiled.definition, startedAt);
  const isToTellAll = backfilling(subscribers, one.joining).length > 0;
  const since = isRefused || isOld || isToTellAll ? null : list.since(own, startedAt, one.cursorAt ?? 0);
  return { plan: since ?? list.everything(startedAt), isWhole: since === null };
}

/** The plan of a read of what changed, in which lists that could not be had before go on where they were. */
export function withMissed(
  plan: ReadPlan,
  stream: StreamRecord,
  strategy: CursorStrategy,
  facts: Facts,
  startedAt: number,
): ReadPlan {
  const { each } = facts.compiled;
  if (stream.missed === null || !each) return plan;
  const missed = byKey(stream.missed);
  const ofItem: ReadPlan["ofItem"] = (item) => {
    const one = missed.get(each.key(item));
    if (one) return wayOf(one, stream, strategy, facts, startedAt).plan;
    return plan.ofItem?.(item) ?? plan;
  };
  return { ...plan, ofItem };
}

/** A read as it concerns the list that it is at: one that the first read for somebody could not have is theirs to begin with still. */
export function readOf(at: Checkpoint, each: CompiledEach | undefined, { missed }: StreamRecord): Checkpoint {
  if (missed === null || !each || !at.each) return at;
  const one = byKey(missed).get(each.key(itemAt(at)));
  if (!one) return at;
  const mode = one.mode === "baseline" ? one.mode : at.mode;
  const joining = [...new Set([...one.joining, ...at.joining])];
  return { ...at, mode, joining, toldSince: { ...at.toldSince, ...one.toldSince } };
}

/** Notes that a read could not have a list. */
export function missedNow(at: Checkpoint, list: string, error: Error, stream: StreamRecord, now: number): MissedNow[] {
  const before = byKey(stream.missed).get(list);
  const code = error instanceof HooklineError ? error.code : "internal";
  const lastSuccessAt = before?.error ? before.since : sinceOf(stream, at);
  const isRefusal = !at.complete && mayRefuseCursor(error, { lastSuccessAt }, now);
  const isPartly = at.page !== null || at.done !== undefined;
  const others = (at.missed ?? []).filter((one) => one.list !== list);
  return [...others, { list, error: { code, message: error.message, at: now }, isRefusal, isPartly }];
}

/** Whether a read has had none of its lists. */
export function hasNone({ each: place, missed = [] }: Checkpoint, each: CompiledEach): boolean {
  const failed = new Set(missed.map(({ list }) => list));
  return place !== undefined && place.items.length > 0 && place.items.every((item) => failed.has(each.key(item)));
}

/** Of the lists that could not be had before, those that a read has had. */
export function hadAgain(at: Checkpoint, each: CompiledEach | undefined, { missed }: StreamRecord): MissedList[] {
  if (missed === null || !each || !at.each) return [];
  const failed = new Set(at.missed?.map(({ list }) => list));
  const current = new Set(at.each.items.map((item) => each.key(item)));
  return missed.filter(({ list }) => current.has(list) && !failed.has(list));
}

/** Of the lists that could not be had before, those that are no longer listed, and that a read which has ended forgets. */
export function goneUnread(at: Checkpoint, each: CompiledEach | undefined, { missed }: StreamRecord): MissedList[] {
  if (missed === null || !each || !at.each) return [];
  const current = new Set(at.each.items.map((item) => each.key(item)));
  const kept = new Set(vanished(missed, at, each).map(({ list }) => list));
  return missed.filter(({ list }) => !current.has(list) && !kept.has(list));
}

/** The lists that are missed after a read has ended. */
export function missedAfter(
  stream: StreamRecord,
  at: Checkpoint,
  strategy: CursorStrategy,
  facts: Facts,
): MissedList[] | null {
  const before = byKey(stream.missed);
  const way = (one: MissedList): boolean => !at.complete && wayOf(one, stream, strategy, facts, at.startedAt).isWhole;
  const still = (at.missed ?? []).map((now): MissedList => {
    const one = before.get(now.list) ?? firstMissed(now.list, stream, at, strategy);
    const isCounted = now.isRefusal || way(one);
    const { vanishedAt: _, ...known } = one;
    return {
      ...withJoining(known, at),
      since: one.error === null ? sinceOf(stream, at) : one.since,
      error: now.error,
      failingSince: one.error === null ? now.error.at : failingSince(one),
      isPartly: one.isPartly === true || now.isPartly,
      refusals: one.refusals + (!at.complete && isCounted ? 1 : 0),
      ...(at.complete && { whole: { count: (one.whole?.count ?? 0) + 1, at: at.startedAt } }),
    };
  });
  const owed = hadAgain(at, facts.compiled.each, stream).flatMap((one): MissedList[] => {
    const isNew = one.mode === "baseline" && !one.isPartly;
    if (at.complete || !showsGone(facts.compiled.cursor)) return [];
    const isWhole = !isNew && way(one) && one.cursorAt !== null;
    const whole = one.whole ?? (isWhole ? { count: 1, at: 0 } : undefined);
    return whole ? [{ ...one, mode: "diff", error: null, refusals: 0, joining: [], toldSince: {}, whole }] : [];
  });
  const missed = [...still, ...owed, ...vanished(stream.missed, at, facts.compiled.each)];
  return missed.length === 0 ? null : missed;
}

/** A list that could not be had for those either whose first read this was. */
function withJoining(one: MissedList, { joining, toldSince, startedAt }: Checkpoint): MissedList {
  const joined = joining.map((id) => [id, toldSince?.[id] ?? startedAt] as const);
  return {
    ...one,
    joining: [...new Set([...one.joining, ...joining])],
    toldSince: { ...Object.fromEntries(joined), ...one.toldSince },
  };
}

/** Lists that are no longer listed: a complete read forgets what is known of them, unless it is the first that finds it so. */
function vanished(missed: readonly MissedList[] | null, at: Checkpoint, each: CompiledEach | undefined): MissedList[] {
  if (missed === null || !each || !at.each) return [];
  const current = new Set(at.each.items.map((item) => each.key(item)));
  return missed.flatMap((one) => {
    if (current.has(one.list)) return [];
    if (!at.complete) return [withJoining(one, at)];
    const { vanishedAt = at.startedAt } = one;
    return at.startedAt < vanishedAt + SECOND_READ_MS ? [{ ...withJoining(one, at), vanishedAt }] : [];
  });
}

/** Since when a list is behind that the read before had. */
const sinceOf = ({ cursorAt }: StreamRecord, { startedAt }: Checkpoint): number => cursorAt ?? startedAt;

function firstMissed(list: string, stream: StreamRecord, at: Checkpoint, { ofLists }: CursorStrategy): MissedList {
  const { cursor, cursorAt } = stream;
  return {
    list,
    since: sinceOf(stream, at),
    error: null,
    refusals: 0,
    cursor: ofLists ? null : cursor,
    cursorAt: cursor === null ? null : cursorAt,
    mode: at.mode,
    joining: [],
  };
}

/** Has lists that could not be had begin anew, without their cursors: these have expired, with that of the others. */
export function withoutCursors(missed: readonly MissedList[] | null): MissedList[] | null {
  return missed && missed.map((one) => ({ ...one, cursor: null }));
}

/** Lists that cannot be had now, those first that have failed for longest. */
export function failingLists({ missed }: Pick<StreamRecord, "missed">): (MissedList & { error: StreamError })[] {
  const failing = (missed ?? []).filter((one): one is MissedList & { error: StreamError } => one.error !== null);
  return failing.toSorted((a, b) => a.since - b.since);
}

/** Why a part of a stream is behind: the list that has failed for longest; undefined while none fails. */
export function listError(stream: Pick<StreamRecord, "missed">): StreamError | undefined {
  const [first, ...others] = failingLists(stream);
  if (!first) return undefined;
  const { list, error } = first;
  const more =
    others.length === 0 ? "" : others.length === 1 ? "and one other list " : `and ${others.length} other lists `;
  const message = `List ${JSON.stringify(list)} ${more}cannot be read, while the others go on: ${error.message}`;
  return { ...error, message };
}
