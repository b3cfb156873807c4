import { anyObject, count, listOf, nullable, object, oneOf, ref, text, time } from "./build.ts";

/** What can be said of an endpoint, at first and later. */
const settings = {
  url: text("Where events go: http(s), public unless the configuration allows more.", "https://consumer.example/hooks"),
  events: {
    type: "array",
    items: { type: "string" },
    minItems: 1,
    description: "Patterns of event types: exact, `contact.*` or `*` (the default).",
    examples: [["contact.*"]],
  },
  where: {
    type: ["string", "null"],
    description: "JMESPath over the data of an event; only what it is true for is sent.",
  },
  format: oneOf(["standard", "cloudevents", "bare"], "How the body is laid out; default standard."),
  ordered: {
    type: "boolean",
    description: "Sends the changes of one record strictly one after the other; default false.",
  },
  headers: {
    type: "object",
    additionalProperties: { type: "string" },
    description: "Sent along with every webhook, kept encrypted, never shown again.",
  },
  ratePerSecond: {
    type: ["number", "null"],
    description: "Most attempts per second, 0.001 to 1000; null for no limit.",
  },
};

const optional = Object.keys(settings).filter((name) => name !== "url");

export const newEndpoint = object(
  "Where events are to go.",
  {
    ...settings,
    user: {
      type: "string",
      minLength: 1,
      maxLength: 255,
      description: "Whose events it gets; everybody's when not given.",
    },
  },
  [...optional, "user"],
);

export const endpointChanges = {
  ...object(
    "What is to change.",
    { ...settings, status: oneOf(["active", "disabled"], "disabled cancels what is still to be delivered.") },
    ["url", ...optional, "status"],
  ),
  minProperties: 1,
};

const endpoint = {
  id: text("Id.", "ep_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  url: settings.url,
  user: nullable(text("Whose events it gets; null for everybody's.")),
  events: settings.events,
  where: settings.where,
  format: settings.format,
  ordered: settings.ordered,
  headerNames: listOf(text("Name."), "Names of the headers sent along."),
  ratePerSecond: settings.ratePerSecond,
  status: oneOf(["active", "disabled"], "Whether it is used."),
  disabledReason: nullable(text("Why it is not.")),
  pausedUntil: nullable(time("Until when its receiver last asked to be left alone.")),
  failingSince: nullable(time("Since when every attempt has failed.")),
  createdAt: time("When it was made."),
  updatedAt: time("When it was last changed."),
};

const secret = text("Signs the webhooks; shown here and never again.");

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
  Endpoint: object("A consumer's URL.", endpoint),
  NewEndpoint: object("An endpoint just made.", { ...endpoint, secret }),
  RotatedSecret: object("A new secret.", {
    secret,
    previousValidUntil: time("How long the secret before signs as well."),
  }),
  Attempt: object("One POST.", {
    at: time("When it began."),
    status: nullable({ type: "integer", description: "HTTP status; null when there was no answer." }),
    durationMs: nullable({ type: "number", description: "Milliseconds; null when it was interrupted." }),
    error: nullable(text("Class of the failure; null for a success.")),
    answer: nullable(text("The first kilobyte of the answer.")),
  }),
  Recovery: object("What was brought back.", { deliveries: count("How many are sent again.") }),
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
