import { HooklineError } from "../../core/errors.ts";
import type { JsonSchema } from "../../core/json.ts";
import { count, fixed, flag, hidden, name, nullable, oneOf, schemasOf, text, time, value } from "../../model/field.ts";
import { input, type InputOf } from "../../model/input.ts";
import { listQuery } from "../../model/page.ts";
import { leave } from "../../model/leftovers.ts";
import * as schema from "../../model/schema.ts";
import { EVERY_SECONDS, subscriptions, type SubscriptionRecord } from "../../model/subscriptions.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import type { Sql, Tx } from "../../store/database.ts";
import { fieldsOfSync } from "../mapping.ts";
import { DIRECTIONS, WINNERS, type Side } from "../sides.ts";
import { failure, type Failure } from "../../model/failure.ts";
import { linkCountsSchema, type LinkCounts } from "./links.ts";

const MINUTE = 60_000;
const MOST_WRITES_PER_MINUTE = 100_000;

/** Two connections kept alike in one resource. */
export const syncs = new Table("syncs", {
  id: text("Id.", { example: "sync_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  user: fixed(text("The user it belongs to.", { column: "user_id" })),
  resource: fixed(name("Type of the resource, as both manifests name it.", { example: "contact" })),
  left: fixed(name("Id of a connection.", { column: "left_connection" })),
  right: fixed(name("Id of the other connection.", { column: "right_connection" })),
  direction: oneOf(DIRECTIONS, "Which side's changes are written to the other; default both."),
  conflicts: oneOf(
    WINNERS,
    "Which side wins when both changed the same; default newest: the side that its vendor says changed last, and the left when no vendor says so.",
  ),
  deletes: oneOf(
    ["propagate", "ignore"],
    "Whether a record deleted on one side is deleted on the other; default propagate.",
  ),
  fields: fieldsOfSync,
  everySeconds: nullable(
    count("Seconds between reads of either side; null for what the triggers' manifests say.", {
      schema: EVERY_SECONDS,
    }),
  ),
  writesPerMinute: nullable(
    count("Most writes in a minute, to both sides together; null for no limit but the vendors'.", {
      schema: { minimum: 1, maximum: MOST_WRITES_PER_MINUTE },
    }),
  ),
  phase: hidden(oneOf(["matching", "syncing"], "matching: both sides are being compared for the first time.")),
  status: hidden(oneOf(["active", "paused"], "Whether changes are written.")),
  problem: nullable(
    failure<Failure & { connection: string }>("Why Hookline paused it.", {
      connection: schema.text("Id of the connection."),
    }),
  ),
  pulled: count("Writes to the left so far."),
  pushed: count("Writes to the right so far."),
  conflictCount: count("Conflicts so far."),
  lastSyncAt: nullable(time("When a change was last written, or found to need no write.")),
  windowStart: hidden(time("When the minute began whose writes are counted.")),
  windowWrites: hidden(count("Writes in that minute.")),
  createdAt: fixed(time("When it was created.")),
  updatedAt: time("When it was last changed."),
});

export type SyncRecord = RecordOf<typeof syncs.fields>;
export type SyncProblem = NonNullable<SyncRecord["problem"]>;

const sideFields = {
  connection: text("Id of the connection."),
  connector: nullable(text("Its connector; null when the connection was removed.", { example: "google-contacts" })),
  account: nullable(text("Label of the account.", { example: "ada@example.com" })),
  authorized: flag("Whether the vendor still accepts the connection."),
  lastReadAt: nullable(time("When its changes were last read.")),
  nextReadAt: nullable(time("When its changes are read next.")),
  syncToken: value<{ known: boolean; since: string | null }>(
    schema.object("The cursor from which the next read lists changes.", {
      known: { type: "boolean", description: "False without a cursor: everything is read and compared." },
      since: schema.nullable(schema.time("When the vendor gave it.")),
    }),
  ),
  lastError: nullable(failure<Failure>("Why the last read failed; null after a success.")),
};

/** One side of a sync, as it is shown. */
export type SideView = ViewOf<typeof sideFields>;

/** A sync as it is shown. */
export interface SyncView extends Omit<ViewOf<typeof syncs.fields>, Side> {
  enabled: boolean;
  status: "matching" | "active" | "paused";
  left: SideView;
  right: SideView;
  links: LinkCounts;
}

const { resource, left, right, direction, conflicts, deletes, fields, everySeconds, writesPerMinute } = syncs.fields;
const settings = { direction, conflicts, deletes, writesPerMinute };

export const newSync = input(
  "sync",
  "Two connections to be kept alike.",
  { resource, left, right },
  {
    ...settings,
    fields,
    everySeconds,
    dryRun: flag("Only shows what would be done first; nothing is made or written.", { schema: { default: false } }),
  },
);
export type NewSync = InputOf<typeof newSync>;

export const syncChanges = input("sync", "What changes.", {}, settings, { minProperties: 1 });
export type SyncChanges = InputOf<typeof syncChanges>;

export const syncQuery = listQuery("syncs", {
  user: name("Only this user's."),
  connection: name("Only of this connection."),
});

const onSide = (side: Side): JsonSchema => schema.count(`On the ${side}.`);
const counts = (description: string) =>
  value<Record<Side, number>>(schema.object(description, { left: onSide("left"), right: onSide("right") }));

/** What of a side could not be read. */
interface LeftOutOfSide {
  count: number;
  records: { id: string | null; error: { code: string; message: string } }[];
}

const leftOutOn = (side: Side): JsonSchema =>
  schema.object(`On the ${side}.`, {
    count: schema.count("How many there are."),
    records: schema.listOf(
      schema.object("A record or a list.", {
        id: schema.nullable(schema.text("The vendor's id; null where it has none.")),
        error: schema.object("Why it could not be read.", {
          code: schema.text("Stable code."),
          message: schema.text("The reason, for people."),
        }),
      }),
      "The first, 20 at most.",
    ),
  });

const dryRunFields = {
  link: count("Pairs recognised as the same record."),
  create: counts("Records that would be created."),
  update: counts("Records that would be updated."),
  conflicts: count("Pairs in which both sides have different values in one field."),
  alone: counts("Records that would not be copied, because of the direction or because the connector cannot create."),
};

const leftOut = schema.object(
  "Records, and lists of several, that could not be read, when there are any. Their counterparts are not known.",
  { left: leftOutOn("left"), right: leftOutOn("right") },
);

/** What the first comparison would do. */
export type DryRun = ViewOf<typeof dryRunFields> & { leftOut?: Record<Side, LeftOutOfSide> };

const sideSchema = schema.object("One side.", schemasOf(sideFields));

export const syncSchemas = {
  Sync: syncs.schema("Two connections kept alike in one resource.", {
    enabled: { type: "boolean", description: "Whether changes are written." },
    status: schema.oneOf(
      ["matching", "active", "paused"],
      "matching: both sides are being compared for the first time.",
    ),
    left: sideSchema,
    right: sideSchema,
    links: linkCountsSchema,
  }),
  SyncDryRun: schema.object("What a sync would do first.", { ...schemasOf(dryRunFields), leftOut }, ["leftOut"]),
};

/** Adds to the counts of a sync and to the writes of the current minute; a new minute begins when the last has passed. */
export async function addCounts(
  tx: Tx,
  id: string,
  { writes, conflicts }: { writes: readonly Side[]; conflicts: number },
  now: number,
): Promise<void> {
  const pulled = writes.filter((side) => side === "left").length;
  await tx.run(
    `update syncs set pulled = pulled + ?, pushed = pushed + ?, conflict_count = conflict_count + ?, last_sync_at = ?,
       window_writes = case when window_start > ? then window_writes + ? else ? end,
       window_start = case when window_start > ? then window_start else ? end where id = ?`,
    [pulled, writes.length - pulled, conflicts, now, now - MINUTE, writes.length, writes.length, now - MINUTE, now, id],
  );
}

/** When more may be written: undefined while the current minute has writes left. */
export function nextWriteAt({ writesPerMinute, windowStart, windowWrites }: SyncRecord, now: number) {
  const end = windowStart + MINUTE;
  return writesPerMinute === null || end <= now || windowWrites < writesPerMinute ? undefined : end;
}

/** Changes a sync and its `updatedAt`; `now` in milliseconds since the epoch. */
export async function changeSync(sql: Sql, id: string, changes: Partial<SyncRecord>, now: number): Promise<void> {
  await syncs.change(sql, { ...changes, updatedAt: now }, "id = ?", [id]);
}

/** All syncs of a connection, oldest first. */
export function syncsOfConnection(sql: Sql, connection: string): Promise<SyncRecord[]> {
  return syncs.all(sql, "where left_connection = ? or right_connection = ? order by id", [connection, connection]);
}

/**
 * Refuses to write about a sync that is gone, or has lost one of its connections: nobody would ever forget it.
 * @throws HooklineError `conflict`
 */
export async function assertSync(tx: Tx, id: string): Promise<void> {
  const found = await tx.get(
    `select s.id from syncs s join connections l on l.id = s.left_connection join connections r on r.id = s.right_connection
     where s.id = ?`,
    [id],
  );
  if (found !== undefined) return;
  throw new HooklineError(
    "conflict",
    `Sync ${id} or one of its connections was removed meanwhile; nothing is kept of it`,
  );
}

/** Forgets what is paired in a sync. */
export async function forgetLinks(tx: Tx, id: string): Promise<void> {
  for (const table of ["sync_keys", "sync_links"]) await tx.run(`delete from ${table} where sync = ?`, [id]);
}

/** Rows of a sync that are deleted with it; what is more is left for later. */
const WITH_SYNC = 1000;

/** Forgets a sync with its links, keys and conflicts. Returns whether some are left: then the work that erases has to be called. */
export async function deleteSync(tx: Tx, id: string): Promise<boolean> {
  await syncs.delete(tx, id);
  const isLeft = await forgetSomeOfSync(tx, id, WITH_SYNC);
  if (isLeft) await leave(tx, "sync", id);
  return isLeft;
}

/** Deletes about `limit` links, keys or conflicts of a sync; whether there may be more. */
export async function forgetSomeOfSync(tx: Tx, id: string, limit: number): Promise<boolean> {
  const parts = { sync_keys: "side, key, link", sync_links: "id", sync_conflicts: "id" };
  for (const [table, key] of Object.entries(parts)) {
    const some = `select ${key} from ${table} where sync = ? limit ?`;
    const deleted = await tx.run(`delete from ${table} where sync = ? and (${key}) in (${some})`, [id, id, limit]);
    if (deleted === limit) return true;
  }
  return false;
}

/** The subscriptions by which a sync learns of changes. */
export function subscriptionsOfSync(sql: Sql, sync: string): Promise<SubscriptionRecord[]> {
  return subscriptions.all(sql, "where flow = ? order by id", [sync]);
}

/**
 * The data of the last event of a record, in all streams that a sync subscribes to, and when the read began that found it.
 * Within a stream the sequence says which is the last: ids come from the clock, which may be set back.
 */
export async function lastEvent(
  sql: Sql,
  sync: string,
  connection: string,
  record: string,
): Promise<{ data: string; readAt: number } | undefined> {
  const rows = await sql.all<{ data: string; created_at: number; seen: number | null }>(
    `select e.data, e.created_at, (select seen from known where stream = e.stream and key = e.record_key) as seen
     from events e
     where e.record_key = ? and e.stream in (select stream from subscriptions where flow = ? and connection = ?)
       and not exists (select 1 from events later
         where later.stream = e.stream and later.record_key = e.record_key and later.sequence > e.sequence)`,
    [record, sync, connection],
  );
  const [last] = rows.sort((a, b) => b.created_at - a.created_at);
  return last && { data: last.data, readAt: last.seen ?? last.created_at };
}
