import { HOUR, MINUTE } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { LONGEST_RETRY_AFTER } from "../core/retry-after.ts";
import { streams, type StreamRecord } from "../model/streams.ts";
import { setDegraded } from "../model/subscriptions.ts";
import type { Tx } from "../store/database.ts";
import { pollJob } from "./jobs.ts";
import { loadStreams, type Loaded } from "./load.ts";
import { followClock } from "./clock-sets.ts";
import { isNotTold } from "./news.ts";
import { listError } from "./lists.ts";
import { causeOf, LATE_MS, LEAST_MS, listPaceOf, paceOf, type Pace } from "./pace.ts";
import { degradedBy, tell } from "./report.ts";
import { AHEAD_MS, isAhead, setBack } from "./set-back.ts";
import { schedulesOf } from "./subscriber.ts";

type WatchContext = Pick<Context, "db" | "engine" | "connectors" | "emit" | "clock" | "log">;

/** What one look works with, and since when this process polls: what stood still before has its time to catch up. */
type Look = WatchContext & { startedAt: number };

/** When streams are looked over after a start, and while that fails. */
const WATCH = "3-59/5 * * * *";
/** Between two rounds, at least; milliseconds. */
const ROUND_MS = 5 * MINUTE;
/** Streams per transaction, so that no other work waits long. */
export const SLICE = 500;
/** The longest time for which a stream is not looked at. */
const LONGEST_MS = HOUR;
/** A poll that is late by so much is planned once more: its job may be lost. */
export const LOST_MS = 5 * MINUTE;

/**
 * Has the engine look for streams without a success for too long, whatever the cause: a poll that never begins or never ends cannot
 * report itself. A stream is looked at when it could be too late at the earliest, so that a poll has nothing to write for it.
 */
export function watchPolls(context: WatchContext): void {
  const { db, clock, engine } = context;
  followClock(clock);
  const startedAt = clock.now();
  engine.cron("watch", WATCH, async () => {
    const ahead = clock.now() + LONGEST_MS + AHEAD_MS;
    await db.relaxed((tx) => tx.run("update streams set watch_at = 0 where watch_at > ?", [ahead]));
    while ((await lookOver({ ...context, startedAt })) === SLICE);
    return nextLook(context);
  });
}

/** When the next stream is to be looked at: one that comes meanwhile is so after {@link LEAST_MS}. */
async function nextLook({ db, clock }: WatchContext): Promise<number> {
  const first = await db.get<{ at: number | null }>("select min(watch_at) as at from streams");
  const now = clock.now();
  return Math.min(Math.max(first?.at ?? Infinity, now + ROUND_MS), now + LEAST_MS);
}

/** Looks at the streams of one slice; returns how many there were. When to look next need not outlive a power failure. */
async function lookOver(context: Look): Promise<number> {
  const { db, clock } = context;
  const now = clock.now();
  const due = await db.all<{ id: number; at: number | null }>(
    "select id, last_success_at as at from streams where watch_at <= ? order by watch_at limit ?",
    [now, SLICE],
  );
  const [fresh, doubtful] = [due.filter(({ at }) => isFresh(at, now)), due.filter(({ at }) => !isFresh(at, now))];
  if (fresh.length > 0) {
    const statement = `update streams set watch_at = last_success_at + ${LEAST_MS} where ${db.oneOf("id")}`;
    await db.relaxed((tx) => tx.run(statement, [JSON.stringify(fresh.map(({ id }) => id))]));
  }
  const ids = doubtful.map(({ id }) => id);
  if (ids.length > 0) await db.transaction((tx) => judge(context, tx, ids, now));
  return due.length;
}

const isFresh = (lastSuccessAt: number | null, now: number): boolean =>
  lastSuccessAt !== null && lastSuccessAt > now - LEAST_MS && lastSuccessAt <= now + AHEAD_MS;

async function judge(context: Look, tx: Tx, ids: readonly number[], now: number): Promise<void> {
  const loaded = await loadStreams(tx, ids);
  const looks: { id: number; at: number }[] = [];
  for (const id of ids) looks.push({ id, at: await lookAt(context, tx, loaded.get(id), now) });
  for (const [watchAt, some] of Map.groupBy(looks, ({ at }) => Math.ceil(at / MINUTE) * MINUTE)) {
    await streams.change(tx, { watchAt }, tx.oneOf("id"), [JSON.stringify(some.map(({ id }) => id))]);
  }
}

/** Reports a stream that is too late, and plans its poll where that was lost. Returns when to look next. */
async function lookAt(context: Look, tx: Tx, loaded: Loaded | undefined, now: number): Promise<number> {
  if (!loaded || loaded.subscriptions.length === 0 || loaded.connection.status !== "active") return now + LONGEST_MS;
  const { connection, subscriptions } = loaded;
  const wasAhead = isAhead(loaded.stream, now);
  const stream = wasAhead ? await setBack(tx, loaded.stream, now) : loaded.stream;
  const schedules = schedulesOf(context.connectors.get(connection.connector), subscriptions);
  const facts = { subscriptions, schedules, now, clock: context.clock };
  const pace = paceOf(stream, facts);
  const degradedAt = Math.min(pace.degradedAt, listPaceOf(stream, facts)?.degradedAt ?? Infinity);
  // Its next poll may be planned for a time that was as far ahead.
  if (wasAhead || isLost(stream, pace, now)) await context.engine.enqueue(tx, [pollJob(stream.id, connection.id, now)]);
  const lateAt = Math.max(degradedAt, context.startedAt + LEAST_MS) + LATE_MS;
  if (now < lateAt) return Math.min(lateAt, now + LONGEST_MS);
  const recipients = subscriptions.filter(isNotTold);
  if (recipients.length > 0) {
    const isWhole = now >= pace.degradedAt;
    const cause = (isWhole ? undefined : listError(stream)) ?? causeOf(stream, pace, now);
    context.log.warn({ stream: stream.id, connection: connection.id, cause }, "a stream is behind its schedule");
    await setDegraded(tx, stream.id, true);
    const subject = { connector: connection.connector, stream: stream.stream };
    await tell(context.emit, tx, subject, recipients, degradedBy(cause), now);
  }
  return now + LEAST_MS;
}

/** Whether the job of a stream's next poll is gone, or waits for a time that a wrong clock gave. */
export function isLost(
  { nextPollAt, lastError }: Pick<StreamRecord, "nextPollAt" | "lastError">,
  { since, dueAt }: Pick<Pace, "since" | "dueAt">,
  now: number,
): boolean {
  if (nextPollAt === null) return true;
  // A poll that ended its process waits longer than the stream says.
  if (nextPollAt < now - LOST_MS) return lastError?.code !== "interrupted" || lastError.at < nextPollAt;
  return nextPollAt > now + Math.max(LONGEST_RETRY_AFTER, dueAt - since) + LOST_MS;
}
