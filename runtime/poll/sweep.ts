import { knownAfter } from "../model/known.ts";
import type { Sql } from "../store/database.ts";
import type { ReadPlan } from "../read/cursors.ts";
import { deletionOf, type Change } from "./diff.ts";

/** Known records that are looked at in one go. */
export const SWEEP_BATCH = 1000;

/** Records that were known and are no longer listed, of one batch. */
interface Absences {
  /** Deletions, when the list was of all there is. */
  changes: Change[];
  keys: string[];
  /** The key after which the next batch starts; null after the last. */
  next: string | null;
}

/**
 * Once everything was listed: what is known of a stream after a key and was not in the list, one batch. `listed` has the keys of
 * a list of one page, whose records carry no mark; of others, records are absent that no read since `startedAt` has marked.
 */
export async function absentAfter(
  sql: Sql,
  stream: number,
  { sweepAfter, startedAt }: { sweepAfter: string; startedAt: number },
  absence: ReadPlan["absence"],
  listed: ReadonlySet<string> | undefined,
): Promise<Absences> {
  const batch = await knownAfter(sql, stream, sweepAfter, SWEEP_BATCH);
  const absent = batch.filter(({ key, seen }) => (listed ? !listed.has(key) : seen < startedAt));
  const deletions = absence === "deleted" ? absent : [];
  return {
    changes: deletions.map((known) => deletionOf(known)),
    keys: absent.map(({ key }) => key),
    next: batch.length < SWEEP_BATCH ? null : batch.at(-1)!.key,
  };
}
