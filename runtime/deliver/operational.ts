import type { Deliverable } from "../model/deliveries.ts";
import type { EndpointRecord } from "../model/endpoints.ts";
import type { NewEvent } from "../model/events.ts";

function operational(type: string, user: string | null, at: number, data: Record<string, unknown>): NewEvent {
  return {
    type,
    connection: null,
    user,
    subscription: null,
    stream: null,
    recordKey: null,
    sequence: null,
    at,
    data,
    target: {},
  };
}

export function endpointDisabled(endpoint: EndpointRecord, reason: string, at: number): NewEvent {
  return operational("endpoint.disabled", endpoint.user, at, { endpoint: endpoint.id, user: endpoint.user, reason });
}

/** Nothing for an operational event: its own failure to arrive would be told for ever. */
export function deliveryExhausted(delivery: Deliverable, endpoint: EndpointRecord, at: number): NewEvent[] {
  const { id, message, attempts } = delivery;
  if (message.stream === null) return [];
  const data = {
    delivery: id,
    endpoint: endpoint.id,
    user: endpoint.user,
    event: message.id,
    type: message.type,
    attempts: attempts.length,
  };
  return [operational("delivery.exhausted", endpoint.user, at, data)];
}
