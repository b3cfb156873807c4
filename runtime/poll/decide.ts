import type { Checkpoint, StreamRecord } from "../model/streams.ts";
import { unexpectedAnswer } from "../manifest/select.ts";
import { larger, type CursorStrategy, type ReadPlan } from "../read/cursors.ts";
import { ask } from "../read/fetch.ts";
import { isToBeSettled } from "./doubt.ts";
import { backfilling, type Reading } from "./reading.ts";

/** What a read is going to do. */
export interface Decision {
  checkpoint: Checkpoint;
  /** Null when no list is read, and only the cursor is taken. */
  plan: ReadPlan | null;
}

/**
 * How far before the last success a recovery looks, in seconds: for what the vendor had not indexed yet, and for a vendor's
 * clock that is behind ours.
 */
const RECOVERY_OVERLAP = 600;

/**
 * Decides what kind of read begins: of everything or of what changed, with events or silent. `expired` is a cursor that the vendor
 * has just refused.
 * @throws VendorError of the request for a new cursor
 */
export async function decide(
  { compiled, subscribers, source, now, releasesDeletions }: Reading,
  stream: StreamRecord,
  strategy: CursorStrategy,
  expired: unknown = null,
): Promise<Decision> {
  const joining = subscribers
    .filter(({ subscription }) => subscription.backfill === "pending")
    .map(({ subscription }) => subscription.id);
  const isFirst = stream.baselinedAt === null;
  const tellsAll = backfilling(subscribers, joining).length > 0;
  const startedAt = now();
  const isComplete = isFirst || tellsAll || isToBeSettled(stream, startedAt, releasesDeletions);
  const since = isComplete ? null : strategy.since(stream.cursor, startedAt, stream.cursorAt ?? 0);
  const checkpoint: Checkpoint = {
    complete: since === null,
    startedAt,
    mode: isFirst ? "baseline" : "diff",
    page: null,
    notes: null,
    joining,
    recovering: null,
  };
  const { baseline, recover } = compiled.cursor;
  if (since !== null || !baseline) return { checkpoint, plan: since ?? strategy.everything(startedAt) };
  // The number is taken before anything is listed: what arrives while the list is read is then read again, not missed.
  const response = await ask(source, baseline.request(source.scope));
  const notes = larger(null, baseline.from(response));
  if (notes === null) throw unexpectedAnswer(response, "no number to begin at", ["cursor.baseline.from"]);
  if (!recover || (isFirst && !tellsAll)) return { checkpoint: { ...checkpoint, notes }, plan: null };
  const recovering = { value: expired, sinceSeconds: recoverySince(stream.lastSuccessAt) };
  return { checkpoint: { ...checkpoint, notes, recovering }, plan: strategy.everything(startedAt) };
}

/** A read that continues at its checkpoint keeps the decision of its beginning. */
export function resume(checkpoint: Checkpoint, { cursor, cursorAt }: StreamRecord, strategy: CursorStrategy): Decision {
  const { complete, startedAt } = checkpoint;
  const since = complete ? null : strategy.since(cursor, startedAt, cursorAt ?? 0);
  return { checkpoint, plan: since ?? strategy.everything(startedAt) };
}

function recoverySince(lastSuccessAt: number | null): number {
  return lastSuccessAt === null ? 0 : Math.floor(lastSuccessAt / 1000) - RECOVERY_OVERLAP;
}
