import { isDeepStrictEqual } from "node:util";
import { errorClass } from "../../connect/errors.ts";
import {
  deleteLink,
  forgetKeys,
  isCreatingElsewhere,
  linkById,
  linkOf,
  linkedIds,
  linksByKeys,
  noteKeys,
  saveLink,
  type LinkRecord,
} from "../../store/sync-links.ts";
import { otherSide, type Side } from "../../store/syncs.ts";
import type { Thing } from "./access.ts";
import { changesBetween } from "./changes.ts";
import {
  count,
  idOf,
  waitForTurn,
  withSide,
  writesTo,
  written,
  writtenAt,
  type LinkContext,
  type Step,
} from "./context.ts";
import { keysOf, pairUp } from "./keys.ts";
import { heldOf } from "./merge.ts";

/** Failures after which it is not known whether the vendor has done what it was asked. */
const UNCLEAR = new Set(["timeout", "network", "serverError"]);
/** How long a new thing waits while it is not known what became of another, milliseconds. */
const UNCLEAR_WAIT = 1000;

/**
 * Finds or makes the other half of a thing. Before it is created it is looked for among those without a half and at the
 * vendor; that it is about to be created is kept first, so that after a crash it is looked for again and never made twice.
 */
export async function bringHalf(context: LinkContext, link: LinkRecord, given?: Thing): Promise<Step> {
  const { db, sync, sides, clock, listed } = context;
  const side: Side = link.leftId === null ? "right" : "left";
  const target = otherSide(side);
  if (link.state === "creating") {
    const made = await findMade(context, link, side);
    if (made) return pairedWith(context, link, target, made, heldOf(link.agreed!, made.fields));
  }
  const thing = given ?? (await noted(context, link, side));
  if (!thing) return { done: true, commit: (tx) => deleteLink(tx, link.id) };
  if (link.state !== "creating") {
    if (link.state === "alone" && link[side] && changesBetween(link[side], thing.fields).size === 0) {
      return { done: true, commit: (tx) => saveLink(tx, { ...link, dirty: false }) };
    }
    const [found] = pairUp([thing], await linksByKeys(db, sync.id, target, thing.keys)).pairs;
    const waiting = found && (await linkById(db, found[1].id));
    if (waiting) return joined(context, link, waiting, target);
    if (!writesTo(sync, target) || !sides[target].can("create")) {
      const alone: LinkRecord = { ...withSide(link, side, thing.id, thing.fields), state: "alone", dirty: false };
      return {
        done: true,
        commit: async (tx) => {
          await saveLink(tx, alone);
          await noteKeys(tx, link, side, thing.keys);
        },
      };
    }
    if (await isCreatingElsewhere(db, sync.id, target, link.id)) {
      return { runAgainAt: clock.now() + UNCLEAR_WAIT, attempt: "keep" };
    }
    const there = listed ? undefined : await unlinked(context, target, await sides[target].find(thing.keys));
    if (there) return pairedWith(context, { ...link, agreed: null }, target, there, null);
  }
  return waitForTurn(context) ?? create(context, link, side, thing);
}

/** What is to be created: as it was listed or told, or as it is now. */
async function noted({ sides }: LinkContext, link: LinkRecord, side: Side): Promise<Thing | undefined> {
  const [id, fields] = [idOf(link, side)!, link[side]];
  if (link.state === "new" && fields)
    return { id, record: undefined, fields, keys: keysOf(fields), changedAt: undefined };
  return sides[side].read(id, fields, writtenAt(link, side));
}

async function create(context: LinkContext, link: LinkRecord, side: Side, thing: Thing): Promise<Step> {
  const { db, sync, sides, clock } = context;
  const target = otherSide(side);
  const base = withSide({ ...link, agreed: thing.fields, updatedAt: clock.now() }, side, thing.id, thing.fields);
  const intended: LinkRecord = { ...base, state: "creating" };
  await context.transaction(async (tx) => {
    await saveLink(tx, intended);
    await noteKeys(tx, link, side, thing.keys);
  }, "note");
  let made: Thing | undefined;
  try {
    made = await sides[target].create(thing.fields, link.id);
  } catch (error) {
    if (!UNCLEAR.has(errorClass(error)) && !context.signal.aborted) {
      await context.transaction((tx) => saveLink(tx, { ...intended, agreed: null, state: "new" }));
    }
    throw error;
  }
  if (!made) return { runAgainAt: clock.now() + UNCLEAR_WAIT, attempt: "count" };
  const twin = await linkOf(db, sync.id, target, made.id);
  if (twin) {
    const message = `The ${target} vendor took it for ${made.id}, which is linked already; merge the two on the ${side}`;
    const error = { code: "conflict", message, at: clock.now() };
    return { done: true, commit: (tx) => saveLink(tx, { ...intended, agreed: null, state: "alone", error }) };
  }
  const { id, fields } = made;
  return {
    done: true,
    commit: async (tx) => {
      const whole = withSide(written(intended, [target], clock.now()), target, id, fields);
      await saveLink(tx, { ...whole, state: "synced", error: null, dirty: false });
      await forgetKeys(tx, link.id);
      await count(tx, context, [target]);
    },
  };
}

/** Looks for what a creation that was cut off has made, at the vendor's search and then in everything it has. */
async function findMade(context: LinkContext, link: LinkRecord, side: Side): Promise<Thing | undefined> {
  const { db, sync, sides, signal } = context;
  const access = sides[otherSide(side)];
  const fields = link.agreed!;
  const keys = keysOf(fields);
  const found = await unlinked(context, access.side, await access.find(keys));
  if (found) return found;
  const linked = await linkedIds(db, sync.id, access.side);
  const free = [...(await access.all(signal)).values()].filter(({ id }) => !linked.has(id));
  const [pair] = pairUp([{ id: link.id, keys }], free).pairs;
  if (pair || keys.length > 0) return pair?.[1];
  const input = access.creation(fields);
  return free.find((one) => isDeepStrictEqual(access.creation(one.fields), input));
}

async function unlinked({ db, sync }: LinkContext, side: Side, found: readonly Thing[]): Promise<Thing | undefined> {
  for (const thing of found) if (!(await linkOf(db, sync.id, side, thing.id))) return thing;
  return undefined;
}

/** The link with the other half that was found; kept at once, so that nothing else is paired with it. */
async function pairedWith(
  context: LinkContext,
  link: LinkRecord,
  target: Side,
  { id }: Thing,
  fields: LinkRecord["left"],
): Promise<Step> {
  const known = fields === null ? { ...link, left: null, right: null } : link;
  const next: LinkRecord = { ...withSide(known, target, id, fields), state: "new" };
  await context.transaction(async (tx) => {
    await saveLink(tx, next);
    await forgetKeys(tx, link.id);
  });
  return { next };
}

/** Two halves that waited for each other become one link. */
async function joined(context: LinkContext, link: LinkRecord, waiting: LinkRecord, target: Side): Promise<Step> {
  const bare = { ...link, agreed: null, left: null, right: null };
  const next: LinkRecord = { ...withSide(bare, target, idOf(waiting, target), null), state: "new" };
  await context.transaction(async (tx) => {
    await deleteLink(tx, waiting.id);
    await saveLink(tx, next);
    await forgetKeys(tx, link.id);
  });
  return { next };
}
