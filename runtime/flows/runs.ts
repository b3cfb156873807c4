import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError, nearest } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database, Sql, Tx } from "../store/database.ts";
import { flowVersion } from "./model/flows.ts";
import {
  forgetRuns,
  insertRuns,
  listRuns,
  moveRun,
  runById,
  saveStep,
  stepsOfRun,
  type RunFilter,
  type RunRecord,
  type RunStepRecord,
} from "./model/runs.ts";
import { openState, openTrigger, sealState, sealTrigger } from "./records.ts";
import { runJob } from "./start.ts";
import { runDetails, runView, type RunDetails, type RunView } from "./view.ts";

/** Runs as people watch them. With a user given, those of others' flows do not exist: `not_found`. */
export interface Runs {
  /** Newest first. `before` is the id of the last run of the page before. */
  list(filter: RunFilter, before?: string, limit?: number): Promise<RunView[]>;
  get(id: string, user?: string): Promise<RunDetails>;
  /**
   * A new run of the same version with the same trigger. With `from`, what the steps before it gave is taken over; a step
   * that has failed keeps its keys, so that a vendor that knows them does it once.
   * Throws `conflict` for a run that has not ended, or whose earlier steps have not.
   */
  replay(id: string, from?: string, user?: string): Promise<RunView>;
  /** Ends it before its next step. Throws `conflict` when it has ended. */
  cancel(id: string, user?: string): Promise<RunView>;
  /** Forgets runs that ended before a time, milliseconds since the epoch. */
  forget(before: number): Promise<void>;
}

export interface RunsOptions {
  db: Database;
  engine: Pick<Engine, "enqueue">;
  vault: Vault;
  clock: Clock;
}

/** Runs per transaction, so that nothing else waits long. */
const BATCH = 200;
/** What a later step can build on. */
const ENDED = new Set<RunStepRecord["status"]>(["succeeded", "skipped", "failed"]);

export function createRuns({ db, engine, vault, clock }: RunsOptions): Runs {
  const find = async (sql: Sql, id: string, user?: string): Promise<RunRecord> => {
    const run = await runById(sql, id);
    if (run && (user === undefined || run.user === user)) return run;
    throw new HooklineError("not_found", `There is no run ${id}; check the id`);
  };
  const orderOf = async (sql: Sql, { flow, version }: RunRecord): Promise<string[]> =>
    (await flowVersion(sql, flow, version))!.definition.steps.map(({ id }) => id);

  return {
    list: async (filter, before, limit = 50) => (await listRuns(db, filter, before, limit)).map(runView),

    get: async (id, user) => {
      const run = await find(db, id, user);
      return runDetails(run, openTrigger(vault, run), await stepsOfRun(db, id), await orderOf(db, run));
    },

    replay: (id, from, user) =>
      db.transaction(async (tx) => {
        const old = await find(tx, id, user);
        if (old.finishedAt === null)
          throw new HooklineError("conflict", `Run ${id} is ${old.status}; cancel it, or wait for its end`);
        const order = await orderOf(tx, old);
        const steps = await stepsOfRun(tx, id);
        const place = placeOf(order, from);
        const unfinished = order.slice(0, place).find((step) => !ENDED.has(headOf(steps, step)?.status ?? "started"));
        if (unfinished !== undefined) {
          throw new HooklineError(
            "conflict",
            `Run ${id}: step ${unfinished} has not ended, so ${from} cannot follow; replay from ${unfinished}`,
          );
        }
        const now = clock.now();
        const run: RunRecord = {
          ...old,
          id: newId("run", now),
          status: "queued",
          cause: "replay",
          replayOf: old.id,
          error: null,
          createdAt: now,
          startedAt: null,
          wakeAt: null,
          finishedAt: null,
        };
        run.trigger = sealTrigger(vault, run.id, openTrigger(vault, old));
        run.keyRun = from !== undefined && headOf(steps, from)?.status !== "succeeded" ? old.keyRun : run.id;
        await insertRuns(tx, [run]);
        await takeOver(
          tx,
          run.id,
          steps.filter(({ step }) => order.indexOf(step) < place),
        );
        await engine.enqueue(tx, [runJob(run)]);
        return runView(run);
      }),

    cancel: (id, user) =>
      db.transaction(async (tx) => {
        const run = await find(tx, id, user);
        const now = clock.now();
        const progress = { status: "cancelled", error: null, wakeAt: null, finishedAt: now } as const;
        if (!(await moveRun(tx, id, progress, now)))
          throw new HooklineError("conflict", `Run ${id} has ended already: it is ${run.status}`);
        await engine.enqueue(tx, [runJob(run)]); // Its job may wait for days; now it comes, and ends.
        return runView({ ...run, ...progress });
      }),

    forget: async (before) => {
      while ((await db.transaction((tx) => forgetRuns(tx, before, BATCH))) === BATCH);
    },
  };

  /** Sealed values open only where they stand. */
  async function takeOver(tx: Tx, run: string, steps: readonly RunStepRecord[]): Promise<void> {
    for (const step of steps) {
      const copy = { ...step, run };
      await saveStep(tx, { ...copy, state: step.state && sealState(vault, copy, openState(vault, step)) });
    }
  }
}

function placeOf(order: readonly string[], from: string | undefined): number {
  if (from === undefined) return 0;
  const place = order.indexOf(from);
  if (place >= 0) return place;
  const near = nearest(from, order);
  const message = `there is no step "${from}" in this run's version; ${near === undefined ? `there are: ${order.join(", ")}` : `did you mean "${near}"?`}`;
  throw new HooklineError("invalid_input", `from: ${message}`, { faults: [{ pointer: "/from", message }] });
}

function headOf(steps: readonly RunStepRecord[], id: string): RunStepRecord | undefined {
  return steps.find(({ step, iteration }) => step === id && iteration === 0);
}
