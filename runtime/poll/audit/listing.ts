import { withoutMoves } from "../moves.ts";
import { diffPage, keysOf, type Change } from "../diff.ts";
import { knownByKeys, type Known } from "../../model/known.ts";
import type { Checkpoint, Place } from "../../model/streams.ts";
import type { ReadPlan } from "../../read/cursors.ts";
import { Enricher } from "../../read/enrich.ts";
import { passesOver } from "../../read/lists.ts";
import { listingOf, pages, type PassOver } from "../../read/pages.ts";
import type { PolledRecord } from "../../read/records.ts";
import { VendorError } from "../../vendor/errors.ts";
import { itemAt } from "../lists.ts";
import { endlessPages, MOST_PAGES } from "../page-limit.ts";
import { STALE } from "../refusal.ts";
import type { ReadOnlyReading } from "../reading.ts";
import { keyed, partsOf } from "../records.ts";
import { waitOut, type Patience } from "./patience.ts";

/** Some of the records that a list shows, and what a poll would find changed about them. */
export interface Listed {
  records: readonly PolledRecord[];
  changes: readonly Change[];
  /** What is known of these records, by key. */
  known: ReadonlyMap<string, Known>;
  /** Keys of records that are listed and cannot be read. */
  unread: readonly string[];
  /** How many records have no key, or none that can be read. */
  unkeyed: number;
  /** Whether records before these may have been passed over: more of one time than a page holds. */
  isPastTies: boolean;
  /** Key of the item whose list cannot be read, of several. */
  missed?: string;
}

/** A place in the list, and what of its page is done. */
type At = Place & Pick<Checkpoint, "done">;

/**
 * The records of a list in the way a poll reads them: the same pages, enrichment and comparison. Nothing is committed, so nothing
 * that polls rely on changes. A limit is waited out at its page. Memory: one page.
 * @throws VendorError | HooklineError what a poll would fail with, and a limit that outlasts the patience
 */
export async function* listed(
  reading: ReadOnlyReading,
  { checkpoint, plan }: { checkpoint: Checkpoint; plan: ReadPlan },
  patience: Patience,
): AsyncGenerator<Listed, void, undefined> {
  const { source, compiled } = reading;
  const enricher = compiled.enrich && new Enricher(source, compiled.enrich);
  // An expired cursor, and a page that is no longer known, have the read begin again.
  const passOver: PassOver = (failed) =>
    (failed.at.each?.items.length ?? 0) > 1 &&
    passesOver(source.signal)(failed) &&
    !(failed.hasPlace && isPlaceLost(failed.error));
  let at: At = { page: null, ...(checkpoint.each && { each: checkpoint.each }) };
  let empty = 0;
  let hasAny = false;
  for (;;) {
    try {
      for await (const page of pages(source, listingOf(compiled, false), plan, at, passOver)) {
        if (page.failed) {
          if (page.next === null && !hasAny) throw page.failed;
          const missed = compiled.each!.key(itemAt(page.at));
          yield { records: [], changes: [], known: new Map(), unread: [], unkeyed: 0, isPastTies: false, missed };
          if (page.next === null) return;
          at = { ...page.next };
          continue;
        }
        hasAny = true;
        // A page that is begun again goes on behind what is done of it.
        at = { ...page.at, ...(at.done && { done: at.done }) };
        const parts = partsOf(reading, enricher, page.records, { ...checkpoint, ...at }, new Map());
        for await (const { had, failed, done, stopped } of parts) {
          const { polled, unread: unreadable } = keyed(reading, had, page.response);
          const keys = [...failed, ...unreadable].map(({ listed }) => compiled.key(listed, reading.stream.input));
          const unread = keys.filter((key) => key !== undefined);
          const unkeyed = keys.length - unread.length;
          yield {
            ...(await compared(reading, polled, checkpoint.startedAt)),
            unread,
            unkeyed,
            isPastTies: page.isPastTies,
          };
          at = { ...at, done: [...(at.done ?? []), ...done] };
          if (stopped) throw stopped;
        }
        if (page.next === null) return;
        at = { ...page.next };
        empty = page.records.length === 0 ? empty + 1 : 0;
        if (empty >= MOST_PAGES) throw endlessPages(empty);
      }
      return;
    } catch (error) {
      await waitOut(error, patience);
    }
  }
}

/** Whether a list has to be begun again: its pages are no longer known to the vendor. */
export function isPlaceLost(error: unknown): boolean {
  return error instanceof VendorError && (error.class === "cursorExpired" || STALE.has(error.class));
}

async function compared(
  { db, stream, compiled }: ReadOnlyReading,
  records: readonly PolledRecord[],
  startedAt: number,
): Promise<Pick<Listed, "records" | "changes" | "known">> {
  const known = await knownByKeys(db, stream.id, records.flatMap(keysOf));
  const polled = compiled.each ? withoutMoves(records, known) : records;
  return { records, known, changes: diffPage(polled, known, startedAt).changes };
}
