import { emptyAnswer, emptySecondPage, listMissing, newestFirst } from "./hostile-answers.ts";
import { failingList } from "./hostile-lists.ts";
import { ignoredPage, refusedCursor } from "./hostile-places.ts";
import { largePage, mergedKey, movedKey, poisonRecord } from "./hostile-records.ts";
import type { Run } from "./situations.ts";

/** A server that does what vendors have been seen to do. */
export interface Hostile {
  /** Its name in the table of a report. */
  kind: string;
  title: string;
  run: Run;
}

/** Every stream meets all of them; one that does not apply says why. */
export const HOSTILE: readonly Hostile[] = [
  { kind: "empty 200", title: "a 200 without a body", run: emptyAnswer },
  { kind: "no list", title: "an answer without the list", run: listMissing },
  { kind: "empty page", title: "a second page without a body", run: emptySecondPage },
  { kind: "poison", title: "a record that cannot be had", run: poisonRecord },
  { kind: "large page", title: "a page larger than the budget", run: largePage },
  { kind: "same page", title: "a vendor that ignores which page is asked for", run: ignoredPage },
  { kind: "refused", title: "a cursor refused in other words than declared", run: refusedCursor },
  { kind: "moved", title: "a record that moves", run: movedKey },
  { kind: "merged", title: "two records that become one", run: mergedKey },
  { kind: "newest 1st", title: "a list that begins with the newest", run: newestFirst },
  { kind: "list fails", title: "one of several lists that cannot be read", run: failingList },
];
