import { anyObject, count, listOf, name, nullable, object, oneOf, text, time } from "../../model/schema.ts";

const SYNC = "sync_019a1f2e4c7b7d1a8b1c2d3e4f506172";
const strings = (description: string) => ({ ...listOf({ type: "string", minLength: 1 }, description), maxItems: 100 });
const bySide = (description: string, example: unknown) =>
  object(description, { left: anyObject("For the left.", example), right: anyObject("For the right.", example) }, [
    "left",
    "right",
  ]);

const choices = {
  direction: oneOf(["both", "left-to-right", "right-to-left"], "Whose changes are carried over; both when not given."),
  conflicts: oneOf(
    ["newest", "left", "right"],
    "Who wins when both sides changed the same; when not given what the vendors say changed last, the left where one does not say.",
  ),
  deletes: oneOf(
    ["propagate", "ignore"],
    "Whether what is deleted on one side is deleted on the other; propagated when not given.",
  ),
  writesPerMinute: {
    type: ["integer", "null"],
    minimum: 1,
    maximum: 100_000,
    description: "Most writes in a minute, to both sides together; no limit but the vendors' when not given.",
  },
};

const fields = object(
  "What of the resource is kept alike, in the common terms.",
  {
    include: strings("Only these fields."),
    exclude: strings("All fields but these."),
    map: bySide("Templates over {resource, record}, laid over the common terms of what is read on a side.", {
      notes: { $expr: "record.comment" },
    }),
    input: bySide("Templates over {resource, id, record}, laid over the input of the action that writes to a side.", {
      source: "synced",
    }),
  },
  ["include", "exclude", "map", "input"],
);
const everySeconds = { type: ["integer", "null"], minimum: 1, description: "Seconds between reads of either side." };
const resource = name("Type of the resource, as both manifests name it.", "contact");

export const newSync = object(
  "Two connections to be kept alike.",
  {
    resource,
    left: name("Id of a connection."),
    right: name("Id of the other connection."),
    ...choices,
    fields,
    everySeconds,
    dryRun: {
      type: "boolean",
      description: "Only says what would be done first; nothing is made or written.",
      default: false,
    },
  },
  [...Object.keys(choices), "fields", "everySeconds", "dryRun"],
);

export const syncChanges = { ...object("What is to change.", choices, Object.keys(choices)), minProperties: 1 };

const error = (description: string) =>
  nullable(object(description, { code: text("Stable code."), message: text("In words."), at: time("When.") }));

const side = object("One side.", {
  connection: text("Id of the connection."),
  connector: nullable(text("Its connector; null when the connection is gone.", "google-contacts")),
  account: nullable(text("How the account is called.", "ada@example.com")),
  authorized: { type: "boolean", description: "Whether the vendor still accepts the connection." },
  lastReadAt: nullable(time("When its changes were last read.")),
  nextReadAt: nullable(time("When they are read next.")),
  syncToken: object("The place from which the next read tells changes.", {
    known: { type: "boolean", description: "Whether there is one; without, everything is read and compared." },
    since: nullable(time("When the vendor gave it.")),
  }),
  lastError: error("The latest failure to read it."),
});

const counts = (description: string) =>
  object(description, { left: count("On the left."), right: count("On the right.") });
const fieldsOf = (description: string) => nullable(anyObject(description, { firstName: "Ada" }));
const vendorId = (which: string) => nullable(text(`The vendor's id on the ${which}.`, "people/c1"));

export const syncSchemas = {
  Sync: object("Two connections kept alike.", {
    id: text("Id.", SYNC),
    user: text("The user it belongs to."),
    resource,
    ...choices,
    fields,
    everySeconds,
    enabled: { type: "boolean", description: "Whether changes are carried over." },
    status: oneOf(
      ["matching", "active", "paused"],
      "matching: what is there is still being compared for the first time.",
    ),
    problem: nullable(
      object("Why it rests although nobody paused it.", {
        code: text("Stable code.", "reauth_required"),
        message: text("What is wrong and what to do."),
        connection: text("Id of the connection."),
        at: time("Since when."),
      }),
    ),
    left: side,
    right: side,
    lastSyncAt: nullable(time("When something was last brought over, or found to need nothing.")),
    pulled: count("Writes to the left so far."),
    pushed: count("Writes to the right so far."),
    conflictCount: count("Conflicts so far."),
    links: object("Things, by what became of them.", {
      new: count("Still to be brought over."),
      synced: count("Linked and alike."),
      creating: count("Being created on the other side."),
      alone: count("On one side only."),
      detached: count("The other half was deleted, and deletions are ignored."),
      failed: count("Could not be brought over; each link says why."),
    }),
    createdAt: time("When it was made."),
    updatedAt: time("When it was last changed."),
  }),
  SyncDryRun: object("What a sync would do first.", {
    link: count("Pairs found to be the same thing."),
    create: counts("Things that would be created."),
    update: counts("Things that would get something from the other side."),
    conflicts: count("Pairs in which both sides say something else in the same place."),
    alone: counts("Things that would stay where they are, because the direction does not lead over."),
  }),
  SyncLink: object("One thing on both sides, or on one that waits for its other half.", {
    id: text("Id.", "lnk_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
    leftId: vendorId("left"),
    rightId: vendorId("right"),
    state: oneOf(["new", "synced", "creating", "alone", "detached"], "What became of it."),
    agreed: fieldsOf("All that both sides know of it together."),
    left: fieldsOf("What the left had when its changes were last carried over."),
    right: fieldsOf("What the right had then."),
    error: error("Why it could not be brought over."),
    createdAt: time("When it was found."),
    updatedAt: time("When it was last brought over."),
  }),
  SyncConflict: object("A change that both sides made in their own ways.", {
    id: text("Id.", "cfl_019a1f2e4c7b7d1a8b1c2d3e4f506172"),
    link: text("Id of the link."),
    leftId: vendorId("left"),
    rightId: vendorId("right"),
    winner: oneOf(["left", "right"], "Whose was kept."),
    fields: listOf(
      object("A field.", {
        field: text("Its name.", "firstName"),
        left: { description: "What the left had; null for a side that deleted the thing." },
        right: { description: "What the right had." },
      }),
      "What was in conflict.",
    ),
    createdAt: time("When it was found."),
  }),
};
