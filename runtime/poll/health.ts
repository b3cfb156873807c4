import type { ConnectionRow } from "../model/connections.ts";
import { count, nullable, oneOf, time, value, type JsonOf } from "../model/field.ts";
import type { QuarantinedRecord } from "../model/quarantine.ts";
import {
  count as countSchema,
  listOf,
  object,
  oneOf as oneOfSchema,
  text as textSchema,
  time as timeSchema,
} from "../model/schema.ts";
import type { StreamError, StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import type { Clock } from "../core/clock.ts";
import { DAY, isoTime } from "../core/time.ts";
import type { Connector } from "../manifest/connector.ts";
import { heldError } from "./doubt.ts";
import { failingLists, listError } from "./lists.ts";
import { causeOf, listPaceOf, paceOf, type Pace } from "./pace.ts";
import { schedulesOf } from "./subscriber.ts";

interface Failure {
  code: string;
  message: string;
  at: string;
}

const failureSchema = (description: string) =>
  object(description, {
    code: textSchema("Stable code."),
    message: textSchema("The reason, for people."),
    at: timeSchema("When it happened."),
  });

/** Quarantined records that are shown. */
export const MOST_QUARANTINED = 20;

const quarantinedFields = {
  key: textSchema("Primary key of the record, or a hash of it."),
  state: oneOfSchema(
    ["retrying", "setAside"],
    "setAside: left alone until a poll is asked for, or a list has it again.",
  ),
  tries: countSchema("In how many polls it was asked for."),
  error: object("Why it could not be read.", {
    code: textSchema("Stable code."),
    message: textSchema("The reason, for people."),
  }),
  failedAt: timeSchema("When it was last asked for."),
};

/** Failing lists that are shown. */
export const MOST_LISTS = 20;

const listFields = {
  list: textSchema("Key of the list at the vendor."),
  since: timeSchema("When the last read began that had it, or the first that did not."),
  error: failureSchema("Why it could not be read, the last time."),
};

interface ListView {
  list: string;
  since: string;
  error: Failure;
}

/** Records that are missing, and not believed to be deleted yet. */
interface MissingView {
  state: "readAgain" | "held";
  missing: number;
  known: number;
  since: string;
  message: string;
}

interface QuarantinedView {
  key: string;
  state: "retrying" | "setAside";
  tries: number;
  error: { code: string; message: string };
  failedAt: string;
}

const fields = {
  state: oneOf(
    ["active", "waiting", "degraded", "paused", "reauth_required"],
    "waiting: the first poll has not ended yet; degraded: no read has succeeded for three intervals, and at least 15 minutes, or one of several lists has failed for so long, reads were interrupted, or deletions are held back.",
  ),
  lastPollAt: nullable(time("When a poll last ended.")),
  lastSuccessAt: nullable(
    time(
      "When a complete list or all changes were last read; null before the first time. A complete list that is to be read again before it is believed does not count.",
    ),
  ),
  nextPollAt: nullable(time("When the next poll is due; null when no poll is scheduled.")),
  lagSeconds: count(
    "Seconds that the stream is behind its schedule: the time since the last success, or since it was to be read first, less one interval; of several lists, that of the one which has failed for longest; 0 while it is on time or paused.",
  ),
  consecutiveErrors: count(
    "Failed polls since the last success, or since a read last made progress; those that ended at a limit do not count.",
  ),
  lastError: nullable(value<Failure>(failureSchema("The latest failure."))),
  cause: nullable(
    value<Failure>(
      failureSchema(
        "Why the stream is behind, whatever it is: named once no read has succeeded for two intervals, or one of several lists has failed for so long; null before. Beside the codes of errors: `poll_overdue`, `poll_postponed`, `long_read`, `endless_read`, `doubted_list`, `interrupted`, `unusual_deletions`, `without_key`, `store_unusable`.",
      ),
    ),
  ),
  cursorAge: nullable(count("Seconds since the cursor was taken.")),
  quarantine: value<{ count: number; records: QuarantinedView[] }>(
    object("Records that were listed and could not be read, while the others went on.", {
      count: countSchema("How many there are."),
      records: listOf(
        object("A record that could not be read.", quarantinedFields),
        `Those that failed last, ${MOST_QUARANTINED} at most.`,
      ),
    }),
  ),
  missing: nullable(
    value<MissingView>(
      object(
        "Records that a complete read no longer lists, and that are not reported as deleted yet; null while there are none.",
        {
          state: oneOfSchema(
            ["readAgain", "held"],
            "readAgain: another read, a minute later at the earliest, is to agree first; held: that it did, and so much is missing that a person decides.",
          ),
          missing: countSchema("How many records are missing."),
          known: countSchema("Of how many."),
          since: timeSchema("When the read began that missed them first."),
          message: textSchema("What comes next, for people."),
        },
      ),
    ),
  ),
  quietSince: nullable(
    time(
      "A hint, no alarm: reads succeed, and bring no change since then, for at least three days and four times as long as ever before. Null otherwise, and while fewer than 20 changes in a week are known.",
    ),
  ),
};

/** The lists that cannot be read, of a stream that reads several. */
interface ListsView {
  count: number;
  failing: ListView[];
}

/** The health of a subscription: its polls, errors and delay. `lists` is absent while all can be read. */
export type SubscriptionHealth = { -readonly [Name in keyof typeof fields]: JsonOf<(typeof fields)[Name]> } & {
  lists?: ListsView;
};

const listsSchema = object(
  "Lists of several that cannot be read, while the others go on. What is known of them stays as it is. Absent while all can be read.",
  {
    count: countSchema("How many there are."),
    failing: listOf(
      object("A list that cannot be read.", listFields),
      `Those that have failed for longest, ${MOST_LISTS} at most.`,
    ),
  },
);

export const subscriptionHealthSchema = object(
  "The health of a subscription: its polls, errors and delay.",
  { ...Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])), lists: listsSchema },
  ["lists"],
);

