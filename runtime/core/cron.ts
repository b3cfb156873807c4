import { createTask, validateDetailed, type ScheduledTask } from "node-cron";

/** node-cron answers only for the present moment; a clock that is a value needs the matcher behind it. */
type Matching = ScheduledTask & { timeMatcher: { getNextMatch(after: Date): Date } };

const tasks = new Map<string, Matching>();
const MOST_TASKS = 1000;
/** Between which times a task names none: finding out takes longer than most of what is done at such a time. */
const gaps = new WeakMap<Matching, { from: number; until: number }>();

/** The task of a cron expression, for questions about its times. `timeZone`: IANA name. */
export function cronTask(expression: string, timeZone: string): Matching {
  const key = `${timeZone} ${expression}`;
  let task = tasks.get(key);
  if (!task) {
    task = createTask(expression, () => undefined, { timezone: timeZone }) as Matching;
    if (tasks.size >= MOST_TASKS) tasks.clear();
    tasks.set(key, task);
  }
  return task;
}

/** The first time after `now` that an expression names, both in milliseconds since the epoch. */
export function nextCronTime(expression: string, timeZone: string, now: number): number {
  const task = cronTask(expression, timeZone);
  let gap = gaps.get(task);
  if (!gap || now < gap.from || now >= gap.until) {
    gap = { from: now, until: task.timeMatcher.getNextMatch(new Date(now)).getTime() };
    gaps.set(task, gap);
  }
  return gap.until;
}

/** What is wrong with an expression; undefined when nothing is. */
export function cronFault(expression: string): string | undefined {
  const { valid, errors } = validateDetailed(expression);
  return valid ? undefined : errors.map(({ field, message }) => `${field}: ${message}`).join(", ");
}

/** Checks a cron expression; `where` names it in the message. @throws TypeError when it does not parse */
export function assertCronExpression(where: string, expression: string): void {
  const fault = cronFault(expression);
  if (fault !== undefined) throw new TypeError(`${where}: "${expression}" does not parse: ${fault}`);
}
