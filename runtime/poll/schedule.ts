import { createTask, validateDetailed, type ScheduledTask } from "node-cron";
import { refuseFaults, type Fault } from "../core/errors.ts";
import { Lru } from "../core/lru.ts";

/** When a subscription wants its stream read. */
export type Schedule =
  | { everySeconds: number }
  | {
      /** Five fields: minute, hour, day of month, month, day of week. */
      cron: string;
      /** IANA name; UTC when not given. */
      timeZone?: string;
    };

/** node-cron itself answers for the present moment only; a clock that is a value needs the matcher behind it. */
type Matching = ScheduledTask & { timeMatcher: { getNextMatch(after: Date): Date } };

/** Schedules that are kept parsed. */
const MOST_TASKS = 1000;

const tasks = new Lru<string, Matching>(MOST_TASKS);

function matching(cron: string, timeZone: string): Matching {
  return tasks.getOr(
    `${timeZone} ${cron}`,
    () => createTask(cron, () => undefined, { timezone: timeZone }) as Matching,
  );
}

/**
 * The first time after `now` at which a stream is read. Equal intervals are spread over their length by `offset`
 * (a stable number of the stream), so that a thousand streams of five minutes are not all read in the same second;
 * a cron expression is kept to the minute.
 */
export function nextRun(schedule: Schedule, offset: number, now: number): number {
  if ("cron" in schedule)
    return matching(schedule.cron, schedule.timeZone ?? "UTC")
      .timeMatcher.getNextMatch(new Date(now))
      .getTime();
  const interval = schedule.everySeconds * 1000;
  const phase = spread(offset) % interval;
  return Math.floor((now - phase) / interval) * interval + phase + interval;
}

/**
 * When a stream is to have been read for the `count`th time after `since`, for the schedule that asks for it first. Equal intervals
 * count from `since` itself, wherever in its interval that was.
 */
export function runAfter(schedules: readonly Schedule[], offset: number, since: number, count: number): number {
  const runs = schedules.map((schedule) => {
    if ("everySeconds" in schedule) return since + count * schedule.everySeconds * 1000;
    let at = since;
    for (let run = 0; run < count; run++) at = nextRun(schedule, offset, at);
    return at;
  });
  return Math.min(...runs);
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

/** Runs that are looked at to find the shortest interval of a cron expression. */
const RUNS = 20;

/** What is wrong with a cron expression and its time zone, or with how often it runs: at most every `minSeconds`. */
export function* cronFaults(cron: string, timeZone: string | undefined, minSeconds: number): Generator<Fault> {
  const schedule = (message: string): Fault => ({
    pointer: "/schedule",
    message: `${JSON.stringify(cron)} ${message}`,
  });
  const isZone = timeZone === undefined || isTimeZone(timeZone);
  if (!isZone) {
    const message = `${JSON.stringify(timeZone)} is not a time zone; use an IANA name such as "Europe/Berlin"`;
    yield { pointer: "/timeZone", message };
  }
  if (cron.trim().split(/\s+/).length !== 5) {
    yield schedule(
      'is not a cron expression of five fields; write minute, hour, day of month, month and day of week, as in "*/5 * * * *"',
    );
    return;
  }
  const { valid, errors } = validateDetailed(cron);
  if (!valid) {
    yield schedule(`is not a cron expression: ${errors.map((e) => `${e.field}: ${e.message}`).join(", ")}`);
    return;
  }
  const runs = matching(cron, (isZone && timeZone) || "UTC").getNextRuns(RUNS);
  const shortest = Math.min(...runs.slice(1).map((run, i) => run.getTime() - runs[i]!.getTime()));
  if (shortest < minSeconds * 1000) {
    yield schedule(`runs every ${shortest / 1000} s; at most one run every ${minSeconds} s is allowed`);
  }
}

/**
 * Refuses a cron expression or time zone that cannot be used, or that runs more often than every `minSeconds`.
 * @throws HooklineError `invalid_input` with every fault
 */
export function assertCron(cron: string, timeZone: string | undefined, minSeconds: number): void {
  refuseFaults("schedule", [...cronFaults(cron, timeZone, minSeconds)]);
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
