import type { Log } from "../../core/log.ts";
import { HooklineError } from "../../core/errors.ts";
import type { Engine, Job, Outcome } from "../../engine/engine.ts";
import { retryDelay } from "../../engine/retry.ts";
import { connectionsByIds } from "../../store/connections.ts";
import type { Sql, Tx } from "../../store/database.ts";
import { linkById, linkOf, noteKeys, saveLink, type LinkRecord } from "../../store/sync-links.ts";
import { SIDES, syncById, type Side, type SyncRecord } from "../../store/syncs.ts";
import { openAccess, type Access, type AccessOptions, type Thing } from "./access.ts";
import { changesBetween } from "./changes.ts";
import { DONE, withSide, writtenAt, type LinkContext } from "./context.ts";
import { bringHalf } from "./half.ts";
import { matchAll, newLink } from "./matching.ts";
import { bringPair, linksBefore, lookAtAnew } from "./pair.ts";

export interface WorkSyncsOptions extends AccessOptions, Pick<LinkContext, "clock" | "emit"> {
  engine: Pick<Engine, "work" | "enqueue">;
  log: Pick<Log, "warn" | "info">;
}

/** Syncs at work at once in this process. The links of one sync are brought over one at a time. */
const CONCURRENCY = 16;
/** Long enough to list two large accounts, and compare them. */
const DEADLINE_MS = 3_600_000;
/** How long a change waits while all there is is still being compared, milliseconds. */
const MATCHING_WAIT = 2000;
const PAUSED_WAIT = 60_000;
/** A vendor that limits us without saying for how long. */
const LIMITED_WAIT = 60_000;

/** Makes the engine work on syncs: the first comparison, changes that streams tell of, and links left to do. */
export function workSyncs(options: WorkSyncsOptions): void {
  options.engine.work(
    "sync",
    { concurrency: CONCURRENCY, perGroup: 1, deadlineMs: DEADLINE_MS },
    async (job, _, signal) => {
      const { commit, ...outcome } = await take(job, options, signal);
      // The slot is free as soon as this returns, and the next link has to see what became of this one.
      if (commit) await job.transaction(commit);
      return outcome;
    },
  );
}

async function take(job: Job, options: WorkSyncsOptions, signal: AbortSignal): Promise<Outcome> {
  const sync = await syncById(options.db, String(job.data["sync"]));
  const sides = sync && (await openSides(options.db, sync, options));
  if (!sync || !sides) return DONE;
  const { transaction } = job;
  const context: LinkContext = { ...options, transaction, sync, sides, signal, listed: job.data["listed"] === true };
  if ("record" in job.data) return takeChange(context, job, options);
  if ("link" in job.data) return takeLink(context, job, options);
  if (sync.status === "paused") return DONE;
  return matchAll(context, job.attempt);
}

/** Both sides; undefined while a connection, or its connector, is not there. */
export async function openSides(
  sql: Sql,
  sync: SyncRecord,
  options: AccessOptions,
): Promise<Record<Side, Access> | undefined> {
  const rows = new Map((await connectionsByIds(sql, [sync.left, sync.right])).map((row) => [row.id, row]));
  const [left, right] = SIDES.map((side) => {
    const connector = rows.get(sync[side])?.connector;
    const declared = connector !== undefined && options.connectors.get(connector)?.resources.has(sync.resource);
    return declared ? openAccess(sync, side, connector, options) : undefined;
  });
  return left && right && { left, right };
}

