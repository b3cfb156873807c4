import { newId } from "../../core/ids.ts";
import { fixed, flag, hidden, nullable, oneOf, text, time, value } from "../../model/field.ts";
import type { InputOf } from "../../model/input.ts";
import { listQuery, pageOf, type Page } from "../../model/page.ts";
import { anyObject, count, object } from "../../model/schema.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import type { Sql, SqlValue, Tx } from "../../store/database.ts";
import { bySide, SIDES, type Fields, type Side } from "../sides.ts";
import { failure, type Failure } from "../../model/failure.ts";

/** Each state, and what it means. */
const STATES = {
  new: "still to be reconciled",
  synced: "paired and alike",
  creating: "the other side was asked to create it, and the outcome is not known yet",
  alone: "on one side only, until it changes",
  detached: "its counterpart was deleted, and deletions are ignored",
} as const;

export type LinkState = keyof typeof STATES;
const STATE_NAMES = Object.keys(STATES) as LinkState[];
const FAILED = "could not be reconciled; each link's `error` says why";

/** How many links are in each state, and how many of all have an error. */
export type LinkCounts = Record<LinkState | "failed", number>;

const vendorId = (side: Side) => nullable(text(`The vendor's id on the ${side}.`, { example: "people/c1" }));
const fieldsOf = (description: string, column?: string) =>
  nullable(value<Fields>(anyObject(description, { firstName: "Ada" }), { column }));
const writtenAt = (side: Side) => hidden(nullable(time(`When the ${side} was last written to.`)));

