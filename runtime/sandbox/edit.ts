import type { Account } from "./google/google.ts";
import type { Random } from "./random.ts";

export type EditKind =
  | "created"
  | "updated"
  | "deleted"
  | "added_to_group"
  | "removed_from_group"
  | "completed"
  | "cancelled"
  | "received"
  | "sent"
  | "labelled";

export interface Edit {
  kind: EditKind;
  /** The contact, or the id of the task, event or message. */
  resourceName: string;
  /** The field or group that changed, where one did. */
  what?: string;
}

/** A thing that people do; undefined when there is nothing to do it with. */
export type EditMaker = (account: Account, random: Random) => Edit | undefined;

/** What people do, as often as they do it. */
export interface WeightedEdit {
  weight: number;
  change: EditMaker;
}
