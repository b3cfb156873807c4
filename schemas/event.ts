// Generated from event.schema.json by schemas/generate.ts; do not edit.

/**
 * The body of a webhook: a change of a record, or news about the running of the integration itself.
 */
export type HooklineEvent = OperationalEvent | RecordEvent;
/**
 * When it was noticed (RFC 3339, UTC).
 */
export type Time = string;
/**
 * Name of the connector.
 */
export type ConnectorName = string;
/**
 * Id of the connection.
 */
export type ConnectionId = string;
/**
 * Id of the subscription.
 */
export type SubscriptionId = string;
/**
 * The user whose connection it is.
 */
export type UserId = string;

/**
 * News about the running of the integration.
 */
export interface OperationalEvent {
  /**
   * What happened.
   */
  type:
    | "connection.active"
    | "connection.reauth_required"
    | "subscription.degraded"
    | "subscription.recovered"
    | "stream.gap"
    | "endpoint.disabled"
    | "delivery.exhausted"
    | "flow.failed"
    | "sync.conflict"
    | "endpoint.test";
  timestamp: Time;
  data: OperationalEventData;
}
/**
 * Whom it concerns and why.
 */
export interface OperationalEventData {
  /**
   * The problem and the remedy.
   */
  reason: string;
  /**
   * Stable code of the error behind it.
   */
  code?: string;
  connector?: ConnectorName;
  connection?: ConnectionId;
  /**
   * The user it concerns; null for the workspace.
   */
  user?: string | null;
  subscription?: SubscriptionId;
  /**
   * Key of the trigger.
   */
  trigger?: string;
  /**
   * Key of the stream.
   */
  stream?: string;
  /**
   * Of a gap: changes after this time may have been missed; null when nothing was read before.
   */
  from?: string | null;
  /**
   * Of a gap: changes up to this time may have been missed.
   */
  to?: string;
  /**
   * The last failure of a degraded subscription.
   */
  error?: {
    /**
     * Stable code.
     */
    code: string;
    /**
     * What went wrong.
     */
    message: string;
    /**
     * When.
     */
    at: string;
  };
  /**
   * Id of the endpoint.
   */
  endpoint?: string;
  /**
   * Id of the event that could not be delivered.
   */
  event?: string;
  /**
   * Id of the delivery.
   */
  delivery?: string;
  /**
   * Type of that event.
   */
  type?: string;
  /**
   * Attempts that failed.
   */
  attempts?: number;
  /**
   * Id of the flow.
   */
  flow?: string;
  /**
   * Id of the run.
   */
  run?: string;
  /**
   * Id of the sync.
   */
  sync?: string;
  /**
   * Further facts, by type of event.
   */
  details?: {
    [k: string]: unknown;
  };
}
/**
 * A change of one record.
 */
export interface RecordEvent {
  /**
   * The trigger's event type.
   */
  type: string;
  timestamp: Time;
  data: RecordEventData;
}
/**
 * What changed, and where.
 */
export interface RecordEventData {
  connector: ConnectorName;
  connection: ConnectionId;
  user: UserId;
  /**
   * Key of the trigger.
   */
  trigger: string;
  subscription: SubscriptionId;
  /**
   * Grows per connection and stream: order, even if deliveries overtake each other.
   */
  sequence: number;
  /**
   * What happened to the record; changed for a watched value.
   */
  change: "created" | "updated" | "deleted" | "changed";
  /**
   * What happened to watched values, by name of the watch.
   */
  changes?: {
    [k: string]: WatchedChange;
  };
  /**
   * Of an update: keys under which the record was known before the vendor gave it another.
   *
   * @minItems 1
   */
  previousKeys?: string[];
  /**
   * Of a deletion: key of the record that this one was merged into.
   */
  mergedInto?: string;
  /**
   * Whether the record existed before the subscription began.
   */
  backfill: boolean;
  resource: EventResource;
  /**
   * Why the record could not be put into common terms: resource then has only type and id, and record has everything.
   */
  resourceError?: {
    /**
     * Stable code.
     */
    code: string;
    /**
     * The reason, for people.
     */
    message: string;
  };
  /**
   * Exactly what the vendor sent; absent for a deletion the vendor does not describe.
   */
  record?: unknown;
}
/**
 * What happened to one watched value: members of a list, or the value itself.
 */
export interface WatchedChange {
  /**
   * What joined the list.
   */
  added?: unknown[];
  /**
   * What left the list.
   */
  removed?: unknown[];
  /**
   * The value before.
   */
  from?: unknown;
  /**
   * The value now.
   */
  to?: unknown;
}
/**
 * The record in common terms.
 */
export interface EventResource {
  /**
   * Type of the resource.
   */
  type: string;
  /**
   * The vendor's id.
   */
  id: string;
  [k: string]: unknown;
}
