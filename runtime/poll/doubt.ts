import type { Cursor } from "../../schemas/manifest.ts";
import { DAY, MINUTE } from "../core/time.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { countKnown, countLists, countUnseen, SEEN_ALWAYS } from "../model/known.ts";
import type { Checkpoint, Doubt, StreamError, StreamRecord } from "../model/streams.ts";
import type { Reading } from "./reading.ts";

/** Up to so many missing records are believed at once, as long as one record is left. */
export const FEW = 20;
/** Above this share of all records, missing ones are looked for in a second read; together with more than {@link FEW}. */
export const DOUBTED_SHARE = 0.2;
/** Above this share, they are held for a person even when the second read agrees; together with more than {@link FEW}. */
export const HELD_SHARE = 0.5;
/** Milliseconds until the second read, at least. */
export const SECOND_READ_MS = MINUTE;
/** Milliseconds after which held deletions are believed, when all reads in between agreed. */
export const RELEASE_MS = DAY;

/** What is done about records that a complete read does not list. */
export type Verdict = { kind: "believed" } | Doubted;

export type Doubted =
  /** They are looked for in another read, at `again`; as the schedule wants it, when not given. */
  | { kind: "doubted"; doubt: Doubt; again?: number }
  /** They stay as they are until a person accepts their deletion, or time has shown it. */
  | { kind: "held"; doubt: Doubt };

export interface Missing {
  stream: StreamRecord;
  /** When the read began. */
  startedAt: number;
  now: number;
  /** Records that were known before and are listed. */
  kept: number;
  /** Records that were known before and are not. */
  missing: number;
  /** Of these, how many the doubted read before did not list either. */
  confirmed: number;
  /** Lists of which records were known, and none is listed; 0 where a stream is one list. */
  emptied: number;
  /** Of these, how many the doubted read before did not list anything of either. */
  confirmedEmptied: number;
  /** Whether held deletions are believed in the end. */
  releases: boolean;
}

/**
 * Judges the absences of a complete read. An empty or halved answer is more often a fault of the vendor than of the account: what
 * would take away everything, all of one of several lists, or much, is read twice; what would take away most is held.
 */
export function judge(facts: Missing): Verdict {
  const { stream, missing, confirmed, kept, emptied, now, startedAt } = facts;
  const { doubt, deletionsAcceptedAt } = stream;
  const all = kept + missing;
  const isMuch = (count: number, share: number): boolean => count > FEW && count > share * all;
  const isDoubtful = (count: number): boolean => count > 0 && (kept === 0 || isMuch(count, DOUBTED_SHARE));
  if (!isDoubtful(missing) && emptied === 0) return { kind: "believed" };
  const doubted: Verdict = { kind: "doubted", doubt: { since: startedAt, missing, known: all, isHeld: false } };
  if (doubt === null || isOfFuture(doubt, startedAt)) return { ...doubted, again: now + SECOND_READ_MS };
  if (startedAt < doubt.since + SECOND_READ_MS) return { kind: "doubted", doubt, again: doubt.since + SECOND_READ_MS };
  // Only what neither read has listed is proved; if more is missing now, that was read once. Of what is held, some may have been
  // settled by the increments meanwhile.
  const isConfirmed = doubt.isHeld || confirmed >= doubt.missing;
  const isNew = isDoubtful(missing - confirmed) || emptied > facts.confirmedEmptied;
  // A list that is never twice the same is not read without end, either.
  if (!isConfirmed || isNew) return doubted;
  if (!isMuch(missing, HELD_SHARE)) return { kind: "believed" };
  const isAccepted = deletionsAcceptedAt !== null && deletionsAcceptedAt >= doubt.since;
  if (isAccepted || (facts.releases && now - doubt.since >= RELEASE_MS)) return { kind: "believed" };
  return { kind: "held", doubt: { since: doubt.since, missing, known: all, isHeld: true } };
}

/** Whether a doubt is of a time that has not come yet, since the clock was ahead then: its day would not end. */
const isOfFuture = ({ since }: Doubt, now: number): boolean => since > now;

