import type { Context } from "../engine/context.ts";
import type { Eraser } from "../engine/eraser.ts";
import { batchJob } from "./batches.ts";
import { batches, deleteItems, endBatchesOf } from "./model/batches.ts";
import { eraseAnswers } from "./model/idempotency.ts";

/** Erases batches and the answers to idempotency keys. */
export function createActEraser({ engine, clock }: Pick<Context, "engine" | "clock">): Eraser {
  return {
    end: async (tx, user) => {
      const { n } = (await tx.get<{ n: number }>("select count(*) as n from batches where user_id = ?", [user]))!;
      const ended = await endBatchesOf(tx, user, clock.now());
      // Their jobs may wait for hours; now they come, and end.
      await engine.enqueue(tx, ended.map(batchJob));
      return { batches: n };
    },
    some: async (tx, { user, connection }, limit) => {
      if ((await eraseAnswers(tx, { user, connection }, limit)) === limit) return true;
      const [batch] = await batches.page(tx, { user, ...(connection !== null && { connection }) }, { limit: 1 });
      if (!batch) return false;
      if ((await deleteItems(tx, batch.id, limit)) < limit) await batches.delete(tx, batch.id);
      return true;
    },
  };
}
