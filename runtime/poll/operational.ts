import type { NewEvent } from "../store/events.ts";
import type { StreamError } from "../store/streams.ts";
import type { SubscriptionRecord } from "../store/subscriptions.ts";

/** Why changes in a span of time cannot be told. */
export interface Gap {
  /** Milliseconds since the epoch. */
  from: number | null;
  to: number;
  reason: "paused" | "request_changed" | "cursor_expired";
}

/** `stream.gap`: between two times, changes may have happened that no event tells of. */
export function gapEvent(connector: string, stream: string, s: SubscriptionRecord, gap: Gap, at: number): NewEvent {
  return operational("stream.gap", connector, stream, s, at, {
    from: gap.from === null ? null : new Date(gap.from).toISOString(),
    to: new Date(gap.to).toISOString(),
    reason: gap.reason,
  });
}

/** `subscription.degraded`: its polls have failed, or ended their process, several times in a row. */
export function degradedEvent(
  connector: string,
  stream: string,
  s: SubscriptionRecord,
  error: StreamError,
  at: number,
  reason: "failures" | "interrupted" = "failures",
): NewEvent {
  return operational("subscription.degraded", connector, stream, s, at, {
    reason,
    error: { ...error, at: new Date(error.at).toISOString() },
  });
}

/** `subscription.recovered`: a poll succeeded after it was degraded. */
export function recoveredEvent(connector: string, stream: string, s: SubscriptionRecord, at: number): NewEvent {
  return operational("subscription.recovered", connector, stream, s, at, {});
}

function operational(
  type: string,
  connector: string,
  stream: string,
  s: SubscriptionRecord,
  at: number,
  data: Record<string, unknown>,
): NewEvent {
  return {
    type,
    connection: s.connection,
    user: s.user,
    subscription: s.id,
    stream: null,
    recordKey: null,
    sequence: null,
    at,
    data: {
      connector,
      connection: s.connection,
      user: s.user,
      subscription: s.id,
      trigger: s.trigger,
      stream,
      ...data,
    },
    target: { endpoint: s.endpoint ?? undefined },
  };
}
