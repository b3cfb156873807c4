import type { Clock } from "../core/clock.ts";
import { durationMs } from "../core/duration.ts";
import type { CompiledStream } from "../manifest/connector.ts";
import { recoveredEvent } from "../model/operational.ts";
import type { StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import { listError } from "./lists.ts";
import { causeOf, LATE_MS, LEAST_MS, listPaceOf, NAMED_AFTER, paceOf } from "./pace.ts";
import { degradedBy, gapOf, type Report } from "./report.ts";
import { runAfter, type Schedule } from "./schedule.ts";

/** What is reported, and to whom. */
export interface News {
  recipients: SubscriptionRecord[];
  report: Report;
}

/** A read without an error, and what came before it. */
export interface ReadFacts {
  /** The stream as it was when the poll began. */
  before: StreamRecord;
  /** The stream after a read without an error. */
  read: StreamRecord;
  subscriptions: readonly SubscriptionRecord[];
  compiled: CompiledStream;
  schedules: readonly Schedule[];
  /** When the poll began, milliseconds since the epoch. */
  begunAt: number;
  /** Since when this process polls. */
  startedAt: number;
  clock: Clock;
}

/** Whether a subscription has no report yet that its stream is behind. */
export const isNotTold = ({ degraded }: SubscriptionRecord): boolean => !degraded;

/** Whether a read without an error leaves something that a person has to know: held deletions, or a list that fails for too long. */
export function isDegraded({ read, subscriptions, schedules, clock }: ReadFacts): boolean {
  if (read.doubt?.isHeld === true) return true;
  if (subscriptions.length === 0) return false;
  const now = clock.now();
  const pace = listPaceOf(read, { subscriptions, schedules, now, clock });
  return pace !== undefined && now >= pace.degradedAt;
}

/** What is reported after a read without an error. One that is still under way is no success yet. */
export function newsOf(facts: ReadFacts): News[] {
  const { read, subscriptions } = facts;
  if (read.doubt?.isHeld === true) return news(subscriptions.filter(isNotTold), degradedBy(read.lastError!));
  if (read.checkpoint !== null) return [];
  if (isDegraded(facts)) {
    return [...news(subscriptions.filter(isNotTold), degradedBy(listError(read)!)), ...gapsOf(facts)];
  }
  const stall = stallOf(facts);
  const told = subscriptions.filter(({ degraded }) => degraded);
  const recovered = news([...told, ...stall.flatMap(({ recipients }) => recipients)], recoveredEvent);
  return [...stall, ...recovered, ...gapsOf(facts)];
}

/** A stall that ended before anybody could report it, such as that of a process which stood still; one that was not there is no stall. */
function stallOf({ before, subscriptions, schedules, begunAt: now, startedAt, clock }: ReadFacts): News[] {
  if (subscriptions.length === 0 || now - (before.lastSuccessAt ?? 0) < LEAST_MS) return [];
  const pace = paceOf(before, { subscriptions, schedules, now, clock });
  if (now < Math.max(pace.degradedAt, startedAt + LEAST_MS) + LATE_MS) return [];
  const recipients = subscriptions.filter((one) => isNotTold(one) && one.createdAt <= pace.since);
  return news(recipients, degradedBy(causeOf(before, pace, now)));
}

/** After a stall that was longer than the vendor keeps changes, some may have come and gone. */
function gapsOf({ before, read, subscriptions, compiled, schedules, begunAt }: ReadFacts): News[] {
  const from = before.cursorAt ?? before.lastSuccessAt;
  const to = read.cursorAt ?? begunAt;
  const isLost = from !== null && (to - from >= keptFor(compiled) || isPassed(from, to));
  /** Whether a window has moved past things that no read has seen; one that its schedule is too slow for is no stall. */
  function isPassed(from: number, to: number): boolean {
    const span = compiled.cursor.span?.({ input: before.input });
    if (!span || schedules.length === 0) return false;
    return to - from > (span.ahead + span.behind) * 1000 && to > runAfter(schedules, before.id, from, NAMED_AFTER);
  }
  // A new baseline has been reported already.
  if (!isLost || read.baselinedAt !== before.baselinedAt) return [];
  const recipients = subscriptions.filter(({ backfill }) => backfill === "done");
  return news(recipients, gapOf({ from, to, reason: "stalled" }));
}

/** Milliseconds for which the vendor keeps, or lists, what has changed, where the stream says so. */
export function keptFor({ definition: { cursor, tombstones } }: CompiledStream): number {
  const kept =
    cursor.type === "syncToken" ? cursor.maxAge : cursor.type === "snapshot" ? cursor.reachesBack : undefined;
  const spans = [kept, tombstones];
  return Math.min(...spans.flatMap((span) => (span === undefined ? [] : [durationMs(span)])));
}

const news = (recipients: SubscriptionRecord[], report: Report): News[] =>
  recipients.length === 0 ? [] : [{ recipients, report }];
