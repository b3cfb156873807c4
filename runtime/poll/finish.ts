import type { Checkpoint, StreamError, StreamRecord } from "../model/streams.ts";
import type { CursorStrategy } from "../read/cursors.ts";
import { doubtAfter, heldError, isDoubted, showsGone, unkeyedError, type Doubted } from "./doubt.ts";
import { listError, mayHaveMoved, missedAfter, missedLists } from "./lists.ts";
import type { Reading } from "./reading.ts";

/** Whether a record that a complete read did not list may be there all the same. */
export const isBlind = (at: Checkpoint, stream: StreamRecord, now: number): boolean =>
  at.hasUnkeyed === true || at.isPastTies === true || mayHaveMoved(at, stream, now);

/** A stream after a read that has ended. `doubted`: what is missing and not believed to be gone. */
export function streamAfter(
  reading: Reading,
  strategy: CursorStrategy,
  before: StreamRecord,
  at: Checkpoint,
  doubted: Doubted | undefined,
): StreamRecord {
  const { compiled, requestHash } = reading;
  const { startedAt, notes } = at;
  const now = reading.now();
  const doubt = doubtAfter(before.doubt, at.complete && !isBlind(at, before, now), doubted);
  const missed = missedAfter(before, at, strategy, reading);
  const isUnkeyed = at.complete && at.hasUnkeyed && showsGone(compiled.cursor);
  const lastError = (): StreamError | null => {
    if (doubt?.isHeld) return heldError(doubt);
    return isUnkeyed ? unkeyedError(before.lastError, now) : (listError({ missed }) ?? null);
  };
  return {
    ...before,
    requestHash,
    cursorVersion: compiled.definition.cursorVersion ?? 1,
    // The list that is read for who joins leaves the increments where they were.
    ...(!at.recovering?.isBackfill && {
      cursor: strategy.after(before.cursor, notes, missedLists(at)),
      cursorAt: startedAt,
    }),
    verifiedAt: at.complete ? startedAt : at.isToVerify ? 0 : before.verifiedAt,
    checkpoint: null,
    baselinedAt: before.baselinedAt ?? startedAt,
    lastPollAt: now,
    lastSuccessAt: isDoubted({ doubt }) ? before.lastSuccessAt : now,
    consecutiveErrors: 0,
    refusals: 0,
    lastError: lastError(),
    doubt,
    missed,
  };
}
