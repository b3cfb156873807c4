import { HooklineError } from "../core/errors.ts";
import { HOUR } from "../core/time.ts";
import type { CompiledEach } from "../manifest/connector.ts";
import { countKnown } from "../model/known.ts";
import type { Checkpoint, StreamRecord } from "../model/streams.ts";
import { unexpectedAnswer } from "../manifest/select.ts";
import { larger, type CursorStrategy, type ReadPlan } from "../read/cursors.ts";
import { ask } from "../read/fetch.ts";
import { itemsOf } from "../read/pages.ts";
import { isToBeSettled } from "./doubt.ts";
import { missedLast, owesCompleteRead, withMissed } from "./lists.ts";
import { backfilling, type ReadOnlyReading } from "./reading.ts";
import { isOutdated, isToBeVerified } from "./verify.ts";

/** What a read is going to do. */
export interface Decision {
  checkpoint: Checkpoint;
  /** Null when no list is read, and only the cursor is taken. */
  plan: ReadPlan | null;
}

/**
 * How far before the beginning of the last read a recovery looks, in seconds: for what the vendor had not indexed yet, and for a
 * clock of the vendor that is behind ours.
 */
export const RECOVERY_OVERLAP = 600;

/** By so much the clocks of two processes, or of one before and after it was set, may differ, milliseconds. */
const CLOCKS_APART_MS = HOUR;

/**
 * Decides what kind of read begins: of everything or of what changed, with events or silent. `expired` is a cursor that the vendor
 * has just refused.
 * @throws VendorError of the request for a new cursor, or for items
 * @throws HooklineError `not_found` when the input names an item that does not exist
 */
export async function decide(
  reading: ReadOnlyReading,
  stream: StreamRecord,
  strategy: CursorStrategy,
  expired: unknown = null,
): Promise<Decision> {
  const { compiled, subscribers, source, now, releasesDeletions } = reading;
  const joining = subscribers
    .filter(({ subscription }) => subscription.backfill === "pending")
    .map(({ subscription }) => subscription.id);
  const isFirst = stream.baselinedAt === null;
  const tellsAll = backfilling(subscribers, joining).length > 0;
  const startedAt = beginning(reading.stream, now());
  const { each } = compiled;
  const items = each && missedLast(await currentItems(reading, stream, each), each, stream);
  const { baseline, recover } = compiled.cursor;
  const goesOn =
    !isFirst &&
    !isToBeSettled(stream, startedAt, releasesDeletions) &&
    !isToBeVerified(stream, compiled.definition, startedAt) &&
    !owesCompleteRead(stream, items, each, startedAt);
  const changed = goesOn ? strategy.since(stream.cursor, startedAt, stream.cursorAt ?? 0, items) : null;
  const increment = changed && withMissed(changed, stream, strategy, reading, startedAt);
  // Changes that only come one by one have no list of all there is, or one beside them.
  const since = tellsAll && (!baseline || recover) ? null : increment;
  const checkpoint: Checkpoint = {
    complete: since === null,
    startedAt,
    mode: isFirst ? "baseline" : "diff",
    page: null,
    ...(items && { each: { items, at: 0 } }),
    // Of what a list that failed may have, reads before have held the deletions.
    ...(items && stream.missed !== null && { holds: true }),
    notes: null,
    joining,
    recovering: null,
  };
  if (since !== null || !baseline) return { checkpoint, plan: since ?? strategy.everything(startedAt) };
  if (increment !== null) {
    const recovering = { value: null, sinceSeconds: 0, isBackfill: true } as const;
    return { checkpoint: { ...checkpoint, recovering }, plan: strategy.everything(startedAt) };
  }
  // The number is taken before anything is listed: what arrives while the list is read is then read again, not missed.
  const response = await ask(source, baseline.request(source.scope));
  const notes = larger(null, baseline.from(response));
  if (notes === null) throw unexpectedAnswer(response, "no number to begin at", ["cursor.baseline.from"]);
  if (!recover || (isFirst && !tellsAll)) return { checkpoint: { ...checkpoint, notes }, plan: null };
  const recovering = { value: expired, sinceSeconds: recoverySince(stream.cursorAt ?? stream.lastSuccessAt) };
  return { checkpoint: { ...checkpoint, notes, recovering }, plan: strategy.everything(startedAt) };
}

/**
 * A read that continues at its checkpoint keeps the decision of its beginning; null when it begins again: at an only page, whose
 * records may be others now, when its cursor is of no use any more, or when too much time has passed.
 */
export function resume(
  checkpoint: Checkpoint,
  stream: StreamRecord,
  strategy: CursorStrategy,
  reading: Pick<ReadOnlyReading, "compiled" | "subscribers" | "now">,
): Decision | null {
  const { compiled, now } = reading;
  const { complete, startedAt, each, page, sweepAfter, done } = checkpoint;
  const isAtOnlyPage = page === null && sweepAfter === undefined && done === undefined && (each?.at ?? 0) === 0;
  if (isAtOnlyPage || isOutdated(checkpoint, stream, compiled.definition, now())) return null;
  if (complete) return { checkpoint, plan: strategy.everything(startedAt) };
  const plan = strategy.since(stream.cursor, startedAt, stream.cursorAt ?? 0, each?.items);
  return plan && { checkpoint, plan: withMissed(plan, stream, strategy, reading, startedAt) };
}

/**
 * When a read begins that is marked with this time: later than all before it, also those of a process whose clock is ahead of this
 * one's, since what it has not marked itself must count as not seen. A clock that was ahead by more was wrong, and is not followed.
 */
function beginning({ cursorAt, verifiedAt, checkpoint }: StreamRecord, now: number): number {
  const next = Math.max(cursorAt ?? 0, verifiedAt ?? 0, checkpoint?.startedAt ?? 0) + 1;
  return next > now + CLOCKS_APART_MS ? now : Math.max(now, next);
}

/** An input that leads to no item is refused once nothing is left of its records: such a subscription would be silent for ever. */
async function currentItems(
  { source, compiled, db }: ReadOnlyReading,
  { id, input }: StreamRecord,
  each: CompiledEach,
): Promise<unknown[]> {
  const items = await itemsOf(source, each);
  if (items.length > 0 || !each.where || Object.keys(input).length === 0) return items;
  if ((await countKnown(db, id)) > 0) return items;
  const message = `Stream ${compiled.name}: ${JSON.stringify(input)} leads to nothing that the account has. It may have been deleted; choose another input`;
  throw new HooklineError("not_found", message);
}

function recoverySince(readAt: number | null): number {
  return readAt === null ? 0 : Math.floor(readAt / 1000) - RECOVERY_OVERLAP;
}
