import type { Checkpoint, StreamError, StreamRecord } from "../model/streams.ts";
import type { CursorStrategy } from "../read/cursors.ts";
import { doubtAfter, heldError, showsGone, unkeyedError, type Doubted } from "./doubt.ts";
import { listError, missedAfter, missedLists } from "./lists.ts";
import type { Reading } from "./reading.ts";

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
  const doubt = doubtAfter(before.doubt, at, doubted);
  const missed = missedAfter(before, at, strategy, reading);
  const isBlind = at.complete && at.hasUnkeyed && showsGone(compiled.cursor);
  const lastError = (): StreamError | null => {
    if (doubt?.isHeld) return heldError(doubt);
    return isBlind ? unkeyedError(before.lastError, now) : (listError({ missed }) ?? null);
  };
  return {
    ...before,
    requestHash,
    cursorVersion: compiled.definition.cursorVersion ?? 1,
    cursor: strategy.after(before.cursor, notes, missedLists(at)),
    cursorAt: startedAt,
    verifiedAt: at.complete ? startedAt : at.isToVerify ? 0 : before.verifiedAt,
    checkpoint: null,
    baselinedAt: before.baselinedAt ?? startedAt,
    lastPollAt: now,
    lastSuccessAt: now,
    consecutiveErrors: 0,
    refusals: 0,
    lastError: lastError(),
    doubt,
    missed,
  };
}
