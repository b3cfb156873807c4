import { applyToList, byIdentity, changesBetween, putFirst, type FieldChange, type ListChange } from "./changes.ts";
import type { ConflictField } from "./model/conflicts.ts";
import { bySide, otherSide, SIDES, type Fields, type Side } from "./sides.ts";
import { alike, asList, identityOf, isEmpty } from "./values.ts";

/** The fields of both sides together when they were last reconciled, and of each; all null before they were first compared. */
export interface Base {
  agreed: Fields | null;
  left: Fields | null;
  right: Fields | null;
}

export interface Merged {
  agreed: Fields;
  /** What each side should have: its own fields, with what the other side changed. */
  left: Fields;
  right: Fields;
  /** Fields that both sides changed, each in its own way. */
  conflicts: ConflictField[];
}

/**
 * A three-way merge, field by field and in lists item by item. A side's change is what differs from what *it* had, never
 * from what the other has: so a side that cannot hold a second phone number removes none, and a side that writes a number
 * its own way changes none. When both changed the same, `winner` wins.
 */
export function merge(base: Base, now: Record<Side, Fields>, winner: Side): Merged {
  const changed = bySide((side) => changesBetween(base[side], now[side]));
  const merged: Merged = { agreed: { ...base.agreed }, left: { ...now.left }, right: { ...now.right }, conflicts: [] };
  const loser = otherSide(winner);
  for (const field of new Set([...changed.left.keys(), ...changed.right.keys()])) {
    const [theirs, ours] = [changed[winner].get(field), changed[loser].get(field)];
    const settled = theirs && ours && alike(field, now.left[field], now.right[field]);
    const clash = !settled && theirs && ours && clashes(theirs, ours);
    if (clash) merged.conflicts.push({ field, left: now.left[field] ?? null, right: now.right[field] ?? null });
    // The winner's change is made last, over the loser's.
    const made = [clash ? undefined : ours, theirs].filter((change) => change !== undefined);
    const value = made.reduce((value, change) => apply(field, value, change), merged.agreed[field]);
    put(merged.agreed, field, value);
    if (settled) continue;
    for (const side of SIDES) {
      const other = side === winner ? (clash ? undefined : ours) : theirs;
      if (!other && !clash) continue;
      const own = base[side] === null ? "all" : changed[side].get(field);
      put(merged[side], field, desired(field, value, now[side][field], other, own));
    }
  }
  return merged;
}

/** Two values for one place, or two items in the place of one. */
function clashes(a: FieldChange, b: FieldChange): boolean {
  if (a.kind === "value" || b.kind === "value") return true;
  const bothReplace = a.first !== undefined && b.first !== undefined && a.first !== b.first;
  return bothReplace && [...a.removed].some((id) => b.removed.has(id));
}

function apply(field: string, value: unknown, change: FieldChange): unknown {
  return change.kind === "value" ? change.to : applyToList(field, value, change);
}

/**
 * What a side should have in a field: its own words and order for what stays or both have come to, and what the other side
 * changed. `own` is what it changed itself; "all" when the two are first compared, and each keeps its words for what both have.
 */
function desired(
  field: string,
  value: unknown,
  has: unknown,
  other: FieldChange | undefined,
  own: FieldChange | "all" | undefined,
): unknown {
  if (!Array.isArray(value)) return value;
  const theirs: Partial<ListChange> = other?.kind === "list" ? other : {};
  const isOwn = (id: string): boolean => own === "all" || (own?.kind === "list" && own.added.has(id));
  const all = byIdentity(field, value);
  const items = new Map<string, unknown>();
  for (const [id, item] of byIdentity(field, asList(has))) {
    if (all.has(id)) items.set(id, theirs.added?.has(id) && !isOwn(id) ? all.get(id) : item);
  }
  for (const [id, item] of all) if (!items.has(id)) items.set(id, item);
  return putFirst(items, theirs.first);
}

function put(fields: Fields, field: string, value: unknown): void {
  if (isEmpty(value)) delete fields[field];
  else fields[field] = value;
}

/** What a record that was created from the agreed fields holds of them: the base that its later changes are compared with. */
export function baselineOf(agreed: Fields, now: Fields): Fields {
  const held: Fields = {};
  for (const [field, value] of Object.entries(agreed)) {
    if (Array.isArray(value)) {
      const there = byIdentity(field, asList(now[field]));
      put(
        held,
        field,
        value.flatMap((item) => there.get(identityOf(field, item)) ?? []),
      );
    } else if (field in now) {
      put(held, field, alike(field, value, now[field]) ? now[field] : value);
    }
  }
  return held;
}
