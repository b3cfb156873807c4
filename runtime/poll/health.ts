import type { ConnectionRow } from "../model/connections.ts";
import { count, nullable, oneOf, time, value } from "../model/field.ts";
import type { QuarantinedRecord } from "../model/quarantine.ts";
import {
  count as countSchema,
  listOf,
  object,
  oneOf as oneOfSchema,
  text as textSchema,
  time as timeSchema,
} from "../model/schema.ts";
import type { StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import type { JsonOf } from "../model/field.ts";
import { isoTime } from "../core/time.ts";

/** Quarantined records that are shown. */
export const MOST_QUARANTINED = 20;

const quarantined = {
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
    "waiting: the first poll has not ended yet; degraded: several polls in a row have failed, or deletions are held back.",
  ),
  lastPollAt: nullable(time("When a poll last ended.")),
  nextPollAt: nullable(time("When the next poll is due; null when no poll is scheduled.")),
  lagSeconds: count("Seconds by which the next poll is late; 0 when it is not."),
  consecutiveErrors: count("Failed polls since the last success."),
  lastError: nullable(
    value<{ code: string; message: string; at: string }>(
      object("The latest failure.", {
        code: textSchema("Stable code."),
        message: textSchema("The reason, for people."),
        at: timeSchema("When it happened."),
      }),
    ),
  ),
  cursorAge: nullable(count("Seconds since the cursor was taken.")),
  quarantine: value<{ count: number; records: QuarantinedView[] }>(
    object("Records that were listed and could not be read, while the others went on.", {
      count: countSchema("How many there are."),
      records: listOf(
        object("A record that could not be read.", quarantined),
        `Those that failed last, ${MOST_QUARANTINED} at most.`,
      ),
    }),
  ),
};

/** The health of a subscription: its polls, errors and delay. */
export type SubscriptionHealth = { -readonly [Name in keyof typeof fields]: JsonOf<(typeof fields)[Name]> };

export const subscriptionHealthSchema = object(
  "The health of a subscription: its polls, errors and delay.",
  Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
);

/** The health of a subscription, at a time in milliseconds since the epoch. */
export function healthOf(
  subscription: SubscriptionRecord,
  stream: StreamRecord,
  connection: ConnectionRow | undefined,
  records: readonly QuarantinedRecord[],
  now: number,
): SubscriptionHealth {
  const { lastPollAt, nextPollAt, consecutiveErrors, lastError, cursorAt } = stream;
  const isPolled = subscription.status === "active" && connection?.status === "active";
  const planned = isPolled ? nextPollAt : null;
  return {
    state: stateOf(subscription, connection),
    lastPollAt: isoTime(lastPollAt),
    nextPollAt: isoTime(planned),
    lagSeconds: planned === null ? 0 : Math.max(0, Math.round((now - planned) / 1000)),
    consecutiveErrors,
    lastError: lastError && { ...lastError, at: isoTime(lastError.at) },
    cursorAge: cursorAt === null ? null : Math.round((now - cursorAt) / 1000),
    quarantine: { count: stream.quarantined, records: records.map(view) },
  };
}

function view({ key, setAside, tries, error, failedAt }: QuarantinedRecord): QuarantinedView {
  return { key, state: setAside ? "setAside" : "retrying", tries, error, failedAt: isoTime(failedAt) };
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
