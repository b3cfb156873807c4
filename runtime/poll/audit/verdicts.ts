import { quarantinedByKeys } from "../../model/quarantine.ts";
import { RECOVERY_OVERLAP } from "../decide.ts";
import { SWEEP_BATCH } from "../sweep.ts";
import type { ReadOnlyReading } from "../reading.ts";
import { verifiesAt } from "../verify.ts";
import { compareAll, stillOpen, type Comparison, type Difference, type Differences, type Seen } from "./differences.ts";
import { nextPoll } from "./next-poll.ts";
import type { Patience } from "./patience.ts";
import { Tally } from "./tally.ts";

/** A second read may take so many times as long as the first. */
const READS = 2;

/** What the differences of a comparison mean. */
export interface Verdicts {
  /** Of these, no poll will tell. */
  missing: Tally;
  extra: Tally;
  stale: Tally;
  /** The next poll tells of them. */
  pending: Tally;
  /** Gone, on a stream whose increments do not show that: the next comparison of everything tells of them. */
  unverified: Tally;
  /** May be so young that increments do not show them yet. */
  unsettled: Tally;
  /** Deletions that are held back in doubt. */
  held: Tally;
  /** Not known because they could not be read by polls. */
  quarantined: Tally;
}

export interface AuditFacts extends Seen {
  /** The stream as it is stored now. @throws HooklineError `conflict` when it is no longer the one that was compared */
  fresh(): Promise<ReadOnlyReading>;
  patience: Patience;
}

/**
 * Tells what the differences of a comparison mean. A difference is a loss only when all of this holds: no poll has told of it since;
 * the read of the next poll, made ahead without its consequences, does not tell of it; a second read of everything shows the same
 * version at the vendor, and what is known is the same still; the next poll of that time does not tell of it either; and the change
 * was seen {@link settleMs} ago, or increments can no longer list it. A record's own time proves no age: there are changes that leave
 * it as it was. So a change that polls have not reached is never taken for a loss, nor is one that was taken back, nor a gap of a list
 * that moved while it was read. Waits for the age when the patience allows; otherwise it leaves what may be younger unsettled.
 */
export async function judge(first: Comparison, facts: AuditFacts): Promise<{ found: Comparison; verdicts: Verdicts }> {
  const verdicts: Verdicts = {
    missing: new Tally(),
    extra: new Tally(),
    stale: new Tally(),
    pending: new Tally(),
    unverified: new Tally(),
    unsettled: new Tally(),
    held: new Tally(),
    quarantined: new Tally(),
  };
  const doubtful = await explain(first.differences, verdicts, facts);
  if (doubtful.size === 0) return { found: first, verdicts };
  const isBehind = (one: Difference): boolean => one.isBehind;
  const isSettled =
    [...doubtful.values()].every(isBehind) || (await settle(first, await facts.fresh(), facts.patience));
  const second = await compareAll(await facts.fresh(), facts.patience, facts);
  const confirmed = new Map([...doubtful].filter(([key, one]) => isSame(one, second.differences.get(key))));
  for (const [key, difference] of await explain(confirmed, verdicts, facts)) {
    verdicts[isSettled || isBehind(difference) ? difference.kind : "unsettled"].add(key);
  }
  for (const key of doubtful.keys()) if (second.couldNotRead(key)) first.unread.add(key);
  const found: Comparison = {
    ...first,
    endedAt: second.endedAt,
    known: second.known,
    hasExtra: first.hasExtra && second.hasExtra,
    unkeyed: Math.max(first.unkeyed, second.unkeyed),
    isPastTies: first.isPastTies || second.isPastTies,
  };
  return { found, verdicts };
}

/** Vendors list some changes later among the increments than in the whole; milliseconds after which they are taken to be there. */
const LATE_MS = RECOVERY_OVERLAP * 1000;

/** So long ago has a change to be seen that increments must show, milliseconds. */
function settleMs({ compiled }: ReadOnlyReading): number {
  const { definition } = compiled.cursor;
  return Math.max(LATE_MS, ("overlapSeconds" in definition ? (definition.overlapSeconds ?? 0) : 0) * 1000);
}

/** Waits until all that a read has shown is old enough; false when there is no time for that and another read. */
async function settle(first: Comparison, reading: ReadOnlyReading, patience: Patience): Promise<boolean> {
  const { beganAt, endedAt } = first;
  const wait = Math.max(0, endedAt + settleMs(reading) - reading.now());
  if (patience.monotonic() + wait + READS * (endedAt - beganAt) >= patience.until) return false;
  await patience.sleep(wait, patience.signal);
  return true;
}

/** Counts the differences that have an explanation, and returns the others. */
async function explain(found: Differences, verdicts: Verdicts, { fresh, patience }: AuditFacts): Promise<Differences> {
  const before = await fresh();
  const isTold = await nextPoll(before, await stillOpen(before, found), patience);
  // A poll that ended meanwhile has moved the cursor past what it told of.
  const reading = await fresh();
  const open = await stillOpen(reading, found);
  const quarantined = await quarantinedOf(reading, [...open.keys()]);
  const { doubt } = reading.stream;
  const isVerified = verifiesAt(reading.stream, reading.compiled.definition) !== undefined;
  const left: Differences = new Map();
  for (const [key, difference] of open) {
    const isExtra = difference.kind === "extra";
    if (isExtra && doubt !== null && difference.before!.seen < doubt.since) verdicts.held.add(key);
    else if (quarantined.has(key)) verdicts.quarantined.add(key);
    else if (isTold(key)) verdicts.pending.add(key);
    else if (isExtra && isVerified) verdicts.unverified.add(key);
    else left.set(key, difference);
  }
  return left;
}

const isSame = (one: Difference, other: Difference | undefined): boolean =>
  other?.kind === one.kind && other.version === one.version && other.before?.version === one.before?.version;

async function quarantinedOf({ db, stream }: ReadOnlyReading, keys: readonly string[]): Promise<Set<string>> {
  const found = new Set<string>();
  if (stream.quarantined === 0) return found;
  for (let from = 0; from < keys.length; from += SWEEP_BATCH) {
    const rows = await quarantinedByKeys(db, stream.id, keys.slice(from, from + SWEEP_BATCH));
    for (const key of rows.keys()) found.add(key);
  }
  return found;
}
