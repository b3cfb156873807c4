import { anyObject, count, listOf, nullable, object, ref, text, time } from "../../model/schema.ts";

export const systemSchemas = {
  Explanation: object("What is known of one record.", {
    connection: text("Id of the connection."),
    stream: text("Key of the stream."),
    key: text("The record's primary key."),
    reads: listOf(
      object("One stream with one input.", {
        input: anyObject("The stream's input."),
        known: { type: "boolean", description: "Whether the record is remembered." },
        seenAt: nullable(time("When the read began that last noted it.")),
        lastPollAt: nullable(time("When the stream was last read.")),
        nextPollAt: nullable(time("When it is read next.")),
        events: listOf(ref("EventDetails"), "The latest events of the record, newest first."),
      }),
      "Everywhere it could have been seen.",
    ),
    reason: text("Why there is what there is, in words."),
  }),
  Stats: object("What has happened, in numbers.", {
    since: time("Events and deliveries are counted from here."),
    connections: { type: "object", additionalProperties: count("How many."), description: "Connections by status." },
    events: listOf(
      object("Events of one type on one day.", {
        day: text("UTC.", "2026-11-21"),
        type: text("Type.", "contact.created"),
        count: count("How many."),
      }),
      "By day and type, oldest first.",
    ),
    deliveries: { type: "object", additionalProperties: count("How many."), description: "Deliveries by status." },
    polls: object("The streams that are read.", {
      streams: count("How many."),
      failing: count("How many failed when they were last read."),
      lastPollAt: nullable(time("When any of them was last read.")),
    }),
  }),
  Health: object("Whether it is well.", { status: text("In a word.", "ok") }),
  Problem: {
    ...object(
      "An error (RFC 9457).",
      {
        type: text("Identifies the kind.", "urn:hookline:error:invalid_input"),
        title: text("What this kind means."),
        status: { type: "integer", description: "HTTP status." },
        detail: text("Where, what is wrong, what to do."),
        code: text("Stable code.", "invalid_input"),
        errors: listOf(
          object("One fault.", {
            pointer: text("Where: a JSON pointer into the body, or /query/<name>."),
            message: text("What is wrong."),
          }),
          "Every place that is wrong.",
        ),
        vendor: anyObject("The vendor's status and message."),
        requestId: text("Under which the log tells more."),
      },
      ["errors", "vendor", "requestId"],
    ),
    additionalProperties: true,
  },
};
