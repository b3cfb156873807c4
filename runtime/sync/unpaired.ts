import { isDeepStrictEqual } from "node:util";
import { HooklineError } from "../core/errors.ts";
import type { Outcome } from "../engine/engine.ts";
import { errorClass } from "../vendor/errors.ts";
import type { Missing, Snapshot } from "./access.ts";
import { changesBetween } from "./changes.ts";
import { current } from "./current.ts";
import { finish, recordReconciled, waitForTurn, type Step, type Work } from "./context.ts";
import { keysOf, pairUp } from "./keys.ts";
import { baselineOf } from "./merge.ts";
import {
  changeLink,
  deleteLink,
  isCreatingElsewhere,
  isPaired,
  linkedIds,
  linksByKeys,
  linksOf,
  saveLink,
  withSide,
  type LinkRecord,
} from "./model/links.ts";
import { otherSide, writesTo, type Fields, type Side } from "./sides.ts";

/** Failures after which it is not known whether the vendor has done what it was asked. */
const UNCLEAR = new Set(["timeout", "network", "serverError"]);
/** How long a creation waits while the outcome of another is not known, milliseconds. */
const UNCLEAR_WAIT = 1000;

/**
 * Finds or creates the counterpart of a record. Before it is created it is looked for among links without a counterpart and
 * at the vendor; the intention to create it is committed first, so that after a crash it is looked for again and never
 * created twice.
 */
export async function reconcileUnpaired(work: Work, link: LinkRecord, given?: Snapshot): Promise<Step> {
  const side: Side = link.sides.left.id === null ? "right" : "left";
  const isCreating = link.state === "creating";
  if (isCreating) {
    const created = await findCreated(work, link, otherSide(side));
    if (created) return pairWith(work, link, created.id, baselineOf(link.agreed!, created.fields));
  }
  const snapshot = given ?? (await snapshotOf(work, link, side));
  if (!snapshot) return finish(work, (tx) => deleteLink(tx, link.id));
  const step = isCreating ? undefined : await findCounterpart(work, link, side, snapshot);
  return step ?? waitForTurn(work) ?? create(work, link, side, snapshot);
}

/** The record that needs a counterpart: as it was listed or reported, or as it is now. */
async function snapshotOf(work: Work, link: LinkRecord, side: Side): Promise<Snapshot | undefined> {
  const known = link.sides[side];
  const [id, { fields }] = [known.id!, known];
  if (link.state === "new" && fields)
    return { id, record: undefined, fields, keys: keysOf(fields), changedAt: undefined };
  return current(work, link, side);
}

/** Undefined when there is no counterpart and it may be created now. */
async function findCounterpart(
  work: Work,
  link: LinkRecord,
  side: Side,
  snapshot: Snapshot,
): Promise<Step | undefined> {
  const { db, sync, sides, clock } = work;
  const target = otherSide(side);
  const known = link.sides[side].fields;
  if (link.state === "alone" && known && changesBetween(known, snapshot.fields).size === 0) {
    return finish(work, (tx) => changeLink(tx, link.id, { dirty: false }));
  }
  const [waiting] = pairUp([snapshot], await linksByKeys(db, sync.id, target, snapshot.keys)).pairs;
  if (waiting) {
    const { link: other } = waiting[1];
    return pairWith(work, link, other.sides[target].id!, null, other);
  }
  if (!writesTo(sync, target) || !sides[target].can("create")) {
    const { id, fields, keys } = snapshot;
    const alone: LinkRecord = { ...withSide(link, side, { id, fields }), state: "alone", dirty: false };
    return finish(work, (tx) => saveLink(tx, alone, { side, keys }));
  }
  if (await isCreatingElsewhere(db, link, side, snapshot.keys)) {
    return { runAgainAt: clock.now() + UNCLEAR_WAIT, attempt: "keep" };
  }
  const found = work.listed ? undefined : await findUnlinked(work, target, snapshot.keys);
  return found && pairWith(work, link, found.one.id, null, found.unread);
}

