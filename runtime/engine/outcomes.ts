import { HooklineError } from "../core/errors.ts";
import type { Database, Tx } from "../store/database.ts";
import { settleJob, type Moved } from "./jobs.ts";
import type { Finished } from "./worker.ts";

/**
 * Commits the outcomes of a batch of jobs in one transaction, so that being durable does not cost a disk flush per job.
 * When one of them throws, each is done again on its own, and `onFailure` says what becomes of the one that fails.
 * Returns the jobs that go on. Throws only when the store itself is in trouble: then nothing is committed.
 */
export async function commitOutcomes(
  db: Database,
  batch: readonly Finished[],
  onFailure: (finished: Finished, error: unknown) => Finished,
): Promise<Moved[]> {
  const settle = async (tx: Tx): Promise<Moved[]> => {
    const moved: Moved[] = [];
    for (const { claimed, outcome } of batch) moved.push(...(await settleJob(tx, claimed, outcome)));
    return moved;
  };
  const fleeting = batch.every(({ outcome }) => outcome !== "released" && outcome.fleeting);
  try {
    return await ((fleeting ? db.fleeting?.(settle) : undefined) ?? db.transaction(settle));
  } catch {
    // Below it shows whose fault it was.
  }
  return db.transaction(async (tx) => {
    const moved: Moved[] = [];
    for (const finished of batch) {
      try {
        moved.push(...(await tx.savepoint(() => settleJob(tx, finished.claimed, finished.outcome))));
      } catch (error) {
        if (isStoreTrouble(error)) throw error;
        const { claimed, outcome } = onFailure(finished, error);
        moved.push(...(await settleJob(tx, claimed, outcome)));
      }
    }
    return moved;
  });
}

function isStoreTrouble(error: unknown): boolean {
  return error instanceof HooklineError && ["store_unusable", "store_locked", "stopped"].includes(error.code);
}
