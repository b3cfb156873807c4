import { isStoreTrouble } from "../core/errors.ts";
import type { Tx } from "../store/database.ts";
import type { Claim, Finished, JobTable } from "./table.ts";

export interface SettleOptions {
  table: JobTable;
  batch: readonly Finished[];
  now: () => number;
  /** An outcome with its time as the table has it. */
  planned: (finished: Finished) => Finished["outcome"];
  /** What becomes of a job whose outcome cannot be committed. */
  retry: (finished: Finished, error: unknown) => Finished;
}

/**
 * Commits the outcomes of a batch of jobs in one transaction, so that being durable does not cost a disk flush per job.
 * When one of them throws, each is done again on its own, and the one that fails is tried again.
 * Returns the jobs that this process had lost to another by then: nothing of those is committed.
 * Throws only when the store itself is in trouble: then nothing is committed at all.
 */
export async function settle({ table, batch, now, planned, retry }: SettleOptions): Promise<Claim[]> {
  const work = async (tx: Tx, end: (mine: readonly Finished[]) => Promise<void>): Promise<Claim[]> => {
    const claims = batch.map(({ claim }) => claim);
    const held = await table.held(tx, claims);
    await end(batch.filter(({ claim }) => held.has(claim)));
    return claims.filter((claim) => !held.has(claim));
  };
  const commit = async (tx: Tx, some: readonly Finished[]): Promise<void> => {
    for (const { outcome } of some) if (outcome !== "released") await outcome.commit?.(tx);
    await table.end(
      tx,
      some.map((finished) => ({ ...finished, outcome: planned(finished) })),
      now(),
    );
  };
  const relaxed = batch.every(({ outcome }) => outcome !== "released" && outcome.relaxed);
  try {
    return await table.transaction((tx) => work(tx, (mine) => commit(tx, mine)), relaxed);
  } catch {
    // Below it shows whose fault it was.
  }
  return table.transaction(
    (tx) =>
      work(tx, async (mine) => {
        for (const finished of mine) {
          try {
            await tx.savepoint(() => commit(tx, [finished]));
          } catch (error) {
            if (isStoreTrouble(error)) throw error;
            await commit(tx, [retry(finished, error)]);
          }
        }
      }),
    false,
  );
}
