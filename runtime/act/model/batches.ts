import type { SealContext, Vault } from "../../core/crypto.ts";
import { count, hidden, name, nullable, oneOf, sealedText, text, time, value } from "../../model/field.ts";
import { input, type InputOf } from "../../model/input.ts";
import { listQuery } from "../../model/page.ts";
import * as schema from "../../model/schema.ts";
import { openText, sealText } from "../../model/sealing.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import type { Sql, Tx } from "../../store/database.ts";

const ITEM_STATUSES = ["waiting", "running", "succeeded", "failed", "cancelled"] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];
/** How many items of a batch are in each state. */
export type ItemCounts = Record<ItemStatus, number>;

/** Most inputs of one batch. */
const MOST_INPUTS = 10_000;

/** Actions of connections over many inputs. */
export const batches = new Table("batches", {
  id: text("Id.", { example: "bat_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  connection: text("Id of the connection."),
  user: hidden(text("The user of the connection.", { column: "user_id" })),
  moves: hidden(
    nullable(count("How often the connection had been moved to another account when the batch began; null for never.")),
  ),
  action: text("Key of the action.", { example: "create_contact" }),
  status: oneOf(["running", "done", "cancelled"], "done: every item has succeeded or failed."),
  total: count("How many items it has."),
  createdAt: time("When it was created."),
  finishedAt: nullable(time("When it ended.")),
});
export type BatchRecord = RecordOf<typeof batches.fields>;

/** The inputs of batches, and what became of each. */
export const batchItems = new Table(
  "batch_items",
  {
    batch: hidden(text("Id of the batch.")),
    position: count("Position in the list of inputs, from 0."),
    status: oneOf(ITEM_STATUSES, "State of the item."),
    input: sealedText("personal", "Input of the action, as JSON."),
    result: nullable(sealedText("personal", "Output or error, as JSON; an error of the whole batch stands as it is.")),
  },
  ["batch", "position"],
  undefined,
  { user: "(select user_id from batches where batches.id = batch_items.batch)" },
);
export type BatchItem = RecordOf<typeof batchItems.fields>;

/** A batch as it is shown. */
export interface BatchView extends ViewOf<typeof batches.fields> {
  counts: ItemCounts;
}

/** What became of one input. */
export interface BatchResult extends ViewOf<typeof batchItems.fields> {
  output?: unknown;
  warnings?: unknown;
  error?: unknown;
}

export const newBatch = input(
  "batch",
  "What to run the action with.",
  {
    inputs: value<Record<string, unknown>[]>({
      type: "array",
      items: schema.anyObject("An input of the action, as described by the manifest."),
      minItems: 1,
      maxItems: MOST_INPUTS,
      description: `The inputs, ${MOST_INPUTS} at most.`,
      examples: [[{ givenName: "Ada" }, { givenName: "Grace" }]],
    }),
  },
  {},
);
export type NewBatch = InputOf<typeof newBatch>;

export const batchQuery = listQuery("batches", {
  user: name("Only this user's."),
  connection: name("Only those of this connection."),
  status: batches.fields.status,
});
/** Which results of a batch. */
export const resultQuery = listQuery("results", {});

const counts = {
  counts: schema.object("How many items are in each state.", {
    waiting: schema.count("Items not begun."),
    running: schema.count("Items sent to the vendor, without an answer so far."),
    succeeded: schema.count("Items done."),
    failed: schema.count("Items not done, or in doubt; `error` says which."),
    cancelled: schema.count("Items that were cancelled before they began."),
  }),
};

export const batchSchemas = {
  Batch: batches.schema("An action over many inputs, and its progress.", counts),
  BatchDetails: batches.schema("A batch with a page of its results.", {
    ...counts,
    results: schema.listOf(schema.ref("BatchResult"), "In the order of the inputs."),
    nextCursor: schema.nullable(schema.text("`cursor` of the next page of results; null after the last.")),
  }),
  BatchResult: schema.object(
    "Result of one input.",
    {
      ...batchItems.shown,
      output: { description: "Output of the action." },
      warnings: schema.listOf(
        schema.anyObject("A difference."),
        "Where the output differs from the manifest's description.",
      ),
      error: schema.anyObject("`code`, `message`, `errors` with pointers into the input, `vendor`: as in a problem."),
    },
    ["output", "warnings", "error"],
  ),
};

type ItemKey = Pick<BatchItem, "batch" | "position">;

const placeOf = ({ batch, position }: ItemKey, user: string, field: "input" | "result"): SealContext =>
  batchItems.placeOf(field, [batch, position], user);

/** What an item takes or gave, sealed for it and the batch's user. */
export function sealItem(vault: Vault, item: ItemKey, user: string, field: "input" | "result", given: unknown): string {
  return sealText(vault, placeOf(item, user, field), JSON.stringify(given));
}

/** What {@link sealItem} sealed; null for a result that is still to come. @throws HooklineError `decryption_failed` */
export function openItem(vault: Vault, item: BatchItem, user: string, field: "input" | "result"): unknown {
  const stored = item[field];
  return stored === null ? null : (JSON.parse(openText(vault, placeOf(item, user, field), stored)) as unknown);
}

/** How many items of each of these batches are in each state. */
export async function countItems(sql: Sql, ids: readonly string[]): Promise<(batch: string) => ItemCounts> {
  const rows = await sql.all<{ batch: string; status: ItemStatus; n: number }>(
    `select batch, status, count(*) as n from batch_items where ${sql.oneOf("batch")} group by batch, status`,
    [JSON.stringify(ids)],
  );
  const none: ItemCounts = { waiting: 0, running: 0, succeeded: 0, failed: 0, cancelled: 0 };
  return (id) => {
    const found = rows.filter(({ batch }) => batch === id).map(({ status, n }) => [status, n]);
    return { ...none, ...(Object.fromEntries(found) as Partial<ItemCounts>) };
  };
}

/** In the order of positions, after one of them. */
export async function listItems(
  sql: Sql,
  batch: string,
  { after = -1, limit, status }: { after?: number; limit: number; status?: ItemStatus },
): Promise<BatchItem[]> {
  return status === undefined
    ? batchItems.all(sql, "where batch = ? and position > ? order by position limit ?", [batch, after, limit])
    : batchItems.all(sql, "where batch = ? and status = ? and position > ? order by position limit ?", [
        batch,
        status,
        after,
        limit,
      ]);
}

/** Puts items into another state, with what became of them. */
export async function settleItems(
  sql: Sql,
  batch: string,
  items: readonly Pick<BatchItem, "position" | "status" | "result">[],
): Promise<void> {
  await sql.many(
    "update batch_items set status = ?, result = ? where batch = ? and position = ?",
    items.map(({ position, status, result }) => [status, result, batch, position]),
  );
}

/** Puts all items in one state into another; a result given is that of each. */
export async function moveItems(
  sql: Sql,
  batch: string,
  from: ItemStatus,
  to: ItemStatus,
  result: object | null = null,
): Promise<void> {
  await sql.run("update batch_items set status = ?, result = ? where batch = ? and status = ?", [
    to,
    textOf(result),
    batch,
    from,
  ]);
}

function textOf(result: object | null): string | null {
  return result === null ? null : JSON.stringify(result);
}

/** Ends a batch that runs; does nothing to one that has ended. */
export async function endBatch(sql: Sql, id: string, status: "done" | "cancelled", now: number): Promise<void> {
  await batches.change(sql, { status, finishedAt: now }, "id = ? and status = 'running'", [id]);
}

/** Batches of a user's connection that have not ended. */
export function runningBatches(sql: Sql, user: string, connection: string): Promise<BatchRecord[]> {
  return batches.all(sql, "where user_id = ? and connection = ? and status = 'running' order by id", [
    user,
    connection,
  ]);
}

/** Deletes batches that ended before a time, at most `limit`; returns how many. */
export async function deleteBatches(tx: Tx, before: number, limit: number): Promise<number> {
  const found = await batches.all(tx, "where finished_at < ? limit ?", [before, limit]);
  const ids = JSON.stringify(found.map(({ id }) => id));
  await tx.run(`delete from batch_items where ${tx.oneOf("batch")}`, [ids]);
  return tx.run(`delete from batches where ${tx.oneOf("id")}`, [ids]);
}

/** Ends every batch of a user that runs, and gives them. Nothing more of them is begun. */
export async function endBatchesOf(tx: Tx, user: string, now: number): Promise<BatchRecord[]> {
  const running = await batches.all(tx, "where user_id = ? and status = 'running'", [user]);
  await batches.change(tx, { status: "cancelled", finishedAt: now }, "user_id = ? and status = 'running'", [user]);
  return running;
}

/** Deletes up to `limit` items of a batch; returns how many. */
export function deleteItems(tx: Tx, batch: string, limit: number): Promise<number> {
  const some = "select position from batch_items where batch = ? order by position limit ?";
  return tx.run(`delete from batch_items where batch = ? and position in (${some})`, [batch, batch, limit]);
}
