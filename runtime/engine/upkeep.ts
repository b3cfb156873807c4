import { assertCronExpression, nextCronTime } from "../core/cron.ts";
import type { Log } from "../core/log.ts";
import type { CronTask, Handler, NewJob, WorkOptions } from "./engine.ts";

const RETRY_MS = 60_000;
/**
 * Of a task; each has a group of its own, so that none keeps another waiting. A task is one job by its name: with room for two in
 * its group, nobody looks for another when it ends.
 */
export const UPKEEP: WorkOptions<undefined> = { concurrency: 4, perGroup: 2, deadlineMs: 60 * 60_000 };

/** The job that has a task done at a time, milliseconds since the epoch. Of several, the earliest counts. */
export function upkeepJob(task: string, runAt: number): NewJob {
  return { queue: "upkeep", unique: task, group: task, data: { task }, runAt };
}

/** Gives when to run again, milliseconds since the epoch. */
type Task = () => Promise<number | undefined>;

/**
 * Work at the times of cron expressions: each task is a job of its name that runs again at its next time, and never ends. And
 * work on demand: a job of its name that somebody enqueues, and that ends once the task gives no next time.
 */
export class Upkeep {
  readonly #tasks = new Map<string, { expression?: string; work: Task }>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `expression`: five fields, or six with seconds first; times are UTC. @throws TypeError when it does not parse */
  add(name: string, expression: string, work: CronTask, now: () => number): void {
    assertCronExpression(`cron ${name}`, expression);
    this.#tasks.set(name, {
      expression,
      work: async () => {
        const next = await this.#attempt(name, work);
        return next ?? nextCronTime(expression, "UTC", now());
      },
    });
  }

  /** A failure is repeated after a minute. */
  onDemand(name: string, work: Task, now: () => number): void {
    this.#tasks.set(name, {
      work: async () => {
        const done = await this.#attempt(name, async () => ({ next: await work() }));
        return done ? done.next : now() + RETRY_MS;
      },
    });
  }

  async #attempt<Result>(task: string, work: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await work();
    } catch (error) {
      this.#log.error({ error, task }, "upkeep failed; it runs again at its next time");
      return undefined;
    }
  }

  jobs(now: number): NewJob[] {
    return [...this.#tasks].flatMap(([name, { expression }]) =>
      expression === undefined ? [] : [upkeepJob(name, nextCronTime(expression, "UTC", now))],
    );
  }

  handler(): Handler<undefined> {
    return async ({ data }) => {
      const runAgainAt = await this.#tasks.get(String(data["task"]))?.work();
      return runAgainAt === undefined ? { done: true } : { runAgainAt, attempt: "reset", relaxed: true };
    };
  }
}
