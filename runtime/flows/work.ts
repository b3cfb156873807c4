import type { Context } from "../engine/context.ts";
import type { Handler, Job, Outcome } from "../engine/engine.ts";
import { eventById } from "../model/events.ts";
import { movedSinceEvent } from "./accounts.ts";
import { executeRun, type ExecuteOptions } from "./execute.ts";
import { flows, flowVersions } from "./model/flows.ts";
import { runs, stepsOfRun } from "./model/runs.ts";
import { workSchedule } from "./schedules.ts";
import type { StartRun } from "./start.ts";

/** What the queue's handlers need. */
export interface WorkFlowsOptions extends ExecuteOptions {
  engine: Pick<Context["engine"], "work">;
  start: StartRun;
}

/** Jobs at once in this process. */
const CONCURRENCY = 64;
/** Jobs of one flow at once, so that the other flows always find slots. */
export const PER_FLOW = 8;
/** More than a turn and the longest step: a run continues at its current step. */
const DEADLINE_MS = 3_600_000;
const DONE: Outcome = { done: true };

/** Makes the engine work on flows: events and times that start runs, and the runs themselves. */
export function workFlows(options: WorkFlowsOptions): void {
  const { engine } = options;
  const handlers: Record<string, Handler<undefined>> = {
    run: (job, _, signal) => takeRun(options, job, signal),
    event: (job) => takeEvent(options, job),
    schedule: (job) => workSchedule(options, job),
  };
  engine.work(
    "flow",
    { concurrency: CONCURRENCY, perGroup: PER_FLOW, deadlineMs: DEADLINE_MS },
    (job, loaded, signal) => {
      const kind = Object.keys(handlers).find((name) => name in job.data);
      if (kind === undefined)
        throw new TypeError(`A flow job has run, event or schedule, not ${Object.keys(job.data).join(", ")}`);
      return handlers[kind]!(job, loaded, signal);
    },
  );
}

async function takeRun(options: WorkFlowsOptions, job: Job, signal: AbortSignal): Promise<Outcome> {
  const id = String(job.data["run"]);
  const { db } = options;
  const run = await runs.find(db, id);
  if (!run || run.finishedAt !== null) return DONE;
  const version = await flowVersions.find(db, run.flow, run.version);
  if (!version) return DONE;
  return executeRun({ job, run, version, steps: await stepsOfRun(db, id) }, options, signal);
}

/** A paused flow starts no run for what happened just before. */
async function takeEvent({ db, start }: WorkFlowsOptions, { data }: Job): Promise<Outcome> {
  const event = await eventById(db, String(data["event"]));
  if (!event) return DONE;
  const { id, user, connection } = event;
  const trigger: unknown = JSON.parse(event.data);
  return {
    done: true,
    commit: async (tx) => {
      const flow = await flows.find(tx, String(data["flow"]));
      if (!flow || flow.status === "paused") return;
      // What was erased meanwhile is not brought back.
      if (!(await eventById(tx, id))) return;
      const cause = { cause: "event", forUser: user, event: id, trigger } as const;
      const hindrance = await movedSinceEvent(tx, event);
      await start(tx, flow, { ...cause, ...(connection !== null && { connection }), ...(hindrance && { hindrance }) });
    },
  };
}
