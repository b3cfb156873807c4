import type { PgBoss } from "pg-boss";
import type { Log } from "../core/log.ts";
import { CronTask } from "./cron.ts";
import { createSingleQueue, idOf } from "./distributed-boss.ts";

const BEAT_MS = 5_000;

/**
 * Work at the times of a cron expression, once over all processes and never overlapping.
 *
 * node-cron says in each process when it is time. Then each puts the run of that time into a queue, in which it has the same
 * id whoever puts it there, and which takes one at once; and one of them gets it out. (pg-boss's own schedules know no
 * seconds, and start up to half a minute late.)
 */
export class DistributedCron {
  readonly #queue: string;
  readonly #work: () => Promise<void>;
  readonly #task: CronTask;
  readonly #log: Log;
  #boss: PgBoss | undefined;

  /** Throws `TypeError` when the expression does not parse. */
  constructor(name: string, expression: string, work: () => Promise<void>, log: Log) {
    this.#queue = `cron.${name}`;
    this.#work = work;
    this.#log = log;
    this.#task = new CronTask(name, expression, (scheduled) => this.#run(scheduled), log);
  }

  async start(boss: PgBoss): Promise<void> {
    await createSingleQueue(boss, this.#queue);
    this.#boss = boss;
    this.#task.start();
  }

  /** Starts no more runs; resolves when the one under way has ended. */
  stop(): Promise<void> {
    return this.#task.stop();
  }

  async #run(scheduled: Date): Promise<void> {
    const boss = this.#boss!;
    await boss.insert(this.#queue, [{ id: idOf(this.#queue, scheduled.toISOString()) }]);
    const [job] = await boss.fetch(this.#queue);
    if (job === undefined) return;
    const beat = setInterval(() => {
      boss
        .touch(this.#queue, job)
        .catch((error: unknown) => this.#log.warn({ error }, "no sign of life could be given"));
    }, BEAT_MS).unref();
    try {
      await this.#work();
    } finally {
      clearInterval(beat);
      await boss.complete(this.#queue, job);
    }
  }
}
