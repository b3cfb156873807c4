import { assertCronExpression, nextCronTime } from "../core/cron.ts";
import type { Log } from "../core/log.ts";
import type { Handler, NewJob, WorkOptions } from "./engine.ts";

/** Of a task; each has a group of its own, so that none keeps another waiting. */
export const UPKEEP: WorkOptions<undefined> = { concurrency: 4, perGroup: 1, deadlineMs: 60 * 60_000 };

/** Work at the times of cron expressions. Each task is a job of its name that runs again at its next time, and never ends. */
export class Upkeep {
  readonly #tasks = new Map<string, { expression: string; work: () => Promise<void> }>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  /** `expression`: five fields, or six with seconds first; times are UTC. @throws TypeError when it does not parse */
  add(name: string, expression: string, work: () => Promise<void>): void {
    assertCronExpression(`cron ${name}`, expression);
    this.#tasks.set(name, { expression, work });
  }

  jobs(now: number): NewJob[] {
    return [...this.#tasks].map(([name, { expression }]) => ({
      queue: "upkeep",
      unique: name,
      group: name,
      data: { task: name },
      runAt: nextCronTime(expression, "UTC", now),
    }));
  }

  handler(now: () => number): Handler<undefined> {
    return async ({ data }) => {
      const task = this.#tasks.get(String(data["task"]));
      if (task === undefined) return { done: true };
      try {
        await task.work();
      } catch (error) {
        this.#log.error({ error, task: data["task"] }, "upkeep failed; it runs again at its next time");
      }
      return { runAgainAt: nextCronTime(task.expression, "UTC", now()), attempt: "reset", relaxed: true };
    };
  }
}
