import type { SubscriptionHealth } from "../poll/subscriptions.ts";
import type { SubscriptionRecord } from "../model/subscriptions.ts";

/** RFC 3339, or null for no time. */
export function isoTime(time: number): string;
export function isoTime(time: number | null): string | null;
export function isoTime(time: number | null): string | null {
  return time === null ? null : new Date(time).toISOString();
}

/** A subscription as it is shown: without how it is kept. */
export function subscriptionView(record: SubscriptionRecord): object {
  const { id, connection, user, trigger, input, where, schedule, timeZone, everySeconds, firstPoll, endpoint, status } =
    record;
  const times = { createdAt: isoTime(record.createdAt), updatedAt: isoTime(record.updatedAt) };
  return {
    id,
    connection,
    user,
    trigger,
    input,
    where,
    schedule,
    timeZone,
    everySeconds,
    firstPoll,
    endpoint,
    status,
    ...times,
  };
}

export function healthView(health: SubscriptionHealth): object {
  const { lastPollAt, nextPollAt, lastError } = health;
  return {
    ...health,
    lastPollAt: isoTime(lastPollAt),
    nextPollAt: isoTime(nextPollAt),
    lastError: lastError && { ...lastError, at: isoTime(lastError.at) },
  };
}