async function create(work: Work, link: LinkRecord, side: Side, { id, fields, keys }: Snapshot): Promise<Outcome> {
  const { db, sync, sides, clock, signal, transaction } = work;
  const target = otherSide(side);
  const creating: LinkRecord = {
    ...withSide(link, side, { id, fields }),
    agreed: fields,
    state: "creating",
    updatedAt: clock.now(),
  };
  await transaction((tx) => saveLink(tx, creating, { side, keys }), "note");
  let created: Snapshot | undefined;
  try {
    created = await sides[target].create(fields, link.id);
  } catch (error) {
    if (!UNCLEAR.has(errorClass(error)) && !signal.aborted) {
      await transaction((tx) => changeLink(tx, link.id, { state: "new", agreed: null }));
    }
    throw error;
  }
  if (!created) return { runAgainAt: clock.now() + UNCLEAR_WAIT, attempt: "count" };
  if ((await linksOf(db, sync.id, target, [created.id])).length > 0) {
    const message = `The ${target} vendor answered with ${created.id}, which is linked already; merge the two records on the ${side}`;
    const error = { code: "conflict", message, at: clock.now() };
    return finish(work, (tx) => changeLink(tx, link.id, { state: "alone", agreed: null, error }));
  }
  const made = { id: created.id, fields: created.fields, writtenAt: clock.now() };
  const synced: LinkRecord = { ...withSide(creating, target, made), state: "synced", error: null, dirty: false };
  return finish(work, async (tx) => {
    await saveLink(tx, synced);
    await recordReconciled(tx, work, synced, [target]);
  });
}

/** Looks for what an interrupted creation has made: by the vendor's search, then among all of its records. */
async function findCreated(work: Work, link: LinkRecord, target: Side): Promise<Snapshot | undefined> {
  const { db, sync, sides, signal } = work;
  const fields = link.agreed!;
  const keys = keysOf(fields);
  const found = await findUnlinked(work, target, keys);
  if (found) return found.one;
  const linked = await linkedIds(db, sync.id, target);
  const leftOut: Missing[] = [];
  const unlinked = (await sides[target].all(signal, (one) => void leftOut.push(one))).filter(
    ({ id }) => !linked.has(id),
  );
  const [pair] = pairUp([{ id: link.id, keys }], unlinked).pairs;
  const input = sides[target].creation(fields);
  const isLike = (one: Snapshot): boolean => isDeepStrictEqual(sides[target].creation(one.fields), input);
  const created = pair || keys.length > 0 ? pair?.[1] : unlinked.find(isLike);
  const [first] = leftOut;
  if (created || !first) return created;
  // It may be what was created: a second one would be a copy.
  const what = `${first.isRecord ? "record" : "list"} ${first.id ?? "without a key"}`;
  const message = `Whether the ${target} has the record already is not known: ${what} cannot be read there, ${first.error.message}`;
  throw new HooklineError("conflict", message, { retry: {} });
}

/** What the vendor finds that has no counterpart; `unread`: the link of one that could not be read when its side was listed. */
async function findUnlinked(
  { db, sync, sides }: Work,
  side: Side,
  keys: readonly string[],
): Promise<{ one: Snapshot; unread: LinkRecord | undefined } | undefined> {
  const found = await sides[side].find(keys);
  const ids = found.map(({ id }) => id);
  const links = new Map((await linksOf(db, sync.id, side, ids)).map((link) => [link.sides[side].id, link]));
  const isUnread = (link: LinkRecord): boolean =>
    !isPaired(link) && link.state === "new" && link.sides[side].fields === null;
  const one = found.find(({ id }) => !links.has(id) || isUnread(links.get(id)!));
  return one && { one, unread: links.get(one.id) };
}

/**
 * Gives a link the counterpart that was found, at once, so that nothing else is paired with it. `fields` is what the
 * counterpart holds of the agreed fields; null when the two were never compared. `waiting` is the counterpart's own link.
 */
async function pairWith(
  { transaction }: Work,
  link: LinkRecord,
  id: string,
  fields: Fields | null,
  waiting?: LinkRecord,
): Promise<Step> {
  const side: Side = link.sides.left.id === null ? "right" : "left";
  const compared = fields === null ? { ...withSide(link, side, { fields: null }), agreed: null } : link;
  const next: LinkRecord = { ...withSide(compared, otherSide(side), { id, fields }), state: "new" };
  await transaction(async (tx) => {
    if (waiting) await deleteLink(tx, waiting.id);
    await saveLink(tx, next);
  });
  return { next };
}
