import { anyObject, listOf, name, nullable, object, oneOf, ref, text, time } from "../../model/schema.ts";

const view = {
  id: text("Id.", "con_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
  connector: name("Name of the connector.", "google-contacts"),
  user: name("The user it belongs to.", "u_1"),
  status: oneOf(
    ["pending", "active", "reauth_required"],
    "pending: not authorized yet; reauth_required: a person has to reconnect.",
  ),
  label: nullable(text("How the account is called.", "ada@example.com")),
  inputs: anyObject("Answers to the manifest's `connectionInput`, without secret ones."),
  authType: oneOf(["oauth2", "bearer", "apiKey", "basic", "none"], "How it proves itself to the vendor."),
  scopes: listOf(text("Scope."), "Granted OAuth scopes."),
  missingScopes: listOf(text("Scope."), "Scopes the manifest asks for that were not granted."),
  error: nullable(
    object("Why it does not work.", {
      code: text("Stable code."),
      message: text("In words."),
      at: time("Since when."),
    }),
  ),
  createdAt: time("When it was made."),
  updatedAt: time("When it was last changed."),
};

export const connectionSchemas = {
  Connection: object("One account of one user at one vendor. Never a secret.", view),
  ConnectionDetails: object("A connection and what threatens it.", {
    ...view,
    warnings: listOf(text("In words."), "What threatens it although it works."),
  }),
  NewConnection: object(
    "A connection just made.",
    { ...view, authorizeUrl: text("OAuth: where to send the person. Valid for ten minutes, once.") },
    ["authorizeUrl"],
  ),
  Sample: object("Examples of what a trigger tells of.", {
    live: { type: "boolean", description: "Whether they were read from the vendor just now." },
    data: listOf(
      object(
        "A record.",
        { record: { description: "As the vendor sends it." }, resource: anyObject("In common terms.") },
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
      triggers: listOf(ref("NamedItem"), "Changes it can tell of."),
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
