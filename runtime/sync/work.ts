import { HooklineError, type ErrorCode } from "../core/errors.ts";
import type { Job, Outcome } from "../engine/engine.ts";
import { retryDelay } from "../engine/retry.ts";
import { assertAccounts, openSides, type Snapshot } from "./access.ts";
import { eventById } from "../model/events.ts";
import { changesBetween } from "./changes.ts";
import { DONE, finish, type Step, type Work } from "./context.ts";
import type { SyncCore } from "./core.ts";
import { linkJob } from "./jobs.ts";
import { matchAll } from "./matching.ts";
import {
  changeLink,
  isPaired,
  linkById,
  linksOf,
  newLink,
  saveLink,
  withSide,
  type LinkRecord,
} from "./model/links.ts";
import { assertSync, syncs } from "./model/syncs.ts";
import { linksBefore, reconcilePair } from "./pair.ts";
import type { Side } from "./sides.ts";
import { reconcileUnpaired } from "./unpaired.ts";

/** Syncs at work at once in this process. The links of one sync are reconciled one at a time. */
const CONCURRENCY = 16;
/** Long enough to list two large accounts, and compare them. */
const DEADLINE_MS = 3_600_000;
/** How long a change waits while both sides are still compared for the first time, milliseconds. */
const MATCHING_WAIT = 2000;
const PAUSED_WAIT = 60_000;
/** How long work waits for a connector that this process has not loaded, milliseconds. */
const UNLOADED_WAIT = 60_000;
const LIMITS = new Set<ErrorCode>(["rate_limited", "quota_exceeded"]);
/** How long a link waits for a vendor that limits us without saying how long, milliseconds. */
const LIMITED_WAIT = 60_000;

/** Has the engine work on syncs: first comparisons, changes that streams report, and links to be reconciled. */
export function workSyncs(core: SyncCore): void {
  core.engine.work(
    "sync",
    { concurrency: CONCURRENCY, perGroup: 1, deadlineMs: DEADLINE_MS },
    async (job, _, signal) => {
      try {
        return await takeJob(core, job, signal);
      } catch (error) {
        if (!hasMoved(error)) throw error;
        return { runAgainAt: core.clock.now(), attempt: "keep" };
      }
    },
  );
}

const hasMoved = (error: unknown): boolean => error instanceof HooklineError && error.code === "account_moved";

async function takeJob(core: SyncCore, job: Job, signal: AbortSignal): Promise<Outcome> {
  const sync = await syncs.find(core.db, String(job.data["sync"]));
  if (!sync) return DONE;
  const sides = await openSides(core, sync);
  // A connection that was removed never comes back; a connector may be loaded again.
  if (!sides && sync.problem?.code === "not_found") return DONE;
  if (!sides) return { runAgainAt: core.clock.now() + UNLOADED_WAIT, attempt: "keep" };
  const work: Work = {
    ...core,
    sync,
    sides,
    signal,
    listed: job.data["listed"] === true,
    // What was found out about one account is not written down for another.
    transaction: (write, kind) =>
      job.transaction(async (tx) => {
        await assertSync(tx, sync.id);
        await assertAccounts(tx, sync, sides);
        return write(tx);
      }, kind),
  };
  if ("event" in job.data || "record" in job.data) return takeChange(work, job);
  if ("link" in job.data) return takeLink(work, job);
  return sync.status === "paused" || sync.phase === "syncing" ? DONE : matchAll(work, job.attempt);
}

