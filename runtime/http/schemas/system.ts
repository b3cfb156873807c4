import { anyObject, listOf, name, nullable, object, ref, text, time } from "../../model/schema.ts";

const apiKey = {
  id: text("Id.", "key_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  name: name("What it is for.", "deployment"),
  createdAt: time("When it was made."),
  lastUsedAt: nullable(time("When it was last used, to the minute.")),
  revokedAt: nullable(time("When it was withdrawn; null while it is valid.")),
};

export const systemSchemas = {
  ApiKey: object("An admin key, without the key.", apiKey),
  NewApiKey: object("An admin key just made.", { ...apiKey, key: text("The key; shown here and never again.") }),
  UserToken: object("A short-lived token of one user.", {
    token: text("For `Authorization: Bearer`."),
    user: text("Whom it acts for."),
    expiresAt: time("When it ends."),
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
