import { HooklineError, refuseFaults } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { erasureJob } from "../engine/eraser.ts";
import { connectionsByIds, type StatusChange } from "../model/connections.ts";
import { checkBeside, type InputOf } from "../model/input.ts";
import { pageOf, type Page } from "../model/page.ts";
import { ownerIn, visible, type Scope } from "../model/principal.ts";
import type { Sql, Tx } from "../store/database.ts";
import { openSides } from "./access.ts";
import { assertScopes, checkConnections, triggersOf, type CheckedSync } from "./check.ts";
import type { SyncCore } from "./core.ts";
import { enqueueLinks, matchJob } from "./jobs.ts";
import { dryRun } from "./matching.ts";
import { conflictQuery, conflicts, type ConflictView } from "./model/conflicts.ts";
import { linkQuery, listLinks, type LinkView } from "./model/links.ts";
import {
  changeSync,
  deleteSync,
  forgetLinks,
  newSync,
  subscriptionsOfSync,
  syncChanges,
  syncQuery,
  syncs,
  syncsOfConnection,
  type DryRun,
  type NewSync,
  type SyncChanges,
  type SyncProblem,
  type SyncRecord,
  type SyncView,
} from "./model/syncs.ts";
import { showSync } from "./status.ts";
import { SIDES } from "./sides.ts";

/** Syncs, as people manage them. All but `create`, `preview` and `list` throw `not_found` for one that does not exist. */
export interface Syncs {
  /**
   * Makes a sync. Both sides are compared as soon as their streams have a cursor from which changes are read.
   * @throws HooklineError `invalid_input` with every fault
   * @throws HooklineError `not_found` for a connection that is not the caller's
   * @throws HooklineError `scope_missing`
   */
  create(sync: NewSync, scope?: Scope): Promise<SyncView>;
  /**
   * What the first comparison would do; writes nothing and keeps nothing.
   * @throws HooklineError as `create`, or as the vendor answers
   */
  preview(sync: NewSync, scope?: Scope): Promise<DryRun>;
  get(id: string, scope?: Scope): Promise<SyncView>;
  list(query?: InputOf<typeof syncQuery>, scope?: Scope): Promise<Page<SyncView>>;
  /** Changes how later changes are handled. @throws HooklineError as `create` */
  update(id: string, changes: SyncChanges, scope?: Scope): Promise<SyncView>;
  /** Forgets the sync; what it has written stays with the vendors. */
  remove(id: string, scope?: Scope): Promise<void>;
  /** Writes nothing until it is resumed; what changes meanwhile is remembered. */
  pause(id: string, scope?: Scope): Promise<SyncView>;
  /** @throws HooklineError `conflict` while one of its connections does not work */
  resume(id: string, scope?: Scope): Promise<SyncView>;
  /**
   * Reads both sides as soon as there are slots, and tries again what has failed.
   * @throws HooklineError `conflict` while it is paused
   */
  run(id: string, scope?: Scope): Promise<{ id: string }>;
  /** Links, oldest first. */
  links(id: string, query?: InputOf<typeof linkQuery>, scope?: Scope): Promise<Page<LinkView>>;
  /** Conflicts, newest first. */
  conflicts(id: string, query?: InputOf<typeof conflictQuery>, scope?: Scope): Promise<Page<ConflictView>>;
}

/** A sync that nobody has said more about than its connections. */
const DEFAULTS = {
  direction: "both",
  conflicts: "newest",
  deletes: "propagate",
  fields: {},
  everySeconds: null,
  writesPerMinute: null,
  phase: "matching",
  status: "active",
  problem: null,
  pulled: 0,
  pushed: 0,
  conflictCount: 0,
  lastSyncAt: null,
  windowStart: 0,
  windowWrites: 0,
} as const;

/** What the module gives to hosts and other modules. */
export interface SyncServices {
  readonly syncs: Syncs;
}