/** A stream reported that a record changed. Its own writes are recognised at once; else both sides are read again. */
async function takeChange(work: Work, job: Job): Promise<Outcome> {
  const { db, sync, sides, clock } = work;
  const isPaused = sync.status === "paused";
  if (sync.phase === "matching") {
    return { runAgainAt: clock.now() + (isPaused ? PAUSED_WAIT : MATCHING_WAIT), attempt: "keep" };
  }
  const side: Side = job.data["connection"] === sync.left ? "left" : "right";
  const id = await recordOf(work, job);
  if (id === undefined) return DONE;
  const event = await sides[side].lastEvent(id);
  const snapshot = event?.snapshot;
  const [linked] = await linksOf(db, sync.id, side, [id]);
  const known = linked ?? (snapshot && (await followRename(work, side, snapshot)));
  if (!known && !snapshot) return DONE;
  if (known && snapshot && isEcho(known, side, snapshot)) return DONE;
  // Read before our last write, so a later event will show the record with that write in it.
  const isStale = known && snapshot && !sides[side].canRead && event.readAt <= (known.sides[side].writtenAt ?? 0);
  if (isStale) return DONE;
  const unpaired = known && isPaired(known) ? undefined : snapshot;
  let link = known ?? newLink(sync.id, clock.now());
  if (unpaired && link.state === "new") {
    link = { ...withSide(link, side, { id, fields: unpaired.fields }), dirty: isPaused || link.dirty };
    await work.transaction((tx) => saveLink(tx, link, { side, keys: unpaired.keys }));
  } else if (isPaused) {
    await work.transaction((tx) => changeLink(tx, link.id, { dirty: true, updatedAt: clock.now() }));
  }
  return isPaused ? DONE : reconcile(work, link, unpaired, job);
}

/** The record of a change; undefined when its event is gone. Jobs of the first version name it themselves. */
async function recordOf({ db }: Work, { data }: Job): Promise<string | undefined> {
  if ("record" in data) return String(data["record"]);
  return (await eventById(db, String(data["event"])))?.recordKey ?? undefined;
}

async function takeLink(work: Work, job: Job): Promise<Outcome> {
  const link = await linkById(work.db, String(job.data["link"]));
  if (!link) return DONE;
  if (work.sync.status === "paused") return finish(work, (tx) => changeLink(tx, link.id, { dirty: true }));
  return reconcile(work, link, undefined, job);
}

/** Whether a side has nothing but what it is known to have. */
function isEcho(link: LinkRecord, side: Side, { fields }: Snapshot): boolean {
  const known = link.sides[side].fields;
  return link.state === "synced" && known !== null && changesBetween(known, fields).size === 0;
}

/** The link of a record under an id it had before, now under its new id. */
async function followRename(work: Work, side: Side, { id, ...snapshot }: Snapshot): Promise<LinkRecord | undefined> {
  const [first, ...merged] = await linksBefore(work, side, { id, ...snapshot });
  if (!first) return undefined;
  const moved = withSide(first, side, { id });
  await work.transaction(async (tx) => {
    await saveLink(tx, moved);
    await work.engine.enqueue(
      tx,
      merged.map((link) => linkJob(work.sync.id, link.id)),
    );
  });
  return moved;
}

async function reconcile(work: Work, link: LinkRecord, given: Snapshot | undefined, job: Job): Promise<Outcome> {
  try {
    let step: Step = { next: link, snapshot: given };
    while ("next" in step) step = await reconcileStep(work, step.next, step.snapshot);
    return step;
  } catch (error) {
    return failed(work, link.id, job, error);
  }
}

async function reconcileStep(work: Work, link: LinkRecord, snapshot: Snapshot | undefined): Promise<Step> {
  if (link.state === "detached") return finish(work, (tx) => changeLink(tx, link.id, { dirty: false }));
  return isPaired(link) ? reconcilePair(work, link) : reconcileUnpaired(work, link, snapshot);
}

async function failed(work: Work, link: string, job: Job, error: unknown): Promise<Outcome> {
  const { clock, sync, signal, log } = work;
  const now = clock.now();
  if (signal.aborted) return { runAgainAt: now, attempt: "keep" };
  if (!(error instanceof HooklineError) || hasMoved(error)) throw error;
  const { code, message } = error;
  if (!LIMITS.has(code)) {
    log.warn({ sync: sync.id, link, error }, "a record could not be reconciled");
    await work.transaction((tx) => changeLink(tx, link, { error: { code, message, at: now }, updatedAt: now }));
  }
  return outcomeOf(error, job.attempt, now);
}

/** What a failure leads to: limits are waited for, what may pass is tried again, anything else ends the job. */
export function outcomeOf({ code, retry }: HooklineError, attempt: number, now: number): Outcome {
  if (LIMITS.has(code)) {
    return { runAgainAt: now + (retry ? (retry.after ?? LIMITED_WAIT) : LIMITED_WAIT), attempt: "keep" };
  }
  return retry ? { runAgainAt: now + retryDelay(attempt), attempt: "count" } : DONE;
}
