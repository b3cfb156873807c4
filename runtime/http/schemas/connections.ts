import { anyObject, listOf, name, object, ref, text } from "../../model/schema.ts";

export const connectorSchemas = {
  Sample: object("Example records of a trigger.", {
    live: { type: "boolean", description: "Whether they were read from the vendor just now." },
    data: listOf(
      object(
        "A record.",
        { record: { description: "As the vendor sends it." }, resource: anyObject("The record in the common fields.") },
        ["resource"],
      ),
      "Up to three.",
    ),
  }),
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
