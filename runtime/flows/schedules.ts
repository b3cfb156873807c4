import type { Clock } from "../core/clock.ts";
import { isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import type { Job, NewJob, Outcome } from "../engine/engine.ts";
import { nextRun } from "../poll/schedule.ts";
import type { Sql } from "../store/database.ts";
import { flows, triggersOf, type FlowRecord } from "./model/flows.ts";
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

/** The time of a schedule has come: starts a run if an active flow still has that schedule, else the job ends. */
export async function workSchedule(
  { db, clock, start }: Pick<Context, "db" | "clock"> & { start: StartRun },
  { data }: Job,
): Promise<Outcome> {
  const due = async (sql: Sql): Promise<FlowRecord | undefined> => {
    const flow = await flows.find(sql, String(data["flow"]));
    const isDue = ({ schedule, timeZone }: Schedule): boolean =>
      schedule === data["schedule"] && timeZone === data["timeZone"];
    return flow?.status === "active" && schedulesOf(flow).some(isDue) ? flow : undefined;
  };
  if (!(await due(db))) return { done: true };
  const now = clock.now();
  return {
    runAgainAt: nextAfter(data as unknown as Schedule, now),
    attempt: "reset",
    commit: async (tx) => {
      const flow = await due(tx);
      if (flow) await start(tx, flow, { cause: "schedule", forUser: flow.user, trigger: { time: isoTime(now) } });
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
