import { anyObject, count, name, nullable, object, oneOf, text, time } from "../../model/schema.ts";

/** What a subscriber may choose, now and later. */
const choices = {
  input: anyObject("What the trigger asks for.", { group: "contactGroups/friends" }),
  schedule: text("Cron expression of five fields.", "*/5 * * * *"),
  timeZone: text("IANA time zone of `schedule`; UTC when not given.", "Europe/Berlin"),
  everySeconds: { type: "integer", minimum: 1, description: "Instead of `schedule`: seconds between polls." },
  where: text("JMESPath over {record, resource, previous, input}; only what it is true for is told."),
  endpoint: text(
    "The endpoint that gets the events; without it, every endpoint that wants them.",
    "ep_019a1f2e4c7b7d1a8b1c2d3e4f506172",
  ),
};

const firstPoll = {
  description: "How it begins: silently, with everything there is, or with what changed since a time.",
  oneOf: [
    oneOf(["baseline", "emitAll"], "Silently, or with everything."),
    object("Since a time.", { since: time("The time.") }),
  ],
};

export const newSubscription = object(
  "A trigger of a connection, wired to a target.",
  {
    connection: name("Id of the connection."),
    trigger: name("Key of the trigger in the manifest.", "contact_created"),
    firstPoll,
    ...choices,
  },
  ["firstPoll", ...Object.keys(choices)],
);

export const subscriptionChanges = { ...object("What is to change.", choices, Object.keys(choices)), minProperties: 1 };

export const subscriptionSchemas = {
  Subscription: object("A trigger of a connection, wired to a target.", {
    id: text("Id.", "sub_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
    connection: text("Id of the connection."),
    user: text("The user it belongs to."),
    trigger: text("Key of the trigger.", "contact_created"),
    input: choices.input,
    where: nullable(choices.where),
    schedule: nullable(choices.schedule),
    timeZone: nullable(choices.timeZone),
    everySeconds: nullable(choices.everySeconds),
    firstPoll,
    endpoint: nullable(choices.endpoint),
    status: oneOf(["active", "paused"], "Whether it is read."),
    createdAt: time("When it was made."),
    updatedAt: time("When it was last changed."),
  }),
  SubscriptionHealth: object("How a subscription fares.", {
    state: oneOf(
      ["active", "waiting", "degraded", "paused", "reauth_required"],
      "waiting: the first poll has not ended yet.",
    ),
    lastPollAt: nullable(time("When it was last read.")),
    nextPollAt: nullable(time("When it is read next; null when it is not.")),
    lagSeconds: count("Seconds that the next poll is late."),
    consecutiveErrors: count("Polls that failed since the last success."),
    lastError: nullable(
      object("The latest failure.", { code: text("Stable code."), message: text("In words."), at: time("When.") }),
    ),
    cursorAge: nullable(count("Seconds since the cursor was taken.")),
  }),
};
