import { createTask, validateDetailed, type ScheduledTask } from "node-cron";
import type { Log } from "../core/log.ts";

/** Work at the times of a cron expression, in this process; one run at a time, errors logged. It is told which time it is. */
export class CronTask {
  readonly #name: string;
  readonly #expression: string;
  readonly #work: (scheduled: Date) => Promise<void>;
  readonly #log: Log;
  #task: ScheduledTask | undefined;
  #running: Promise<void> | undefined;

  /** `expression`: five fields, or six with seconds first; times are UTC. Throws `TypeError` when it does not parse. */
  constructor(name: string, expression: string, work: (scheduled: Date) => Promise<void>, log: Log) {
    const { valid, errors } = validateDetailed(expression);
    if (!valid) {
      throw new TypeError(`cron ${name}: "${expression}" does not parse: ${errors.map((e) => e.message).join("; ")}`);
    }
    this.#name = name;
    this.#expression = expression;
    this.#work = work;
    this.#log = log.child({ task: name });
  }

  start(): void {
    const log = this.#log;
    this.#task = createTask(this.#expression, ({ date }) => (this.#running = this.#run(date)), {
      name: this.#name,
      timezone: "UTC",
      noOverlap: true,
      unref: true,
      suppressMissedWarning: true,
      logger: {
        info: (message) => log.info({ message }, "node-cron"),
        warn: (message) => log.warn({ message }, "node-cron"),
        error: (error) => log.error({ error }, "node-cron"),
        debug: (message) => log.debug({ message }, "node-cron"),
      },
    });
    void this.#task.start();
  }

  /** Starts no more runs; resolves when the one under way has ended. */
  async stop(): Promise<void> {
    await this.#task?.destroy();
    await this.#running;
  }

  async #run(scheduled: Date): Promise<void> {
    try {
      await this.#work(scheduled);
    } catch (error) {
      this.#log.error({ error }, "upkeep failed; it runs again at its next time");
    }
  }
}