/** Changes that have to be known of a stream before its silence is compared with them. */
export const LEAST_EVENTS = 20;
/** Milliseconds over which they have come at least. */
export const LEAST_LIFE_MS = 7 * DAY;
/** Milliseconds of silence that are nothing unusual in any stream. */
export const LEAST_QUIET_MS = 3 * DAY;
/** So many times the longest silence before is unusual. */
export const UNUSUAL_QUIET = 4;

export interface HealthFacts {
  subscription: SubscriptionRecord;
  stream: StreamRecord;
  connection: ConnectionRow | undefined;
  connector: Connector | undefined;
  /** The active subscriptions of the stream. */
  readers: readonly SubscriptionRecord[];
  /** What keeps this process from writing to its store. */
  trouble: StreamError | undefined;
  /** Its records that could not be had, those that failed last. */
  quarantined: readonly QuarantinedRecord[];
  clock: Clock;
}

/** The health of a subscription. */
export function healthOf({
  subscription,
  stream,
  connection,
  connector,
  readers,
  trouble,
  quarantined,
  clock,
}: HealthFacts): SubscriptionHealth {
  const { lastPollAt, lastSuccessAt, nextPollAt, consecutiveErrors, lastError, cursorAt } = stream;
  const now = clock.now();
  const isWanted = subscription.status === "active";
  const isPolled = isWanted && connection?.status === "active";
  const wanted = isWanted ? readers : [subscription];
  const facts = { subscriptions: wanted, schedules: schedulesOf(connector, wanted), now, clock };
  const pace = paceOf(stream, facts);
  const ofLists = listPaceOf(stream, facts);
  const show = (error: StreamError | null): Failure | null => error && { ...error, at: isoTime(error.at) };
  const cause = (): StreamError | null => {
    if (!isWanted) return null;
    if (connection?.status === "reauth_required") return lostGrant(connection);
    if (now < pace.namedAt && ofLists && now >= ofLists.namedAt) return trouble ?? listError(stream)!;
    if (now < pace.namedAt && !subscription.degraded) return null;
    return trouble ?? (now < pace.namedAt ? lastError : causeOf(stream, pace, now));
  };
  return {
    state: stateOf(subscription, connection),
    lastPollAt: isoTime(lastPollAt),
    lastSuccessAt: isoTime(lastSuccessAt),
    nextPollAt: isoTime(isPolled ? nextPollAt : null),
    lagSeconds: isWanted ? lagSeconds(ofLists ?? pace, now) : 0,
    consecutiveErrors,
    lastError: show(lastError),
    cause: show(cause()),
    cursorAge: cursorAt === null ? null : Math.max(0, Math.round((now - cursorAt) / 1000)),
    missing: isWanted ? missingOf(stream) : null,
    quietSince: isPolled && now < pace.namedAt ? isoTime(quietSince(stream, now)) : null,
    ...listsOf(stream),
    quarantine: { count: stream.quarantined, records: quarantined.map(view) },
  };
}

