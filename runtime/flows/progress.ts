import type { Context } from "../engine/context.ts";
import { HooklineError } from "../core/errors.ts";
import { movedSince } from "./accounts.ts";
import type { Job, Outcome } from "../engine/engine.ts";
import {
  moveRun,
  runs,
  runSteps,
  type RunError,
  type RunProgress,
  type RunRecord,
  type RunStepRecord,
} from "./model/runs.ts";
import { runFailed } from "../model/operational.ts";
import type { Tx } from "../store/database.ts";

type ProgressContext = Pick<Context, "clock" | "emit">;

/** Makes durable how far a run is. A run that was cancelled or removed meanwhile stays as it is. */
export class Progress {
  readonly #run: RunRecord;
  readonly #transaction: Job["transaction"];
  readonly #options: ProgressContext;

  /** `transaction` is that of the run's job. */
  constructor(run: RunRecord, transaction: Job["transaction"], options: ProgressContext) {
    this.#run = run;
    this.#transaction = transaction;
    this.#options = options;
  }

  /** At once. False when the run was cancelled or removed meanwhile. */
  save(step: RunStepRecord): Promise<boolean> {
    return this.#transaction((tx) => this.#save(tx, step));
  }

  /**
   * A call is about to be made, with a connection. False when the run was cancelled or removed meanwhile.
   * @throws HooklineError `conflict` when the step is no longer where it was `before`: another process is at it; `account_moved`
   *   when the connection leads to another account than when the run began
   */
  start(step: RunStepRecord, before: RunStepRecord | undefined, connection: string | undefined): Promise<boolean> {
    return this.#transaction(async (tx) => {
      const now = await runSteps.find(tx, step.run, step.step, step.iteration);
      if (now?.status !== before?.status || now?.attempts !== before?.attempts) {
        throw new HooklineError("conflict", `Another process runs step ${step.step}; this process leaves it alone`);
      }
      const moved = await movedSince(tx, this.#run, connection);
      if (moved) throw new HooklineError("account_moved", moved.message);
      return this.#save(tx, step);
    }, "note");
  }

  async #save(tx: Tx, step: RunStepRecord): Promise<boolean> {
    const progress = { status: "running", error: null, wakeAt: null, finishedAt: null } as const;
    return this.#move(tx, progress, [step], this.#options.clock.now());
  }

  /** With the end of the job's turn: it comes again at that time, milliseconds since the epoch. */
  wait(step: RunStepRecord, until: number): Outcome {
    const now = this.#options.clock.now();
    const progress = { status: "waiting", error: null, wakeAt: until, finishedAt: null } as const;
    return {
      runAgainAt: until,
      attempt: "reset",
      commit: async (tx) => void (await this.#move(tx, progress, [step], now)),
    };
  }

  /** With the end of the job, and of the run. A failure is told. */
  end(status: "succeeded" | "failed", error: RunError | null, steps: readonly RunStepRecord[] = []): Outcome {
    const { clock, emit } = this.#options;
    const now = clock.now();
    return {
      done: true,
      commit: async (tx) => {
        const isMoved = await this.#move(tx, { status, error, wakeAt: null, finishedAt: now }, steps, now);
        if (isMoved && error) await emit(tx, [runFailed(this.#run, error, now)]);
      },
    };
  }

  /** Of a run that was cancelled meanwhile, what a call came to is kept, and nothing else. */
  async #move(tx: Tx, progress: RunProgress, steps: readonly RunStepRecord[], now: number): Promise<boolean> {
    const { id } = this.#run;
    const isMoved = await moveRun(tx, id, progress, now);
    if (!isMoved && !(await runs.find(tx, id))) return false;
    await runSteps.save(tx, ...steps.filter(({ finishedAt }) => isMoved || finishedAt !== null));
    return isMoved;
  }
}
