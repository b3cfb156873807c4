import { internalError } from "../act/failure.ts";
import { formatFault, HooklineError } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import { scrub } from "../core/secrets.ts";
import type { Context } from "../engine/context.ts";
import type { RunError, RunRecord, RunStepRecord } from "./model/runs.ts";
import type { CompiledStep } from "./definition.ts";
import { openState, sealState, type StepState } from "./records.ts";

type Changes = Partial<Omit<RunStepRecord, "run" | "step" | "iteration" | "state">> & Pick<RunStepRecord, "status">;

/** How far the steps of one run are. */
export class StepLog {
  readonly #run: Pick<RunRecord, "id" | "user">;
  readonly #context: Pick<Context, "vault" | "clock">;
  readonly #records = new Map<string, RunStepRecord>();

  constructor(
    run: Pick<RunRecord, "id" | "user">,
    records: readonly RunStepRecord[],
    context: Pick<Context, "vault" | "clock">,
  ) {
    this.#run = run;
    this.#context = context;
    for (const record of records) this.#records.set(keyOf(record.step, record.iteration), record);
  }

  of(step: string, iteration = 0): RunStepRecord | undefined {
    return this.#records.get(keyOf(step, iteration));
  }

  /**
   * The record of what became of a step, or of an item; to be saved.
   * @throws HooklineError `too_large` for what it gave
   */
  next(step: CompiledStep, iteration: number, changes: Changes, state?: StepState): RunStepRecord {
    const now = this.#context.clock.now();
    const before = this.of(step.id, iteration);
    const place = { run: this.#run.id, step: step.id, iteration };
    const record: RunStepRecord = {
      ...(before ?? { ...place, input: null, output: null, state: null, attempts: 0, startedAt: now }),
      error: null,
      finishedAt: changes.status === "started" || changes.status === "waiting" ? null : now,
      ...changes,
      ...(state && { state: sealState(this.#context.vault, place, this.#run, state) }),
    };
    this.#records.set(keyOf(step.id, iteration), record);
    return record;
  }

  /** A step that has ended, as mappings read it. */
  outcome(step: CompiledStep): { status: string; input?: unknown; output?: unknown; error?: unknown } {
    const head = this.of(step.id)!;
    const { status, error } = head;
    if (!step.forEach || status !== "succeeded") {
      const { input, output } = openState(this.#context.vault, head, this.#run);
      return { status, input, output, ...(error && { error }) };
    }
    const ofItems: StepState[] = [];
    for (let i = 1; ; i++) {
      const record = this.of(step.id, i);
      if (!record) break;
      ofItems.push(openState(this.#context.vault, record, this.#run));
    }
    return {
      status,
      input: ofItems.map(({ input }) => input ?? null),
      output: ofItems.map(({ output }) => output ?? null),
    };
  }
}

/** An error as it is kept: without secrets, with the first places of bad input. A fault of our own stands in the log. */
export function errorOf(error: unknown, log: Log): Omit<RunError, "step"> {
  if (!(error instanceof HooklineError)) {
    log.error({ error }, "a step failed");
    return errorOf(internalError(), log);
  }
  const places = error.faults.slice(0, 5).map(formatFault);
  const message = places.length === 0 ? error.message : `${error.message} (${places.join("; ")})`;
  return { code: error.code, message: scrub(message).slice(0, 2000) };
}

function keyOf(step: string, iteration: number): string {
  return `${step}:${iteration}`;
}
