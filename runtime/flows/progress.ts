import type { Context } from "../engine/context.ts";
import type { Outcome } from "../engine/engine.ts";
import { moveRun, runSteps, type RunError, type RunRecord, type RunStepRecord } from "./model/runs.ts";
import { runFailed } from "../model/operational.ts";

type ProgressContext = Pick<Context, "db" | "clock" | "emit">;

/** Makes durable how far a run is. A run that was cancelled or removed meanwhile stays as it is. */
export class Progress {
  readonly #run: RunRecord;
  readonly #options: ProgressContext;

  constructor(run: RunRecord, options: ProgressContext) {
    this.#run = run;
    this.#options = options;
  }

  /** At once. False when the run was cancelled or removed meanwhile. */
  save(step: RunStepRecord): Promise<boolean> {
    const { db, clock } = this.#options;
    return db.transaction(async (tx) => {
      const progress = { status: "running", error: null, wakeAt: null, finishedAt: null } as const;
      const isAlive = await moveRun(tx, this.#run.id, progress, clock.now());
      if (isAlive) await runSteps.save(tx, step);
      return isAlive;
    });
  }

  /** With the end of the job's turn: it comes again at that time, milliseconds since the epoch. */
  wait(step: RunStepRecord, until: number): Outcome {
    const now = this.#options.clock.now();
    const progress = { status: "waiting", error: null, wakeAt: until, finishedAt: null } as const;
    return {
      runAgainAt: until,
      attempt: "reset",
      commit: async (tx) => {
        if (await moveRun(tx, this.#run.id, progress, now)) await runSteps.save(tx, step);
      },
    };
  }

  /** With the end of the job, and of the run. A failure is told. */
  end(status: "succeeded" | "failed", error: RunError | null, steps: readonly RunStepRecord[] = []): Outcome {
    const { clock, emit } = this.#options;
    const now = clock.now();
    return {
      done: true,
      commit: async (tx) => {
        if (!(await moveRun(tx, this.#run.id, { status, error, wakeAt: null, finishedAt: now }, now))) return;
        for (const step of steps) await runSteps.save(tx, step);
        if (error) await emit(tx, [runFailed(this.#run, error, now)]);
      },
    };
  }
}