/** A stream told that a record changed. What it has now is asked of the vendor; that it is our own write is seen at once. */
async function takeChange(context: LinkContext, job: Job, options: WorkSyncsOptions): Promise<Outcome> {
  const { db, transaction, sync, sides, clock } = context;
  const paused = sync.status === "paused";
  if (sync.phase === "matching") {
    return { runAgainAt: clock.now() + (paused ? PAUSED_WAIT : MATCHING_WAIT), attempt: "keep" };
  }
  const side: Side = job.data["connection"] === sync.left ? "left" : "right";
  const id = String(job.data["record"]);
  const told = await sides[side].lastTold(id);
  const thing = told?.thing;
  let link = (await linkOf(db, sync.id, side, id)) ?? (thing && (await renamed(context, side, thing)));
  if (!link && !thing) return DONE;
  if (link && thing && isEcho(link, side, thing)) return DONE;
  // Read before our last write, which will be told of once more: then with all that is there.
  if (link && thing && !sides[side].asks && told.readAt <= (writtenAt(link, side) ?? 0)) return DONE;
  const half = !link || link.leftId === null || link.rightId === null;
  if (thing && half && (!link || link.state === "new")) {
    const fresh = withSide(link ?? newLink(context), side, id, thing.fields);
    await transaction(async (tx) => {
      await saveLink(tx, fresh);
      await noteKeys(tx, fresh, side, thing.keys);
    });
    link = fresh;
  }
  if (paused) return { done: true, commit: (tx) => saveLink(tx, { ...link!, dirty: true, updatedAt: clock.now() }) };
  return bringOver(context, link!, half ? thing : undefined, job, options);
}

async function takeLink(context: LinkContext, job: Job, options: WorkSyncsOptions): Promise<Outcome> {
  const link = await linkById(context.db, String(job.data["link"]));
  if (!link) return DONE;
  if (context.sync.status === "paused") return { done: true, commit: (tx) => saveLink(tx, { ...link, dirty: true }) };
  return bringOver(context, link, undefined, job, options);
}

/** Whether a side has nothing but what it is known to have. */
function isEcho(link: LinkRecord, side: Side, { fields }: Thing): boolean {
  return link.state === "synced" && link[side] !== null && changesBetween(link[side], fields).size === 0;
}

/** The link of a thing under an id it had before, now under its new one. */
async function renamed(context: LinkContext, side: Side, thing: Thing): Promise<LinkRecord | undefined> {
  const [first, ...merged] = await linksBefore(context, side, thing);
  if (!first) return undefined;
  const moved = withSide(first, side, thing.id, first[side]);
  await context.transaction(async (tx) => {
    await saveLink(tx, moved);
    await lookAtAnew(tx, context, merged);
  });
  return moved;
}

async function bringOver(
  context: LinkContext,
  start: LinkRecord,
  given: Thing | undefined,
  job: Job,
  { log }: WorkSyncsOptions,
): Promise<Outcome> {
  let link = start;
  let thing = given;
  try {
    for (;;) {
      if (link.state === "detached") return { done: true, commit: (tx) => saveLink(tx, { ...link, dirty: false }) };
      const whole = link.leftId !== null && link.rightId !== null;
      const step = await (whole ? bringPair(context, link) : bringHalf(context, link, thing));
      if (!("next" in step)) return step;
      ({ next: link, thing } = { thing: undefined, ...step });
    }
  } catch (error) {
    return failed(context, link.id, job, error, log);
  }
}

/** What a failure leads to: limits are waited for, what may pass is tried again, all else stands in the link. */
function failed(
  { clock, sync, signal }: LinkContext,
  id: string,
  job: Job,
  error: unknown,
  log: WorkSyncsOptions["log"],
): Outcome {
  const now = clock.now();
  if (signal.aborted) return { runAgainAt: now, attempt: "keep" };
  if (!(error instanceof HooklineError)) throw error;
  const { code, message, retry } = error;
  if (code === "rate_limited" || code === "quota_exceeded") {
    return { runAgainAt: now + (retry ? (retry.after ?? LIMITED_WAIT) : LIMITED_WAIT), attempt: "keep" };
  }
  log.warn({ sync: sync.id, link: id, error }, "a thing could not be brought over");
  const commit = async (tx: Tx): Promise<void> => {
    const link = await linkById(tx, id);
    if (link) await saveLink(tx, { ...link, error: { code, message, at: now }, updatedAt: now });
  };
  return retry ? { runAgainAt: now + retryDelay(job.attempt), attempt: "count", commit } : { done: true, commit };
}
