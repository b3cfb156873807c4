import type { Clock } from "../core/clock.ts";
import type { Job, NewJob, Outcome } from "../engine/engine.ts";
import { nextRun } from "../poll/schedule.ts";
import type { Sql } from "../store/database.ts";
import { flowById, type FlowRecord } from "./model/flows.ts";
import { triggersOf } from "./definition.ts";
import type { StartRun } from "./start.ts";

interface Schedule {
  schedule: string;
  timeZone: string | null;
}

/** The job that keeps each schedule of an active flow. */
export function scheduleJobs(flow: FlowRecord, clock: Clock): NewJob[] {
  return schedulesOf(flow).map(({ schedule, timeZone }) => ({
    queue: "flow",
    data: { flow: flow.id, schedule, timeZone },
    group: flow.id,
    unique: `${flow.id}:${schedule}:${timeZone ?? ""}`,
    runAt: nextAfter({ schedule, timeZone }, clock.now()),
  }));
}

/** A time has come: of a schedule that an active flow still has, else the job ends. */
export async function takeTime(
  { db, start, clock }: { db: Sql; start: StartRun; clock: Clock },
  { data }: Job,
): Promise<Outcome> {
  const { flow: id, schedule, timeZone } = data;
  const flow = await flowById(db, String(id));
  const own = flow?.status === "active" ? schedulesOf(flow) : [];
  const due = own.find((one) => one.schedule === schedule && one.timeZone === timeZone);
  if (!flow || !due) return { done: true };
  const now = clock.now();
  return {
    runAgainAt: nextAfter(due, now),
    attempt: "reset",
    commit: async (tx) => {
      await start(tx, flow, { cause: "schedule", forUser: flow.user, trigger: { time: new Date(now).toISOString() } });
    },
  };
}

function schedulesOf({ definition }: FlowRecord): Schedule[] {
  return triggersOf(definition, "schedule").map(({ trigger: { schedule, timeZone = null } }) => ({
    schedule,
    timeZone,
  }));
}

function nextAfter({ schedule, timeZone }: Schedule, now: number): number {
  return nextRun({ cron: schedule, ...(timeZone !== null && { timeZone }) }, 0, now);
}
