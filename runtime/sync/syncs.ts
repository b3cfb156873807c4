import type { StatusChange } from "../model/connections.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { Subscriptions } from "../poll/subscriptions.ts";
import type { Wiring } from "../poll/wiring.ts";
import { connectionsByIds } from "../model/connections.ts";
import type { Tx } from "../store/database.ts";
import { listConflicts, type ConflictRecord } from "./model/conflicts.ts";
import { listLinks, type LinkFilter, type LinkRecord } from "./model/links.ts";
import {
  changeSync,
  deleteSync,
  insertSync,
  listSyncs,
  SIDES,
  subscriptionsOfSync,
  syncById,
  type SyncChanges,
  type SyncFilter,
  type SyncProblem,
  type SyncRecord,
} from "./model/syncs.ts";
import { checkSync, type CheckedSync, type SyncInput } from "./check.ts";
import { linkJob, matchJob } from "./jobs.ts";
import { dryRun, type DryRun } from "./matching.ts";
import { statusOf, type SyncStatus } from "./status.ts";
import { triggersOf } from "./triggers.ts";
import { openSides, workSyncs, type WorkSyncsOptions } from "./work.ts";

export type { SyncInput } from "./check.ts";
export type { DryRun } from "./matching.ts";
export type { SideStatus, SyncStatus } from "./status.ts";

export interface SyncsOptions extends WorkSyncsOptions {
  engine: Pick<Engine, "work" | "enqueue">;
  subscriptions: Pick<Subscriptions, "remove" | "poll">;
  wiring: Pick<Wiring, "create">;
}

/** What of a sync can be changed later. */
export type SyncUpdate = Partial<Pick<SyncInput, "direction" | "conflicts" | "deletes" | "writesPerMinute">>;

/** Syncs as people make, change and watch them. With a user given, those of others do not exist: `not_found`. */
export interface Syncs {
  /**
   * Makes a sync, and compares both sides as soon as their streams have a place to tell changes from.
   * @throws HooklineError `invalid_input` with all faults, `scope_missing`
   */
  create(given: SyncInput): Promise<SyncStatus>;
  /** What the first comparison would do; writes nothing, keeps nothing. Throws like `create`, or what a vendor answers. */
  preview(given: SyncInput, signal?: AbortSignal): Promise<DryRun>;
  get(id: string, user?: string): Promise<SyncStatus>;
  list(filter: SyncFilter, after?: string, limit?: number): Promise<SyncStatus[]>;
  update(id: string, changes: SyncUpdate, user?: string): Promise<SyncStatus>;
  /** Forgets the sync; what it has written stays with the vendors. */
  remove(id: string, user?: string): Promise<void>;
  /** Writes nothing until it is resumed; changes are noted. */
  pause(id: string, user?: string): Promise<SyncStatus>;
  /** Throws `conflict` while one of its connections does not work. */
  resume(id: string, user?: string): Promise<SyncStatus>;
  /** Reads both sides as soon as slots are free, and tries again what has failed. Throws `conflict` while it is paused. */
  run(id: string, user?: string): Promise<void>;
  links(id: string, filter: LinkFilter, after?: string, limit?: number, user?: string): Promise<LinkRecord[]>;
  conflicts(id: string, before?: string, limit?: number, user?: string): Promise<ConflictRecord[]>;
  /** Pauses the syncs of a connection that does not work any more, and lets them go on when it does again. */
  connectionChanged(tx: Tx, change: StatusChange): Promise<void>;
}

/** Links looked at in one go. */
const BATCH = 500;

