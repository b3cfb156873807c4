import { endpointSchemas } from "../../model/endpoints.ts";
import { anyObject, count, listOf, nullable, object, oneOf, ref, text, time } from "../../model/schema.ts";

const status = oneOf(
  ["pending", "delivered", "dead", "cancelled"],
  "dead: all attempts failed; cancelled: its endpoint was turned off.",
);

const event = {
  id: text("Id: `webhook-id` of every attempt.", "evt_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  type: text("Type.", "contact.created"),
  timestamp: time("When the change was detected."),
  connection: nullable(text("Id of the connection.")),
  user: nullable(text("The user it belongs to.")),
  subscription: nullable(text("Id of the subscription.")),
  data: anyObject("`data` of the webhook's body."),
};

export const deliverySchemas = {
  ...endpointSchemas,
  Attempt: object("One POST.", {
    at: time("When it began."),
    status: nullable({ type: "integer", description: "HTTP status; null when there was no answer." }),
    durationMs: nullable({ type: "number", description: "Milliseconds; null when it was interrupted." }),
    error: nullable(text("Class of the failure; null for a success.")),
    answer: nullable(text("The first kilobyte of the answer.")),
  }),
  EndpointStats: object("How an endpoint fares.", {
    deliveries: object("How many there are of each status.", {
      pending: count("Waiting."),
      delivered: count("Arrived."),
      dead: count("Given up."),
      cancelled: count("Cancelled."),
    }),
    successRate: nullable({
      type: "number",
      minimum: 0,
      maximum: 1,
      description: "Part of the finished ones that arrived.",
    }),
    durationMs: object("How long attempts took.", {
      p50: nullable({ type: "number", description: "Median, milliseconds." }),
      p95: nullable({ type: "number", description: "95th percentile, milliseconds." }),
    }),
  }),
  Delivery: object("One event for one endpoint.", {
    id: text("Id.", "dlv_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
    event: text("Id of the event."),
    endpoint: text("Id of the endpoint."),
    status,
    attempts: listOf(ref("Attempt"), "Every one, oldest first."),
    nextAttemptAt: nullable(time("When it is tried next.")),
    createdAt: time("When it was made."),
    finishedAt: nullable(time("When it ended.")),
  }),
  Event: object("One change, stored once, never changed.", event),
  EventDetails: object("An event and where it went.", {
    ...event,
    deliveries: listOf(ref("Delivery"), "Newest first."),
  }),
};
