import { isDeepStrictEqual } from "node:util";
import type { Fields } from "./sides.ts";
import { asList, identityOf, isEmpty, sameItem } from "./values.ts";

/** A changed list, item by item, so that an item which one side cannot hold does not count as removed. */
export interface ListChange {
  kind: "list";
  /** New items, and items that changed. */
  added: ReadonlyMap<string, unknown>;
  removed: ReadonlySet<string>;
  /** The item that has become the first. */
  first: string | undefined;
}

export interface ValueChange {
  kind: "value";
  /** Undefined when the value was removed. */
  to: unknown;
}

export type FieldChange = ListChange | ValueChange;

/** What is different in `now`, by field. Without a `base`, everything counts as new. */
export function changesBetween(base: Fields | null, now: Fields): Map<string, FieldChange> {
  const changes = new Map<string, FieldChange>();
  for (const field of new Set([...Object.keys(base ?? {}), ...Object.keys(now)])) {
    const change = changeOf(field, base?.[field], now[field], base === null);
    if (change) changes.set(field, change);
  }
  return changes;
}

function changeOf(field: string, before: unknown, after: unknown, isNew: boolean): FieldChange | undefined {
  if (Array.isArray(before) || Array.isArray(after)) return listChange(field, asList(before), asList(after), isNew);
  if (isDeepStrictEqual(before, after) || (isEmpty(before) && isEmpty(after))) return undefined;
  return { kind: "value", to: after };
}

function listChange(field: string, before: unknown[], after: unknown[], isNew: boolean): ListChange | undefined {
  const [old, now] = [byIdentity(field, before), byIdentity(field, after)];
  const added = new Map([...now].filter(([id, item]) => !old.has(id) || !sameItem(item, old.get(id))));
  const removed = new Set([...old.keys()].filter((id) => !now.has(id)));
  const [wasFirst, isFirst] = [old.keys().next().value, now.keys().next().value];
  const first = isNew || wasFirst === isFirst ? undefined : isFirst;
  return added.size + removed.size > 0 || first !== undefined ? { kind: "list", added, removed, first } : undefined;
}

/** A list with a change made to it; items that stay keep their places. */
export function applyToList(field: string, list: unknown, change: ListChange): unknown[] {
  const items = byIdentity(field, asList(list));
  for (const id of change.removed) items.delete(id);
  for (const [id, item] of change.added) items.set(id, item);
  return putFirst(items, change.first);
}

/** The items in their order, with one moved to the front. */
export function putFirst(items: ReadonlyMap<string, unknown>, first: string | undefined): unknown[] {
  const front = first !== undefined && items.has(first) ? [items.get(first)] : [];
  return [...front, ...[...items].filter(([id]) => front.length === 0 || id !== first).map(([, item]) => item)];
}

/** Items of a list field by their identity; of equal ones the first. */
export function byIdentity(field: string, items: readonly unknown[]): Map<string, unknown> {
  const found = new Map<string, unknown>();
  for (const item of items) {
    const id = identityOf(field, item);
    if (!found.has(id)) found.set(id, item);
  }
  return found;
}
