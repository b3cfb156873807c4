import { derivedId, newId, type Fact } from "../core/ids.ts";
import { scrub } from "../core/secrets.ts";
import { isoTime } from "../core/time.ts";
import type { StatusChange } from "./connections.ts";
import type { Deliverable } from "./deliveries.ts";
import type { EndpointRecord } from "./endpoints.ts";
import type { NewEvent } from "./events.ts";
import type { StreamError } from "./streams.ts";
import type { SubscriptionRecord } from "./subscriptions.ts";

/** The types of events about the running of the integration itself; any endpoint and consumer may ask for them. */
export const OPERATIONAL_TYPES = [
  "connection.active",
  "connection.reauth_required",
  "subscription.degraded",
  "subscription.recovered",
  "stream.gap",
  "endpoint.disabled",
  "delivery.exhausted",
  "flow.failed",
  "sync.conflict",
] as const;

interface News extends Partial<Pick<NewEvent, "connection" | "subscription" | "target">> {
  type: (typeof OPERATIONAL_TYPES)[number];
  user: string | null;
  /** When it happened, milliseconds since the epoch. */
  at: number;
  /** What consumers are told beside the user: ids of what it concerns, and a `reason`. */
  facts: Record<string, unknown>;
  /** What tells it apart from every other of its type; without, its id is random. */
  identity?: readonly Fact[];
}

/** The one form of an operational event: it concerns no record, and has no place in the order of a stream. */
function operational(news: News): NewEvent {
  const { type, user, at, facts, identity, connection = null, subscription = null, target = {} } = news;
  const id = identity === undefined ? newId("evt") : derivedId("evt", [type, ...identity]);
  const place = { stream: null, recordKey: null, sequence: null };
  return { id, type, connection, user, subscription, ...place, at, data: { user, ...facts }, target };
}

/** `connection.active` and `connection.reauth_required`. */
export function connectionEvent(
  { id, connector, user, status }: StatusChange & { status: "active" | "reauth_required" },
  why: { reason: string; code?: string },
  at: number,
): NewEvent {
  const facts = { ...why, connector, connection: id };
  return operational({ type: `connection.${status}`, connection: id, user, at, facts });
}

/** Why changes may have been missed; docs/operations.md says what each means. */
export const GAP_REASONS = [
  "paused",
  "request_changed",
  "cursor_expired",
  "gone_unread",
  "same_time",
  "without_key",
  "list_unread",
  "stalled",
  "account_moved",
] as const;

/** A span of time in which changes may have been missed, in milliseconds since the epoch. */
export interface Gap {
  /** Null when nothing was read before. */
  from: number | null;
  to: number;
  reason: (typeof GAP_REASONS)[number];
}

/** `stream.gap`: changes between two times may have been missed. A read that is repeated after a crash reports the same gap. */
export function gapEvent(connector: string, stream: string, s: SubscriptionRecord, gap: Gap, at: number): NewEvent {
  const facts = { from: isoTime(gap.from), to: isoTime(gap.to), reason: gap.reason };
  return aboutSubscription("stream.gap", connector, stream, s, at, facts, [s.id, gap.reason, gap.from, gap.to]);
}

/** `subscription.degraded`: no read has succeeded for three intervals, or a list for so long, reads were interrupted, deletions are held back, or its trigger is gone. */
export function degradedEvent(
  connector: string,
  stream: string,
  s: SubscriptionRecord,
  error: StreamError,
  at: number,
): NewEvent {
  const facts = { reason: error.message, code: error.code, error: { ...error, at: isoTime(error.at) } };
  return aboutSubscription("subscription.degraded", connector, stream, s, at, facts);
}

/** `subscription.recovered`: a read succeeded after the subscription was degraded. */
export function recoveredEvent(connector: string, stream: string, s: SubscriptionRecord, at: number): NewEvent {
  const facts = { reason: "Polls succeed again." };
  return aboutSubscription("subscription.recovered", connector, stream, s, at, facts);
}

function aboutSubscription(
  type: News["type"],
  connector: string,
  stream: string,
  { id: subscription, connection, user, trigger, endpoint }: SubscriptionRecord,
  at: number,
  facts: Record<string, unknown>,
  identity?: readonly Fact[],
): NewEvent {
  const target = { endpoint: endpoint ?? undefined };
  const about = { connector, connection, subscription, trigger, stream };
  return operational({ type, connection, subscription, user, at, facts: { ...about, ...facts }, identity, target });
}

/** `endpoint.disabled`. */
export function endpointDisabled({ id, user }: EndpointRecord, reason: string, at: number): NewEvent {
  return operational({ type: "endpoint.disabled", user, at, facts: { endpoint: id, reason } });
}

/** `delivery.exhausted`; none for an operational event, whose own failure would be reported without end. */
export function deliveryExhausted(
  { id, message, attempts: { length: attempts } }: Deliverable,
  { id: endpoint, user }: EndpointRecord,
  at: number,
): NewEvent[] {
  if (message.stream === null) return [];
  const reason = `All ${attempts} attempts failed; retry the delivery once its receiver works again.`;
  const facts = { delivery: id, endpoint, event: message.id, type: message.type, attempts, reason };
  return [operational({ type: "delivery.exhausted", user, at, facts, identity: [id, attempts] })];
}

/** `flow.failed`: a run has failed for good. */
export function runFailed(
  run: { id: string; flow: string; user: string | null; connection: string | null },
  { code, message, step }: { code: string; message: string; step: string | null },
  at: number,
): NewEvent {
  const { id, flow, user, connection } = run;
  // What was meant for one account is not repeated for another.
  const advice = code === "account_moved" ? "" : "; replay the run once it is fixed";
  const reason = scrub(message) + advice;
  const details = step === null ? {} : { details: { step } };
  const facts = { flow, run: id, ...(connection !== null && { connection }), reason, code, ...details };
  return operational({ type: "flow.failed", user, at, facts, identity: [id] });
}

/** `flow.failed`: a flow has been disabled because a connection it needs does not work. */
export function flowBroken(
  { id: flow, user }: { id: string; user: string | null },
  { code, message: reason, connection }: { code: string; message: string; connection: string },
  at: number,
): NewEvent {
  return operational({ type: "flow.failed", user, at, facts: { flow, connection, reason, code } });
}

/** `sync.conflict`: both sides changed the same fields. */
export function syncConflict(
  { id: sync, user }: { id: string; user: string | null },
  details: { link: string; leftId: string | null; rightId: string | null; winner: string; fields: readonly string[] },
  at: number,
): NewEvent {
  const { fields, winner } = details;
  const reason = `Both sides changed ${fields.join(", ")}; the ${winner} one was kept. What either had is in the sync's conflicts.`;
  return operational({ type: "sync.conflict", user, at, facts: { sync, reason, details } });
}
