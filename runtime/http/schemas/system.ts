import { anyObject, listOf, object, text } from "../../model/schema.ts";

export const systemSchemas = {
  Health: object("The health of the process.", { status: text("ok, or the problem in one word.", "ok") }),
  Problem: {
    ...object(
      "An error (RFC 9457).",
      {
        type: text("Identifies the kind.", "urn:hookline:error:invalid_input"),
        title: text("What this kind means."),
        status: { type: "integer", description: "HTTP status." },
        detail: text("The place, the problem and the remedy."),
        code: text("Stable code.", "invalid_input"),
        errors: listOf(
          object("One fault.", {
            pointer: text("Where: a JSON pointer into the body, or /query/<name>."),
            message: text("The problem."),
          }),
          "Every place that is wrong.",
        ),
        vendor: anyObject("The vendor's status and message."),
        requestId: text("Id of the request in the log."),
      },
      ["errors", "vendor", "requestId"],
    ),
    additionalProperties: true,
  },
};
