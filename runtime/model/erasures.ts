import { HooklineError } from "../core/errors.ts";
import type { Sql, Tx } from "../store/database.ts";
import { nullable, oneOf, text, time } from "./field.ts";
import { count, object } from "./schema.ts";
import { Table, type RecordOf } from "./table.ts";

/** Erasures that have not ended: of a user, or of what came of one connection that was removed. */
export const erasures = new Table("erasures", {
  id: text("Id."),
  user: nullable(text("The user who is erased, or whose connection it was.", { column: "user_id" })),
  connection: nullable(text("Id of the connection; null for all of the user.")),
  stage: oneOf(["ends", "keep", "erase"], "ends: work that waits is ended. Then what there is is kept, or erased."),
  dueAt: time("When it goes on."),
  createdAt: time("When it was asked for."),
});

export type ErasureRecord = RecordOf<typeof erasures.fields>;

/** How much of each noun was erased. */
const COUNTED = {
  connections: "Connections.",
  subscriptions: "Subscriptions.",
  endpoints: "Endpoints.",
  events: "Events.",
  deliveries: "Deliveries.",
  variables: "Variables.",
  flows: "Flows.",
  runs: "Runs of flows.",
  syncs: "Syncs.",
  batches: "Batches.",
} as const;

export type ErasureCounts = Record<keyof typeof COUNTED, number>;

export const NOTHING_ERASED: ErasureCounts = Object.fromEntries(
  Object.keys(COUNTED).map((noun) => [noun, 0]),
) as ErasureCounts;

export const erasureSchemas = {
  Erasure: object("What is erased. All work has ended; large amounts are deleted within minutes.", {
    counts: object(
      "How much there was of each.",
      Object.fromEntries(Object.entries(COUNTED).map(([noun, what]) => [noun, count(what)])),
    ),
  }),
};

/** Erasures that are due, longest due first. */
export function dueErasures(sql: Sql, now: number, limit: number): Promise<ErasureRecord[]> {
  return erasures.all(sql, "where due_at <= ? order by due_at, id limit ?", [now, limit]);
}

/** When the next erasure is due, milliseconds since the epoch; undefined without one. */
export async function nextErasure(sql: Sql): Promise<number | undefined> {
  return (await sql.get<{ at: number }>("select due_at as at from erasures order by due_at limit 1"))?.at;
}

/** The erasure of a user that has not ended. */
export function erasureOfUser(sql: Sql, user: string): Promise<ErasureRecord | undefined> {
  return erasures.one(sql, "where user_id = ? and connection is null limit 1", [user]);
}

/** Ends an erasure; of a user, those of single connections too. */
export async function endErasure(tx: Tx, { id, user, connection }: ErasureRecord): Promise<void> {
  await erasures.delete(tx, id);
  if (connection === null) await tx.run("delete from erasures where user_id = ?", [user]);
}

/**
 * Refuses to make something of a user who is being erased.
 * @throws HooklineError `conflict`
 */
export async function assertNotErased(tx: Tx, user: string | null | undefined): Promise<void> {
  if (user == null || (await erasureOfUser(tx, user)) === undefined) return;
  throw new HooklineError("conflict", "This user is being erased; try again in a minute", { retry: { after: 60_000 } });
}
