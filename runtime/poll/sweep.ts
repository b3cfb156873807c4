import type { CompiledStream } from "../manifest/connector.ts";
import { knownAfter, remember, SEEN_ALWAYS, type Known } from "../model/known.ts";
import type { Database, Sql } from "../store/database.ts";
import type { Transaction } from "./reading.ts";
import { deletionOf, type Change } from "./diff.ts";

/** Known records that are looked at in one go. */
export const SWEEP_BATCH = 1000;

/** Records that were known and are no longer listed, of one batch. */
interface Absences {
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
  place: Place,
  listed: ReadonlySet<string> | undefined,
): Promise<Absences> {
  const { absent, next } = await batchAfter(sql, stream, place, listed);
  return { changes: absent.map((known) => deletionOf(known)), keys: absent.map(({ key }) => key), next };
}

/**
 * Has records that are over stay known, whether a list has them or not: else one that leaves them out and one that has them again
 * would report their end twice. They do not count as missing either.
 */
export async function keepEnded(
  { db, transaction, compiled: { ended } }: { db: Database; transaction: Transaction; compiled: CompiledStream },
  stream: number,
  { sweepAfter, ...place }: Place,
  listed: ReadonlySet<string> | undefined,
): Promise<void> {
  if (!ended) return;
  for (let after: string | null = sweepAfter; after !== null;) {
    const { absent, next } = await batchAfter(db, stream, { ...place, sweepAfter: after }, listed);
    const over = absent.filter(({ watched }) => ended(watched ?? {}));
    const kept = over.map((known) => ({ ...known, seen: SEEN_ALWAYS }));
    if (kept.length > 0) await transaction((tx) => remember(tx, stream, kept));
    after = next;
  }
}

/** Where a sweep stands, and when its read began. */
interface Place {
  sweepAfter: string;
  startedAt: number;
  /** Keys of items whose lists could not be read: nothing of theirs is absent, nor is what may be in one of them. */
  lists?: readonly string[];
}

async function batchAfter(
  sql: Sql,
  stream: number,
  { sweepAfter, startedAt, lists = [] }: Place,
  listed: ReadonlySet<string> | undefined,
): Promise<{ absent: Known[]; next: string | null }> {
  const batch = await knownAfter(sql, stream, sweepAfter, SWEEP_BATCH);
  const isAbsent = ({ key, seen, item }: Known): boolean => {
    if (lists.length > 0 && (item === null || lists.includes(item))) return false;
    return listed ? !listed.has(key) && seen !== SEEN_ALWAYS : seen < startedAt;
  };
  return { absent: batch.filter(isAbsent), next: batch.length < SWEEP_BATCH ? null : batch.at(-1)!.key };
}
