import { fixed, hidden, nullable, oneOf, text, time, value } from "../../model/field.ts";
import { listQuery } from "../../model/page.ts";
import { listOf, object, text as textSchema } from "../../model/schema.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import { SIDES } from "../sides.ts";

/** A field and what either side had in it; a side that deleted the record has null. */
export interface ConflictField {
  field: string;
  left: unknown;
  right: unknown;
}

/** A change that both sides made to one record, or one side made while the other deleted it, and which side won. */
export const conflicts = new Table("sync_conflicts", {
  id: text("Id.", { example: "cfl_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  sync: fixed(hidden(text("Id of the sync."))),
  link: text("Id of the link."),
  leftId: nullable(text("The vendor's id on the left.", { example: "people/c1" })),
  rightId: nullable(text("The vendor's id on the right.")),
  fields: value<ConflictField[]>(
    listOf(
      object("A field.", {
        field: textSchema("Its name.", "firstName"),
        left: { description: "What the left had; null when the left deleted the record." },
        right: { description: "What the right had; null when the right deleted the record." },
      }),
      "The fields in conflict.",
    ),
  ),
  winner: oneOf(SIDES, "Which side's values were kept."),
  createdAt: time("When the conflict was found."),
});

type ConflictRecord = RecordOf<typeof conflicts.fields>;
export type ConflictView = ViewOf<typeof conflicts.fields>;

export const conflictQuery = listQuery("conflicts", {});
export const conflictSchemas = { SyncConflict: conflicts.schema("A change that both sides made in different ways.") };
