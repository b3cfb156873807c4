import { HooklineError } from "../core/errors.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { saveStream, type Checkpoint } from "../model/streams.ts";
import { VendorError } from "../vendor/errors.ts";
import { decide, resume, type Decision } from "./decide.ts";
import { withoutCursors } from "./lists.ts";
import type { Reading } from "./reading.ts";
import { mayRefuseCursor, REFUSALS, STALE } from "./refusal.ts";
import { Walk, type ReadResult } from "./walk.ts";

/** What a read does about a refused place in a list: begin again, or begin without the cursor. */
type Remedy = "restart" | "replaceExpired" | "replaceRefused";

/**
 * Reads a stream, from its cursor or its checkpoint to the end. A place that the vendor refuses is given up, each remedy once.
 * @throws VendorError an answer that is an error, unless it is an expired cursor, or one that was refused {@link REFUSALS} times:
 *   then everything is read and compared; when that is refused too, the cursor was not the cause, and stays
 * @throws HooklineError `pagination_loop`, and what a request throws
 */
export async function readStream(reading: Reading): Promise<ReadResult> {
  const walk = new Walk(reading);
  const { checkpoint } = walk.stream;
  let decision = checkpoint && resume(checkpoint, walk.stream, walk.strategy, reading);
  const isStuck = decision !== null && walk.stream.lastError?.code === "pagination_loop";
  let expired: unknown = null;
  /** Of a read that begins again: whether it has reported deletions that are still held, and what it has told. */
  let kept = keptOf(checkpoint);
  /** What the store has until a read that begins again has committed something. */
  let givenUp = checkpoint;
  for (const tried = new Set<Remedy>(); ; decision = null) {
    try {
      if (!decision) {
        const { checkpoint, plan } = await decide(reading, walk.stream, walk.strategy, expired);
        decision = { checkpoint: { ...checkpoint, ...kept }, plan };
      }
      if (tried.has("replaceRefused")) await proveList(walk, decision);
      return await walk.read(decision);
    } catch (error) {
      // Records that came or went may have filled the next page with those of the page before. That does not pass by itself.
      // So may a list have at which a read goes on, and that is the only one of several which still fails.
      const isAtFailing = walk.hasNone && walk.stream.checkpoint !== null;
      const isStale = ((isLoop(error) && isStuck) || isAtFailing) && tried.size === 0;
      const remedy = isStale ? "restart" : await remedyFor(error, reading, walk, decision?.checkpoint, givenUp);
      if (remedy === undefined || tried.has(remedy)) throw error;
      tried.add(remedy);
      const { id, cursor, checkpoint } = walk.stream;
      reading.log.info({ stream: id, remedy, err: error }, "the vendor refuses the place of the list");
      expired = remedy === "restart" ? null : cursor;
      if (checkpoint) [kept, givenUp] = [keptOf(checkpoint), checkpoint];
      const keepsCursor = remedy === "restart" && !hasCursors(reading.compiled);
      const { missed } = walk.stream;
      const place = keepsCursor ? { cursor, missed } : { cursor: null, missed: withoutCursors(missed) };
      walk.stream = { ...walk.stream, ...place, checkpoint: null };
    }
  }
}

/**
 * Whether each list of a stream has a cursor of its own. One that has none yet is read as a whole, and when that begins again, only
 * a complete read shows what has gone since.
 */
const hasCursors = ({ cursor: { definition } }: CompiledStream): boolean =>
  "per" in definition && definition.per === "item";

const isLoop = (error: unknown): boolean => error instanceof HooklineError && error.code === "pagination_loop";

/** What a read that begins again keeps of the one that was given up. */
function keptOf(checkpoint: Checkpoint | null): Pick<Checkpoint, "holds" | "toldSince" | "progressAt"> {
  if (checkpoint === null) return {};
  const { holds, startedAt, joining, progressAt } = checkpoint;
  const toldSince = { ...Object.fromEntries(joining.map((id) => [id, startedAt])), ...checkpoint.toldSince };
  return { progressAt, ...(holds && { holds }), ...(joining.length > 0 && { toldSince }) };
}

/** What may help after an error; undefined when nothing does but to try again later. */
async function remedyFor(
  error: unknown,
  { transaction, now }: Reading,
  walk: Walk,
  at: Checkpoint | undefined,
  givenUp: Checkpoint | null,
): Promise<Remedy | undefined> {
  const { cursor, checkpoint } = walk.stream;
  if (error instanceof VendorError) {
    if (error.class === "cursorExpired" && (cursor !== null || checkpoint !== null)) return "replaceExpired";
    // A page token does not outlive a long stop. Records of its pages are known by now, and make no second event.
    if (checkpoint?.page != null && STALE.has(error.class)) return "restart";
  }
  const isOfCursor = error === walk.listError && at?.complete === false && cursor !== null;
  if (!isOfCursor || !mayRefuseCursor(error, walk.stream, now())) return undefined;
  const refusals = (walk.stream.refusals + 1) % REFUSALS;
  walk.stream = { ...walk.stream, refusals };
  await transaction((tx) => saveStream(tx, { ...walk.stream, checkpoint: checkpoint ?? givenUp }));
  return refusals === 0 ? "replaceRefused" : undefined;
}

/** Where only a new cursor is taken, a list that is refused with that one too shows that the old one was not the cause. */
async function proveList(walk: Walk, { checkpoint, plan }: Decision): Promise<void> {
  const since = walk.strategy.since(checkpoint.notes, checkpoint.startedAt, checkpoint.startedAt);
  if (plan === null && since !== null) await walk.pages(checkpoint, since).next();
}