/** Whether a stream has to be read completely now, to settle a doubt. */
export function isToBeSettled({ doubt, deletionsAcceptedAt }: StreamRecord, now: number, releases: boolean): boolean {
  if (doubt === null) return false;
  if (!doubt.isHeld || isOfFuture(doubt, now)) return true;
  return (deletionsAcceptedAt ?? 0) >= doubt.since || (releases && now - doubt.since >= RELEASE_MS);
}

/** Counts what a complete read has not listed, and judges it. `listed`: the keys of its only page, which carry no marks yet. */
export async function judgeAbsences(
  { db, now, log, compiled, releasesDeletions: releases }: Reading,
  stream: StreamRecord,
  { startedAt, created = 0, missed: unread = [] }: Checkpoint,
  listed: ReadonlySet<string> | undefined,
): Promise<Verdict> {
  const { id, doubt } = stream;
  // A record asked for by its id is absent only when the vendor has said so.
  if (isSingle(compiled.cursor.definition)) return { kind: "believed" };
  // Nothing is missing of a list that could not be read.
  const lists = unread.map(({ list }) => list);
  const keys = listed && [...listed];
  const missing = await countUnseen(db, id, keys ? SEEN_ALWAYS : startedAt, { lists, ...(keys && { keys }) });
  const kept = (await countKnown(db, id, { lists })) - missing - created;
  // A read that settles a doubt marks what it lists.
  const confirmed = doubt === null ? 0 : await countUnseen(db, id, doubt.since, { lists });
  const of = (since: number): Promise<number> =>
    countLists(db, id, since, since === SEEN_ALWAYS ? keys : undefined, { lists });
  const known = compiled.each ? await of(0) : 0;
  const emptied = known === 0 ? 0 : known - (await of(keys ? SEEN_ALWAYS : startedAt));
  const confirmedEmptied = emptied === 0 || doubt === null ? 0 : known - (await of(doubt.since));
  const counts = { kept, missing, confirmed, emptied, confirmedEmptied };
  const verdict = judge({ stream, startedAt, ...counts, releases, now: now() });
  if (verdict.kind !== "believed") {
    const { connection, stream: name } = stream;
    const facts = { connection, stream: name, verdict: verdict.kind, missing, kept };
    log.warn(facts, "many records are no longer listed; they are not taken for deleted yet");
  }
  return verdict;
}

/** The doubt that a read leaves. An incremental read settles none, and neither does one whose absences mean nothing (`showsAll`). */
export const doubtAfter = (before: Doubt | null, showsAll: boolean, verdict: Doubted | undefined): Doubt | null =>
  verdict ? verdict.doubt : showsAll ? null : before;

/** Whether the last complete read is not to be believed before another one agrees: it was no success. */
export const isDoubted = ({ doubt }: Pick<StreamRecord, "doubt">): boolean => doubt !== null && !doubt.isHeld;

/** What is reported of held deletions. */
export function heldError({ missing, known, since }: Doubt): StreamError {
  const message = `${missing} of ${known} records are no longer listed, in two reads. They are not reported as deleted until the subscription is resumed with {"accept": true}`;
  return { code: "unusual_deletions", message, at: since };
}

/** Code of what is reported while records without a key keep a list from showing what is gone. */
export const WITHOUT_KEY = "without_key";

/** What is reported of a complete read that listed records without a key; `before`: what was, since when it is so. */
export function unkeyedError(before: StreamError | null, now: number): StreamError {
  const message =
    "Records without a key are listed. What is no longer listed may be one of them, so nothing is reported as deleted until each has its key; check records.primaryKey in the manifest";
  return { code: WITHOUT_KEY, message, at: before?.code === WITHOUT_KEY ? before.at : now };
}

/** Whether what a complete read of a stream does not list is gone. */
export function showsGone({ definition }: CompiledStream["cursor"]): boolean {
  return definition.type !== "window" && !(definition.type === "snapshot" && definition.partial === true);
}

const isSingle = (cursor: Cursor): boolean => cursor.type === "snapshot" && cursor.single === true;
