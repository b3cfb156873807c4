import type { Engine, Handler, JobFacts, NewJob, Queue, WorkOptions } from "../engine/engine.ts";
import type { Database, Tx } from "../store/database.ts";

interface Planned {
  job: NewJob;
  runAt: number;
}

/** An engine without a clock of its own: jobs run one after the other when they are asked to, and every run is awaited. */
export class StepEngine implements Engine {
  readonly #handlers = new Map<Queue, { load: WorkOptions<unknown>["load"]; handler: Handler<unknown> }>();
  readonly #planned = new Map<string, Planned>();
  readonly #death = new AbortController();
  #ids = 0;

  async enqueue(tx: Tx, jobs: readonly NewJob[]): Promise<void> {
    tx.afterCommit(() => {
      for (const job of jobs) this.#plan(job, job.runAt ?? 0);
    });
  }

  work<Loaded>(queue: Queue, { load }: WorkOptions<Loaded>, handler: Handler<Loaded>): void {
    this.#handlers.set(queue, { load, handler: handler as Handler<unknown> });
  }

  cron(): void {}
  onDemand(): void {}
  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  healthy(): boolean {
    return true;
  }

  /** What runs is interrupted and nothing of it is committed any more. */
  die(): void {
    this.#death.abort(new Error("the process was killed"));
  }

  /** Runs every job that is due. */
  async run(db: Database, now: number): Promise<void> {
    for (const [name, planned] of this.#planned) {
      if (planned.runAt > now) continue;
      this.#planned.delete(name);
      await this.#runJob(db, planned.job);
    }
  }

  async #runJob(db: Database, planned: NewJob): Promise<void> {
    const { load, handler } = this.#handlers.get(planned.queue)!;
    const job: JobFacts = {
      id: ++this.#ids,
      group: "",
      attempt: 0,
      interrupted: false,
      interruptions: 0,
      queue: planned.queue,
      data: planned.data,
    };
    const loaded = await db.transaction(async (tx) => await load?.(tx, [job]));
    const outcome = await handler(
      { ...job, transaction: (work) => db.transaction(work) },
      loaded?.get(job.id),
      this.#death.signal,
    );
    if (this.#death.signal.aborted) return;
    await db.transaction(async (tx) => await outcome.commit?.(tx));
    if ("runAgainAt" in outcome) this.#plan(planned, outcome.runAgainAt);
  }

  #plan(job: NewJob, runAt: number): void {
    const name = `${job.queue} ${job.unique}`;
    this.#planned.set(name, { job, runAt: Math.min(runAt, this.#planned.get(name)?.runAt ?? Infinity) });
  }
}
