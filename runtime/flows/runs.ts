import { HooklineError, refuseFaults, unknownName } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Context } from "../engine/context.ts";
import type { InputOf } from "../model/input.ts";
import { pageOf, type Page } from "../model/page.ts";
import { ownerIn, visible, type Scope } from "../model/principal.ts";
import type { Sql, Tx } from "../store/database.ts";
import type { FlowStore } from "./flows.ts";
import { flowVersions } from "./model/flows.ts";
import {
  deleteRunsBefore,
  flowRunQuery,
  moveRun,
  replay,
  runDetails,
  runQuery,
  runs,
  runSteps,
  stepsOfRun,
  type Replay,
  type RunDetails,
  type RunRecord,
  type RunStepRecord,
  type RunView,
} from "./model/runs.ts";
import { openState, openTrigger, sealState, sealTrigger } from "./records.ts";
import { runJob } from "./start.ts";

/** Runs as people watch them. All but `list` throw `not_found` for one that is not there. */
export interface Runs {
  /**
   * Newest first.
   * @throws HooklineError `invalid_input`, `forbidden`
   */
  list(query?: InputOf<typeof runQuery>, scope?: Scope): Promise<Page<RunView>>;
  /** The runs of one flow, newest first; `not_found` when the flow is not there. */
  listOf(flow: string, query?: InputOf<typeof flowRunQuery>, scope?: Scope): Promise<Page<RunView>>;
  get(id: string, scope?: Scope): Promise<RunDetails>;
  /**
   * Makes a new run of the same version with the same trigger. With `from`, the results of the steps before it are taken over; a
   * step that has failed keeps its keys, so that a vendor that knows them does it once.
   * @throws HooklineError `invalid_input`, `conflict` for a run that has not ended, or whose earlier steps have not
   */
  replay(id: string, given?: Replay, scope?: Scope): Promise<RunView>;
  /**
   * Ends a run before its next step.
   * @throws HooklineError `conflict` when it has ended
   */
  cancel(id: string, scope?: Scope): Promise<RunView>;
}

/** Runs that are deleted in one transaction, so that nothing else waits long. */
const BATCH = 200;
/** States of a step that a later step can build on. */
const ENDED = new Set<RunStepRecord["status"]>(["succeeded", "skipped", "failed"]);

/** Makes the service. */
export function createRuns(
  { db, engine, vault, clock }: Pick<Context, "db" | "engine" | "vault" | "clock">,
  flows: FlowStore,
): Runs {
  const find = async (sql: Sql, id: string, scope?: Scope): Promise<RunRecord> =>
    visible("run", id, await runs.find(sql, id), scope);
  const list: Runs["list"] = async (query, scope = {}) => {
    const { user, flow, status, ...page } = runQuery.check(query);
    const filter = { flow, status, user: ownerIn(scope, user) };
    return pageOf(runs, db, page, filter, (run) => runs.view(run), { order: "newest" });
  };

  return {
    list,

    listOf: async (flow, query, scope) => {
      const asked = flowRunQuery.check(query);
      const { id } = await flows.find(db, flow, scope);
      return list({ ...asked, flow: id }, scope);
    },

    get: async (id, scope) => {
      const run = await find(db, id, scope);
      return runDetails(run, openTrigger(vault, run), await stepsOfRun(db, id), await orderOf(db, run));
    },

    replay: async (id, given = {}, scope) => {
      const { from } = replay.check(given);
      return db.transaction(async (tx) => {
        const old = await find(tx, id, scope);
        if (old.finishedAt === null) {
          throw new HooklineError("conflict", `Run ${id} is ${old.status}; cancel it, or wait for its end`);
        }
        const order = await orderOf(tx, old);
        const steps = await stepsOfRun(tx, id);
        const earlier = order.slice(0, placeOf(order, from));
        const unfinished = earlier.find((step) => !ENDED.has(headOf(steps, step)?.status ?? "started"));
        if (unfinished !== undefined) {
          throw new HooklineError(
            "conflict",
            `Run ${id}: step ${unfinished} has not ended, so ${from} cannot follow; replay from ${unfinished}`,
          );
        }
        const now = clock.now();
        const newRun = newId("run", now);
        const run: RunRecord = {
          ...old,
          id: newRun,
          status: "queued",
          cause: "replay",
          replayOf: old.id,
          trigger: sealTrigger(vault, { ...old, id: newRun }, openTrigger(vault, old)),
          keyRun: from !== undefined && headOf(steps, from)?.status !== "succeeded" ? old.keyRun : newRun,
          error: null,
          createdAt: now,
          startedAt: null,
          wakeAt: null,
          finishedAt: null,
        };
        await runs.insert(tx, run);
        await takeOver(
          tx,
          newRun,
          old,
          steps.filter(({ step }) => earlier.includes(step)),
        );
        await engine.enqueue(tx, [runJob(run)]);
        return runs.view(run);
      });
    },

    cancel: (id, scope) =>
      db.transaction(async (tx) => {
        const run = await find(tx, id, scope);
        const now = clock.now();
        const progress = { status: "cancelled", error: null, wakeAt: null, finishedAt: now } as const;
        if (!(await moveRun(tx, id, progress, now))) {
          throw new HooklineError("conflict", `Run ${id} has ended already: it is ${run.status}`);
        }
        await engine.enqueue(tx, [runJob(run)]); // Its job may wait for days; now it comes, and ends.
        return runs.view({ ...run, ...progress });
      }),
  };

  /** Sealed values open only in their own place, so they are sealed again. */
  async function takeOver(
    tx: Tx,
    run: string,
    owner: Pick<RunRecord, "user">,
    steps: readonly RunStepRecord[],
  ): Promise<void> {
    const copies = steps.map((step): RunStepRecord => {
      const copy = { ...step, run };
      return { ...copy, state: step.state && sealState(vault, copy, owner, openState(vault, step, owner)) };
    });
    await runSteps.insert(tx, ...copies);
  }
}

/** Deletes the runs that ended before a time, milliseconds since the epoch. */
export async function purgeRuns({ db }: Pick<Context, "db">, before: number): Promise<void> {
  while ((await db.transaction((tx) => deleteRunsBefore(tx, before, BATCH))) === BATCH);
}

/** The ids of the steps, in the order of the version that a run executes. */
async function orderOf(sql: Sql, { flow, version }: RunRecord): Promise<string[]> {
  return (await flowVersions.find(sql, flow, version))!.definition.steps.map(({ id }) => id);
}

function placeOf(order: readonly string[], from: string | undefined): number {
  if (from === undefined) return 0;
  const place = order.indexOf(from);
  if (place < 0) refuseFaults("replay", [{ pointer: "/from", message: unknownName("step", from, order) }]);
  return place;
}

function headOf(steps: readonly RunStepRecord[], id: string): RunStepRecord | undefined {
  return steps.find(({ step, iteration }) => step === id && iteration === 0);
}