/** Makes the syncs of a runtime, and has the engine work on them. */
export function createSyncs(options: SyncsOptions): Syncs {
  const { db, engine, clock, connectors, subscriptions, wiring } = options;
  workSyncs(options);

  const find = async (id: string, user?: string): Promise<SyncRecord> => {
    const sync = await syncById(db, id);
    if (sync && (user === undefined || sync.user === user)) return sync;
    throw new HooklineError("not_found", `There is no sync ${id}; check the id`);
  };
  const show = async (id: string): Promise<SyncStatus> => statusOf(db, await find(id), connectors);

  const change = async (id: string, changes: SyncChanges): Promise<SyncStatus> => {
    await db.transaction((tx) => changeSync(tx, id, changes, clock.now()));
    return show(id);
  };

  const prepare = async (given: SyncInput): Promise<{ sync: SyncRecord; checked: CheckedSync }> => {
    const chosen = { direction: "both", conflicts: "newest", deletes: "propagate", ...given } as const;
    const checked = await checkSync(db, chosen, connectors);
    return { sync: newSync(chosen, checked.user, clock.now()), checked };
  };

  const subscribe = async (sync: SyncRecord, { connectors: both }: CheckedSync): Promise<void> => {
    for (const side of SIDES) {
      for (const { name, definition } of triggersOf(both[side], sync.resource)) {
        const everySeconds =
          sync.everySeconds === null ? undefined : Math.max(sync.everySeconds, definition.schedule?.minSeconds ?? 60);
        const wanted = { connection: sync[side], trigger: name, everySeconds };
        await db.transaction((tx) => wiring.create(tx, wanted, { flow: sync.id }));
      }
    }
  };

  /** Enqueues the links that wait: changed while the sync was paused, or failed. */
  const callUp = async (tx: Tx, sync: string, filter: LinkFilter): Promise<void> => {
    for (let after = ""; ;) {
      const links = await listLinks(tx, sync, filter, after, BATCH);
      await engine.enqueue(
        tx,
        links.map(({ id }) => linkJob(sync, id)),
      );
      if (links.length < BATCH) return;
      after = links.at(-1)!.id;
    }
  };

  const goOn = async (tx: Tx, sync: SyncRecord): Promise<void> => {
    await changeSync(tx, sync.id, { status: "active", problem: null }, clock.now());
    if (sync.phase === "matching") await engine.enqueue(tx, [matchJob(sync.id)]);
    await callUp(tx, sync.id, { dirty: true });
    await callUp(tx, sync.id, { failed: true });
  };

  const forget = async (sync: string): Promise<void> => {
    for (const { id } of await subscriptionsOfSync(db, sync)) await subscriptions.remove(id);
    await db.transaction((tx) => deleteSync(tx, sync));
  };

  return {
    create: async (given) => {
      const { sync, checked } = await prepare(given);
      await db.transaction((tx) => insertSync(tx, sync));
      try {
        await subscribe(sync, checked);
      } catch (error) {
        await forget(sync.id);
        throw error;
      }
      await db.transaction((tx) => engine.enqueue(tx, [matchJob(sync.id)]));
      return show(sync.id);
    },

    preview: async (given, signal = new AbortController().signal) => {
      const { sync } = await prepare(given);
      return dryRun(sync, (await openSides(db, sync, options))!, signal);
    },

    get: async (id, user) => statusOf(db, await find(id, user), connectors),

    list: async (filter, after = "", limit = 50) => {
      const found = await listSyncs(db, filter, after, limit);
      return Promise.all(found.map((sync) => statusOf(db, sync, connectors)));
    },

    update: async (id, changes, user) => {
      const sync = await find(id, user);
      await checkSync(db, { ...sync, ...changes }, connectors);
      return change(id, changes);
    },

    remove: async (id, user) => forget((await find(id, user)).id),

    pause: async (id, user) => change((await find(id, user)).id, { status: "paused" }),

    resume: async (id, user) => {
      const sync = await find(id, user);
      if (sync.problem) {
        throw new HooklineError("conflict", `Sync ${id} cannot go on: ${sync.problem.message}`);
      }
      await db.transaction((tx) => goOn(tx, sync));
      return show(id);
    },

    run: async (id, user) => {
      const sync = await find(id, user);
      if (sync.status === "paused") throw new HooklineError("conflict", `Sync ${id} is paused; resume it first`);
      for (const subscription of await subscriptionsOfSync(db, id)) await subscriptions.poll(subscription.id);
      await db.transaction((tx) => callUp(tx, id, { failed: true }));
    },

    links: async (id, filter, after = "", limit = 50, user) =>
      listLinks(db, (await find(id, user)).id, filter, after, limit),

    conflicts: async (id, before, limit = 50, user) => listConflicts(db, (await find(id, user)).id, before, limit),

    connectionChanged: async (tx, { id, status }) => {
      for (const sync of await listSyncs(tx, { connection: id }, "", 10_000)) {
        const pausedByHand = sync.status === "paused" && !sync.problem;
        if (pausedByHand && status !== "removed") continue;
        const problem = await problemOf(tx, sync, clock.now());
        if (problem) await changeSync(tx, sync.id, { status: "paused", problem }, clock.now());
        else if (sync.problem) await goOn(tx, sync);
      }
    },
  };
}

/** What is wrong with one of a sync's connections. */
async function problemOf(tx: Tx, sync: SyncRecord, at: number): Promise<SyncProblem | null> {
  const rows = new Map((await connectionsByIds(tx, [sync.left, sync.right])).map((row) => [row.id, row]));
  for (const connection of [sync.left, sync.right]) {
    const row = rows.get(connection);
    if (!row)
      return { code: "not_found", message: `connection ${connection} was removed; make a new sync`, connection, at };
    if (row.status === "active") continue;
    return {
      code: "reauth_required",
      message: `the grant of connection ${connection} is gone; reconnect it`,
      connection,
      at,
    };
  }
  return null;
}

function newSync(
  given: SyncInput & Pick<SyncRecord, "direction" | "conflicts" | "deletes">,
  user: string,
  now: number,
): SyncRecord {
  const { resource, left, right, direction, conflicts, deletes } = given;
  return {
    id: newId("sync", now),
    user,
    resource,
    left,
    right,
    direction,
    conflicts,
    deletes,
    fields: given.fields ?? {},
    everySeconds: given.everySeconds ?? null,
    writesPerMinute: given.writesPerMinute ?? null,
    phase: "matching",
    status: "active",
    problem: null,
    pulled: 0,
    pushed: 0,
    conflictCount: 0,
    lastSyncAt: null,
    windowStart: 0,
    windowWrites: 0,
    createdAt: now,
    updatedAt: now,
  };
}
