import { hash } from "node:crypto";
import type { Engine, NewJob } from "../engine/engine.ts";
import type { NewEvent } from "../model/events.ts";
import type { Sql, Tx } from "../store/database.ts";
import { linksToReconcile } from "./model/links.ts";

/** Links whose jobs are enqueued in one go. */
const BATCH = 500;

/** The first comparison of both sides. */
export const matchJob = (sync: string): NewJob => ({
  queue: "sync",
  group: sync,
  unique: `${sync}:match`,
  data: { sync },
});

/** Reconciles one link; `listed` when both sides were listed just before. */
export const linkJob = (sync: string, link: string, listed = false): NewJob => ({
  queue: "sync",
  group: sync,
  unique: `${sync}:${link}`,
  data: { sync, link, listed },
});

/**
 * Looks at a record that changed, once for all of its changes that were not looked at yet. Which record that is only the event says:
 * a job keeps nothing of anybody.
 */
export const changeJob = (
  sync: string,
  { connection, recordKey }: Pick<NewEvent, "connection" | "recordKey">,
  event: string,
): NewJob => ({
  queue: "sync",
  group: sync,
  unique: `${sync}:${connection}:${hash("sha256", recordKey ?? "", "base64url")}`,
  data: { sync, connection, event },
});

/** Enqueues links that have an error or, with `failedOrDirty`, changed while their sync was paused. */
export async function enqueueLinks(
  tx: Tx & Sql,
  engine: Pick<Engine, "enqueue">,
  sync: string,
  which: "failed" | "failedOrDirty",
): Promise<void> {
  for (let after = ""; ;) {
    const ids = await linksToReconcile(tx, sync, which, { after, limit: BATCH });
    await engine.enqueue(
      tx,
      ids.map((id) => linkJob(sync, id)),
    );
    if (ids.length < BATCH) return;
    after = ids.at(-1)!;
  }
}
