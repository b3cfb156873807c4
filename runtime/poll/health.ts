import type { ConnectionRow } from "../model/connections.ts";
import { count, nullable, oneOf, time, value } from "../model/field.ts";
import { object, text as textSchema, time as timeSchema } from "../model/schema.ts";
import type { StreamRecord } from "../model/streams.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";
import type { JsonOf } from "../model/field.ts";
import { isoTime } from "../core/time.ts";

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
  };
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