/** Makes the service of syncs. */
export function createSyncs(core: SyncCore): Syncs {
  const { db, engine, clock, connectors, wiring } = core;

  const find = async (sql: Sql, id: string, scope?: Scope): Promise<SyncRecord> =>
    visible("sync", id, await syncs.find(sql, id), scope);
  const show = async (id: string): Promise<SyncView> => showSync(db, await find(db, id), connectors);
  const change = async (id: string, changes: Partial<SyncRecord>): Promise<SyncView> => {
    await changeSync(db, id, changes, clock.now());
    return show(id);
  };

  const prepare = async (given: NewSync, scope?: Scope): Promise<{ sync: SyncRecord; checked: CheckedSync }> => {
    const { given: chosen, beside } = await checkBeside("sync", newSync, given, (sound) =>
      checkConnections(db, { ...DEFAULTS, ...sound }, connectors, scope),
    );
    const { dryRun: _, ...settings } = chosen;
    const now = clock.now();
    const checked = beside!;
    const sync = {
      ...DEFAULTS,
      ...settings,
      id: newId("sync", now),
      user: checked.user,
      createdAt: now,
      updatedAt: now,
    };
    assertScopes(sync, checked);
    return { sync, checked };
  };

  const subscribe = async (tx: Tx, sync: SyncRecord, checked: CheckedSync): Promise<void> => {
    for (const side of SIDES) {
      for (const { name, definition } of triggersOf(checked.connectors[side], sync.resource)) {
        const least = definition.schedule?.minSeconds ?? 60;
        const everySeconds = sync.everySeconds === null ? undefined : Math.max(sync.everySeconds, least);
        await wiring.create(tx, { connection: sync[side], trigger: name, everySeconds }, { flow: sync.id });
      }
    }
  };

  return {
    async create(given, scope) {
      const { sync, checked } = await prepare(given, scope);
      if (given.dryRun === true) {
        const message = "only `preview` makes a dry run; call it, or leave `dryRun` out";
        refuseFaults("sync", [{ pointer: "/dryRun", message }]);
      }
      await db.transaction(async (tx) => {
        await syncs.insert(tx, sync);
        await subscribe(tx, sync, checked);
        await engine.enqueue(tx, [matchJob(sync.id)]);
      });
      return show(sync.id);
    },

    async preview(given, scope) {
      const { sync } = await prepare(given, scope);
      return dryRun(sync, (await openSides(core, sync))!, new AbortController().signal);
    },

    get: async (id, scope) => showSync(db, await find(db, id, scope), connectors),

    async list(query, scope = {}) {
      const { user, connection, ...page } = syncQuery.check(query);
      const ofConnection = ["? in (left_connection, right_connection)", connection ?? ""] as const;
      const where = connection === undefined ? [] : [ofConnection];
      const show = (sync: SyncRecord) => showSync(db, sync, connectors);
      const { data, nextCursor } = await pageOf(syncs, db, page, { user: ownerIn(scope, user) }, show, { where });
      return { data: await Promise.all(data), nextCursor };
    },

    async update(id, given, scope) {
      const changes = syncChanges.check(given);
      const sync = await find(db, id, scope);
      const next = { ...sync, ...changes };
      const { faults, beside } = await checkConnections(db, next, connectors);
      refuseFaults("sync", faults);
      assertScopes(next, beside!);
      return change(id, changes);
    },

    async remove(id, scope) {
      const sync = await find(db, id, scope);
      await db.transaction(async (tx) => {
        for (const subscription of await subscriptionsOfSync(tx, sync.id)) await wiring.remove(tx, subscription);
        if (await deleteSync(tx, sync.id)) await engine.enqueue(tx, [erasureJob(clock.now())]);
      });
    },

    // A problem that passes would resume it.
    pause: async (id, scope) => change((await find(db, id, scope)).id, { status: "paused", problem: null }),

    async resume(id, scope) {
      await db.transaction(async (tx) => {
        const sync = await find(tx, id, scope);
        const problem = await problemOf(tx, sync, clock.now());
        if (problem) throw new HooklineError("conflict", `Sync ${id} cannot continue: ${problem.message}`);
        await activate(tx, core, sync);
      });
      return show(id);
    },

    async run(id, scope) {
      const sync = await find(db, id, scope);
      if (sync.status === "paused") throw new HooklineError("conflict", `Sync ${id} is paused; resume it first`);
      await db.transaction(async (tx) => {
        for (const subscription of await subscriptionsOfSync(tx, id)) {
          if (subscription.status === "paused") {
            throw new HooklineError("conflict", `Subscription ${subscription.id} is paused; resume it before polling`);
          }
          await wiring.poll(tx, subscription);
        }
        await enqueueLinks(tx, engine, id, "failed");
      });
      return { id };
    },

    async links(id, query, scope) {
      const asked = linkQuery.check(query);
      return listLinks(db, (await find(db, id, scope)).id, asked);
    },

    async conflicts(id, query, scope) {
      const asked = conflictQuery.check(query);
      const { id: sync } = await find(db, id, scope);
      return pageOf(conflicts, db, asked, { sync }, (one) => conflicts.view(one), { order: "newest" });
    },
  };
}

type Timing = Pick<SyncCore, "engine" | "clock">;

/** Pauses the syncs of a connection that no longer works, and resumes them when it works again. */
export async function followConnection(tx: Tx, core: Timing, { id, status, moved }: StatusChange): Promise<void> {
  const now = core.clock.now();
  for (const sync of await syncsOfConnection(tx, id)) {
    if (moved) {
      await beginWithAccount(tx, sync, id, now);
      continue;
    }
    const isPausedByHand = sync.status === "paused" && !sync.problem;
    if (isPausedByHand && status !== "removed") continue;
    const problem = await problemOf(tx, sync, now);
    if (problem) await changeSync(tx, sync.id, { status: "paused", problem }, now);
    else if (sync.problem && sync.problem.code !== MOVED) await activate(tx, core, sync);
  }
}

/** Of a connection that leads to another account now: only a person knows whether the two are to be kept alike. */
const MOVED = "account_moved";

/** What was linked is the first account's: it is forgotten, and both sides are compared anew once a person resumes the sync. */
async function beginWithAccount(tx: Tx, sync: SyncRecord, connection: string, at: number): Promise<void> {
  await forgetLinks(tx, sync.id);
  const message = `connection ${connection} was moved to another account; resume the sync to compare both sides and keep them alike`;
  const problem = { code: MOVED, message, connection, at };
  await changeSync(tx, sync.id, { phase: "matching", status: "paused", problem }, at);
}

async function activate(tx: Tx, { engine, clock }: Timing, sync: SyncRecord): Promise<void> {
  await changeSync(tx, sync.id, { status: "active", problem: null }, clock.now());
  if (sync.phase === "matching") await engine.enqueue(tx, [matchJob(sync.id)]);
  await enqueueLinks(tx, engine, sync.id, "failedOrDirty");
}

/** What is wrong with one of a sync's connections. */
async function problemOf(tx: Tx, sync: SyncRecord, at: number): Promise<SyncProblem | undefined> {
  const rows = new Map((await connectionsByIds(tx, [sync.left, sync.right])).map((row) => [row.id, row]));
  for (const side of SIDES) {
    const connection = sync[side];
    const status = rows.get(connection)?.status;
    if (status === undefined) {
      return { code: "not_found", message: `connection ${connection} was removed; make a new sync`, connection, at };
    }
    if (status !== "active") {
      const message = `the grant of connection ${connection} is gone; reconnect it`;
      return { code: "reauth_required", message, connection, at };
    }
  }
  return undefined;
}