/** Seconds that a stream is behind its schedule; 0 while the subscription is paused. */
export function lagSecondsOf(
  stream: StreamRecord,
  { subscription, readers, connector, clock }: Pick<HealthFacts, "subscription" | "readers" | "connector" | "clock">,
): number {
  if (subscription.status !== "active") return 0;
  const now = clock.now();
  const facts = { subscriptions: readers, schedules: schedulesOf(connector, readers), now, clock };
  return lagSeconds(listPaceOf(stream, facts) ?? paceOf(stream, facts), now);
}

const lagSeconds = ({ dueAt }: Pace, now: number): number => Math.max(0, Math.round((now - dueAt) / 1000));

function missingOf({ doubt }: StreamRecord): MissingView | null {
  if (doubt === null) return null;
  const { missing, known, since, isHeld } = doubt;
  const again = `${missing} of ${known} records are no longer listed. They are reported as deleted once another read agrees`;
  const message = isHeld ? heldError(doubt).message : again;
  return { state: isHeld ? "held" : "readAgain", missing, known, since: isoTime(since), message };
}

function listsOf(stream: StreamRecord): { lists?: ListsView } {
  const all = failingLists(stream);
  if (all.length === 0) return {};
  const failing = all.slice(0, MOST_LISTS).map(({ list, since, error }) => {
    return { list, since: isoTime(since), error: { ...error, at: isoTime(error.at) } };
  });
  return { lists: { count: all.length, failing } };
}

function view({ key, setAside, tries, error, failedAt }: QuarantinedRecord): QuarantinedView {
  return { key, state: setAside ? "setAside" : "retrying", tries, error, failedAt: isoTime(failedAt) };
}

/** Since when a stream that used to be busy has been silent for much longer than ever; null when there is nothing unusual. */
function quietSince({ sequence, baselinedAt, lastEventAt, longestQuietMs }: StreamRecord, now: number): number | null {
  if (lastEventAt === null || baselinedAt === null) return null;
  if (sequence < LEAST_EVENTS || lastEventAt - baselinedAt < LEAST_LIFE_MS) return null;
  const unusualMs = Math.max(LEAST_QUIET_MS, UNUSUAL_QUIET * longestQuietMs);
  return now - lastEventAt > unusualMs ? lastEventAt : null;
}

function lostGrant({ error, updatedAt }: ConnectionRow): StreamError {
  const message = error?.message ?? "The connection's grant is gone; a person has to reconnect it.";
  return { code: error?.code ?? "reauth_required", message, at: updatedAt };
}

function stateOf(
  { status, degraded, backfill }: SubscriptionRecord,
  connection: ConnectionRow | undefined,
): SubscriptionHealth["state"] {
  if (status === "paused") return "paused";
  if (connection?.status === "reauth_required") return "reauth_required";
  if (degraded) return "degraded";
  return backfill === "pending" ? "waiting" : "active";
}
