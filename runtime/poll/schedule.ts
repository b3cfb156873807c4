import { cronFault, cronTask, nextCronTime } from "../core/cron.ts";
import { HooklineError } from "../core/errors.ts";

/** When a subscription wants its stream read. */
export type Schedule =
  | { everySeconds: number }
  | {
      /** Five fields: minute, hour, day of month, month, day of week. */
      cron: string;
      /** IANA name; UTC when not given. */
      timeZone?: string;
    };

/**
 * The first time after `now` at which a stream is read. Equal intervals are spread over their length by `offset`
 * (a stable number of the stream), so that a thousand streams of five minutes are not all read in the same second;
 * a cron expression is kept to the minute.
 */
export function nextRun(schedule: Schedule, offset: number, now: number): number {
  if ("cron" in schedule) return nextCronTime(schedule.cron, schedule.timeZone ?? "UTC", now);
  const interval = schedule.everySeconds * 1000;
  const phase = spread(offset) % interval;
  return Math.floor((now - phase) / interval) * interval + phase + interval;
}

/** Neighbouring numbers far apart: Knuth's multiplicative hash. */
const spread = (n: number): number => Math.imul(n, 2654435761) >>> 0;

/**
 * A manifest's default is an interval when it reads "every n minutes", so that it can be spread;
 * a person who writes the same expression gets exactly those minutes.
 */
export function defaultSchedule(cron: string): Schedule {
  const minutes = /^\*\/(\d+) \* \* \* \*$/.exec(cron)?.[1] ?? (/^\* \* \* \* \*$/.test(cron) ? "1" : undefined);
  return minutes !== undefined && 60 % Number(minutes) === 0 ? { everySeconds: Number(minutes) * 60 } : { cron };
}

/**
 * Refuses a cron expression or time zone that cannot be used, or that runs more often than `minSeconds`.
 * @throws HooklineError `invalid_input`
 */
export function assertCron(cron: string, timeZone: string | undefined, minSeconds: number): void {
  const fault = (pointer: string, message: string): never => {
    throw new HooklineError("invalid_input", message, { faults: [{ pointer, message }] });
  };
  if (cron.trim().split(/\s+/).length !== 5) {
    fault(
      "/schedule",
      `"${cron}" is not a cron expression of five fields; write minute, hour, day of month, month and day of week, as in "*/5 * * * *"`,
    );
  }
  const wrong = cronFault(cron);
  if (wrong !== undefined) fault("/schedule", `"${cron}" is not a cron expression: ${wrong}`);
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    fault("/timeZone", `"${timeZone}" is not a time zone; use an IANA name such as "Europe/Berlin"`);
  }
  const runs = cronTask(cron, timeZone ?? "UTC").getNextRuns(20);
  const shortest = Math.min(...runs.slice(1).map((run, i) => run.getTime() - runs[i]!.getTime()));
  if (shortest < minSeconds * 1000) {
    fault("/schedule", `"${cron}" runs every ${shortest / 1000} s; this trigger allows one poll every ${minSeconds} s`);
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