const table = new Table("sync_links", {
  id: text("Id.", { example: "lnk_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  sync: fixed(hidden(text("Id of the sync."))),
  leftId: vendorId("left"),
  rightId: vendorId("right"),
  state: oneOf(STATE_NAMES, `${STATE_NAMES.map((state) => `${state}: ${STATES[state]}`).join("; ")}.`),
  agreed: fieldsOf("The fields of both sides together; null before they were first compared."),
  left: fieldsOf("The left's fields when its changes were last written to the right.", "left_fields"),
  right: fieldsOf("The right's fields when its changes were last written to the left.", "right_fields"),
  leftWrittenAt: writtenAt("left"),
  rightWrittenAt: writtenAt("right"),
  error: nullable(failure<Failure>("Why it could not be reconciled.")),
  dirty: hidden(flag("Whether it changed while the sync was paused.")),
  createdAt: fixed(time("When the record was found.")),
  updatedAt: time("When it was last reconciled."),
});

type Row = RecordOf<typeof table.fields>;
export type LinkView = ViewOf<typeof table.fields>;

/** What is known of one side of a link. */
export interface LinkSide {
  /** The vendor's id; null while there is no counterpart. */
  id: string | null;
  /** As they were when this side's changes were last written to the other. */
  fields: Fields | null;
  /** When we last wrote to it, milliseconds since the epoch. */
  writtenAt: number | null;
}

/** The pair of ids of one record on both sides, or one id without a counterpart. */
export interface LinkRecord extends Pick<
  Row,
  "id" | "sync" | "state" | "agreed" | "error" | "dirty" | "createdAt" | "updatedAt"
> {
  sides: Record<Side, LinkSide>;
}

const toLink = ({ leftId, left, leftWrittenAt, rightId, right, rightWrittenAt, ...rest }: Row): LinkRecord => ({
  ...rest,
  sides: {
    left: { id: leftId, fields: left, writtenAt: leftWrittenAt },
    right: { id: rightId, fields: right, writtenAt: rightWrittenAt },
  },
});

const toRow = ({ sides: { left, right }, ...rest }: LinkRecord): Row => ({
  ...rest,
  leftId: left.id,
  left: left.fields,
  leftWrittenAt: left.writtenAt,
  rightId: right.id,
  right: right.fields,
  rightWrittenAt: right.writtenAt,
});

/** A link without any side yet. */
export function newLink(sync: string, now: number): LinkRecord {
  return {
    id: newId("lnk", now),
    sync,
    state: "new",
    agreed: null,
    sides: bySide(() => ({ id: null, fields: null, writtenAt: null })),
    error: null,
    dirty: false,
    createdAt: now,
    updatedAt: now,
  };
}

/** The link with something else on one side. */
export function withSide(link: LinkRecord, side: Side, changes: Partial<LinkSide>): LinkRecord {
  return { ...link, sides: { ...link.sides, [side]: { ...link.sides[side], ...changes } } };
}

/** Whether both sides have a record. */
export const isPaired = ({ sides: { left, right } }: LinkRecord): boolean => left.id !== null && right.id !== null;

/** By what a record without a counterpart can be recognised. */
const linkKeys = new Table(
  "sync_keys",
  { sync: text("Id of the sync."), side: oneOf(SIDES, "Where the record is."), key: text("Key."), link: text("Id.") },
  ["sync", "side", "key", "link"],
);

/** Saves a link. `keys` take the place of those its record could be recognised by; a paired link needs none. */
export async function saveLink(tx: Tx, link: LinkRecord, keys?: NewLink["keys"]): Promise<void> {
  await table.save(tx, toRow(link));
  if (keys === undefined && !isPaired(link)) return;
  await tx.run("delete from sync_keys where link = ?", [link.id]);
  await linkKeys.insert(tx, ...keyRows({ link, keys }));
}

/** A link that is new to the store, with the {@link saveLink keys} of its record. */
export interface NewLink {
  link: LinkRecord;
  keys?: { side: Side; keys: readonly string[] };
}

/** Inserts links with their keys. */
export async function insertLinks(tx: Tx, links: readonly NewLink[]): Promise<void> {
  await table.insert(tx, ...links.map(({ link }) => toRow(link)));
  await linkKeys.insert(tx, ...links.flatMap(keyRows));
}

const keyRows = ({ link, keys }: NewLink) =>
  (keys?.keys ?? []).map((key) => ({ sync: link.sync, side: keys!.side, key, link: link.id }));

/** Changes a link that still exists. */
export async function changeLink(
  tx: Tx,
  id: string,
  changes: Partial<Pick<LinkRecord, "state" | "agreed" | "error" | "dirty" | "updatedAt">>,
): Promise<void> {
  await table.change(tx, changes, "id = ?", [id]);
}

/** Deletes a link with its keys. */
export async function deleteLink(tx: Tx, id: string): Promise<void> {
  await tx.run("delete from sync_keys where link = ?", [id]);
  await table.delete(tx, id);
}

/** A link by id. */
export async function linkById(sql: Sql, id: string): Promise<LinkRecord | undefined> {
  const row = await table.find(sql, id);
  return row && toLink(row);
}

/** The links of a vendor's ids. */
export async function linksOf(sql: Sql, sync: string, side: Side, ids: readonly string[]): Promise<LinkRecord[]> {
  if (ids.length === 0) return [];
  const rows = await table.all(sql, `where sync = ? and ${sql.oneOf(`${side}_id`)}`, [sync, JSON.stringify(ids)]);
  return rows.map(toLink);
}

/** Every id of a side that is in a link. */
export async function linkedIds(sql: Sql, sync: string, side: Side): Promise<Set<string>> {
  const rows = await sql.all<{ id: string }>(
    `select ${side}_id as id from sync_links where sync = ? and ${side}_id is not null`,
    [sync],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Links without a counterpart whose record, on this side, has one of these keys; each with all of its keys, oldest first. */
export async function linksByKeys(
  sql: Sql,
  sync: string,
  side: Side,
  keys: readonly string[],
): Promise<{ id: string; keys: string[]; link: LinkRecord }[]> {
  if (keys.length === 0) return [];
  const rows = await sql.all<Record<string, SqlValue> & { id: string; key: string }>(
    `select k.key, ${table.columnsOf("l")} from sync_keys k join sync_links l on l.id = k.link where k.link in
       (select link from sync_keys where sync = ? and side = ? and ${sql.oneOf("key")}) order by k.link, k.key`,
    [sync, side, JSON.stringify(keys)],
  );
  return [...Map.groupBy(rows, ({ id }) => id)].map(([id, some]) => ({
    id,
    keys: some.map(({ key }) => key),
    link: toLink(table.read(some[0]!)),
  }));
}

/** Whether it is not known yet what became of the creation of another record of this side that has one of these keys. */
export async function isCreatingElsewhere(
  sql: Sql,
  { id, sync }: LinkRecord,
  side: Side,
  keys: readonly string[],
): Promise<boolean> {
  const other = await sql.get(
    `select 1 from sync_keys k join sync_links l on l.id = k.link
     where k.sync = ? and k.side = ? and ${sql.oneOf("k.key")} and l.state = 'creating' and l.id <> ? limit 1`,
    [sync, side, JSON.stringify(keys), id],
  );
  return other !== undefined;
}

/** How many links of a sync are in each state, and how many failed. */
export async function countLinks(sql: Sql, sync: string): Promise<LinkCounts> {
  const rows = await sql.all<{ state: LinkState; n: number; failed: number }>(
    "select state, count(*) as n, count(error) as failed from sync_links where sync = ? group by state",
    [sync],
  );
  const states = Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  const failed = rows.reduce((sum, row) => sum + row.failed, 0);
  return { new: 0, synced: 0, creating: 0, alone: 0, detached: 0, ...states, failed };
}

/** Ids of links to be reconciled again, in the order of their ids: those with an error, or also those that changed while paused. */
export async function linksToReconcile(
  sql: Sql,
  sync: string,
  which: "failed" | "failedOrDirty",
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const waiting = which === "failed" ? "error is not null" : "(error is not null or dirty = 1)";
  const rows = await sql.all<{ id: string }>(
    `select id from sync_links where sync = ? and ${waiting} and id > ? order by id limit ?`,
    [sync, after, limit],
  );
  return rows.map(({ id }) => id);
}

export const linkQuery = listQuery("links", {
  state: oneOf([...STATE_NAMES, "failed"], `Only links in this state; failed: ${FAILED}.`),
  failed: flag("`true`: only links with an error, whatever their state."),
});

/** The links of a sync that a checked query asks for. */
export async function listLinks(
  sql: Sql,
  sync: string,
  { state, failed, ...page }: InputOf<typeof linkQuery>,
): Promise<Page<LinkView>> {
  const filter = { sync, state: state === "failed" ? undefined : state };
  const where = failed === true || state === "failed" ? [["error is not null"] as const] : [];
  return pageOf(table, sql, page, filter, (row) => table.view(row), { where });
}

export const linkSchemas = {
  SyncLink: table.schema("One record on both sides, or one without a counterpart."),
};

export const linkCountsSchema = object("Links, by their state.", {
  ...Object.fromEntries(STATE_NAMES.map((state) => [state, count(`Links that are ${state}: ${STATES[state]}.`)])),
  failed: count(`Links of any state that ${FAILED}.`),
});
