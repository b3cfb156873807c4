import { anyObject, listOf, name, nullable, object, ref, text } from "../../model/schema.ts";

const failed = (description: string) =>
  object(description, { code: text("Stable code."), message: text("The reason, for people.") });

export const connectorSchemas = {
  Sample: object(
    "Example records of a trigger.",
    {
      live: { type: "boolean", description: "Whether they were read from the vendor just now." },
      data: listOf(
        object(
          "A record.",
          {
            record: { description: "As the vendor sends it." },
            resource: anyObject("The record in the common fields."),
            resourceError: failed("Why the record cannot be put into the common fields."),
          },
          ["resource", "resourceError"],
        ),
        "Up to three.",
      ),
      leftOut: listOf(
        object("A record, or one of several lists.", {
          key: nullable(text("Its key; null when it has none.")),
          error: failed("Why it cannot be had."),
        }),
        "What was listed and cannot be had, when anything: the examples are others.",
      ),
    },
    ["leftOut"],
  ),
  Connector: object(
    "A connector in short.",
    {
      name: name("Name.", "google-contacts"),
      version: text("Version of its manifest.", "1.0.0"),
      title: text("What people call it.", "Google Contacts"),
      description: text("What it is for."),
      documentation: text("The vendor's documentation."),
      categories: listOf(text("Category."), "What it is about."),
      triggers: listOf(ref("NamedItem"), "Changes it reports."),
      actions: listOf(ref("NamedItem"), "What it can do."),
    },
    ["description", "documentation"],
  ),
  NamedItem: object(
    "A trigger or action in short.",
    {
      name: name("Key in the manifest.", "contact_created"),
      title: text("What people call it."),
      description: text("What it does."),
    },
    ["description"],
  ),
  Manifest: anyObject("The connector's manifest, bundled into one document."),
};
