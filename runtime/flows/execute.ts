import type { VariablesOf } from "../accounts/variables.ts";
import { connectionValues } from "../accounts/credentials.ts";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { MOST_INTERRUPTIONS, type Job, type Outcome } from "../engine/engine.ts";
import type { Scope } from "../manifest/expressions.ts";
import { findConnection } from "../model/connections.ts";
import { attempt, attemptAsync } from "./attempt.ts";
import type { FlowVersion } from "./model/flows.ts";
import { shown, type RunRecord, type RunStepRecord } from "./model/runs.ts";
import type { Call, PrepareCall, RefusalOf } from "./calls.ts";
import type { Asker } from "../accounts/resolve.ts";
import type { CompiledFlow, CompiledFlows, CompiledStep } from "./definition.ts";
import { itemsOf } from "./items.ts";
import { Progress } from "./progress.ts";
import { openState, openTrigger } from "./records.ts";
import { retryPlan } from "./retry.ts";
import { errorOf, StepLog } from "./step-log.ts";

/** What runs need. */
export type ExecuteOptions = Pick<Context, "db" | "vault" | "clock" | "emit" | "random" | "log"> & {
  compiled: CompiledFlows;
  prepare: PrepareCall;
  refusalOf: RefusalOf;
  variablesOf: VariablesOf;
};

/** A run that is to be taken further. */
export interface Unfinished {
  job: Pick<Job, "transaction" | "interruptions">;
  run: RunRecord;
  version: FlowVersion;
  steps: readonly RunStepRecord[];
}

/** How long a run keeps its slot before it queues up again, milliseconds. */
const TURN_MS = 30_000;
/** Has no variables of its own. */
const NOBODY = "";
const GONE: Outcome = { done: true };

/**
 * Takes a run as far as it gets: to its end, a delay, another try's time, or the end of its turn. Every call is marked
 * before it is made, and its result is durable before the next step: after a crash, finished steps are not repeated, and
 * a started one only where that is harmless.
 * @throws whatever made the signal abort; the run then continues at its current step
 */
export async function executeRun(
  unfinished: Unfinished,
  options: ExecuteOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const { run, job, version } = unfinished;
  const fail = (code: string, message: string): Outcome =>
    new Progress(run, job.transaction, options).end("failed", { code, message, step: null });
  if (job.interruptions >= MOST_INTERRUPTIONS) {
    const message = `The process ended ${job.interruptions} times during this run, and the run made no progress`;
    return fail("interrupted", message);
  }
  const flow = attempt(() => options.compiled.of(run.flow, version));
  if ("error" in flow) return fail(flow.error.code, flow.error.message);
  const variables = await options.variablesOf(run.forUser ?? NOBODY, flow.value);
  const connection = run.connection === null ? undefined : await findConnection(options.db, run.connection);
  const scope = {
    trigger: openTrigger(options.vault, run),
    workspace: { vars: variables.workspace },
    user: { vars: variables.user },
    connection: connection ? connectionValues(connection) : {},
    ...(version.setup && { setup: version.setup }),
  };
  return new Execution(unfinished, flow.value, options, scope, signal).advance();
}

class Execution {
  readonly #run: RunRecord;
  readonly #flow: CompiledFlow;
  readonly #options: ExecuteOptions;
  readonly #given: Scope;
  readonly #signal: AbortSignal;
  readonly #asker: Asker;
  readonly #log: StepLog;
  readonly #progress: Progress;
  readonly #began: number;
  /** What mappings read as `steps`. */
  readonly #steps: Record<string, object> = {};

  constructor(
    { job, run, version, steps }: Unfinished,
    flow: CompiledFlow,
    options: ExecuteOptions,
    given: Scope,
    signal: AbortSignal,
  ) {
    this.#run = run;
    this.#flow = flow;
    this.#options = options;
    this.#given = given;
    this.#signal = signal;
    this.#asker = { owner: run.user, user: run.forUser, workspace: version.byAdmin };
    this.#log = new StepLog(run, steps, options);
    this.#progress = new Progress(run, job.transaction, options);
    this.#began = options.clock.now();
  }

  async advance(): Promise<Outcome> {
    const refused = await this.#refused();
    if (refused) return refused;
    for (const step of this.#flow.steps) {
      const leave = await this.#step(step);
      if (leave) return leave;
    }
    return this.#progress.end("succeeded", null);
  }

  /** Before the first call of a run: that one of its calls will be refused for want of a scope. Undefined when none is known to be. */
  async #refused(): Promise<Outcome | undefined> {
    const calls = this.#flow.steps.filter(({ work }) => work.kind !== "delay");
    if (calls.some(({ id }) => this.#log.of(id)) || calls.length < 2) return undefined;
    for (const step of calls.filter(({ when, onError }) => !when && onError !== "continue")) {
      const error = await this.#options.refusalOf(step, this.#asker);
      if (error) return this.#fail(step, 0, error);
    }
    return undefined;
  }

  /** Undefined when the next step may follow. */
  async #step(step: CompiledStep): Promise<Outcome | undefined> {
    if (!isSettled(this.#log.of(step.id), step)) {
      const tooLate = this.#tooLate(step);
      if (tooLate) return tooLate;
      const leave = await (step.forEach
        ? this.#each(step)
        : step.work.kind === "delay"
          ? this.#delay(step)
          : this.#one(step, 0));
      if (leave) return leave;
    }
    this.#steps[step.id] = this.#log.outcome(step);
    return undefined;
  }

  async #delay(step: CompiledStep): Promise<Outcome | undefined> {
    const { work } = step;
    if (work.kind !== "delay") throw new TypeError(`Step ${step.id} is not a delay`);
    const record = this.#log.of(step.id);
    if (record === undefined) {
      const skip = await this.#skipped(step, 0, this.#scope());
      if (skip) return skip.leave;
      const now = this.#options.clock.now();
      return this.#progress.wait(this.#log.next(step, 0, { status: "waiting", startedAt: now }), now + work.ms);
    }
    const left = record.startedAt + work.ms - this.#options.clock.now();
    if (left > 0) return this.#progress.wait(record, record.startedAt + work.ms);
    return this.#save(this.#log.next(step, 0, { status: "succeeded" }));
  }

  async #each(step: CompiledStep): Promise<Outcome | undefined> {
    let items: unknown[];
    const head = this.#log.of(step.id);
    if (head) items = openState(this.#options.vault, head, this.#run).items ?? [];
    else {
      const found = attempt(() => itemsOf(step, this.#scope()));
      if ("error" in found) return this.#fail(step, 0, found.error);
      items = found.value;
      const sealed = attempt(() => this.#log.next(step, 0, { status: "started" }, { items }));
      if ("error" in sealed) return this.#fail(step, 0, sealed.error);
      const gone = await this.#save(sealed.value);
      if (gone) return gone;
    }
    for (const [index, item] of items.entries()) {
      if (isSettled(this.#log.of(step.id, index + 1), step)) continue;
      const leave = this.#tooLate(step) ?? (await this.#one(step, index + 1, item));
      if (leave) return leave;
    }
    return this.#save(this.#log.next(step, 0, { status: "succeeded" }));
  }

  /** A call: of the step itself (iteration 0), or for one item of its list. */
  async #one(step: CompiledStep, iteration: number, item?: unknown): Promise<Outcome | undefined> {
    const scope = iteration === 0 ? this.#scope() : { ...this.#scope(), item };
    const before = this.#log.of(step.id, iteration);
    if (!before) {
      const skip = await this.#skipped(step, iteration, scope);
      if (skip) return skip.leave;
    }
    const prepared = await attemptAsync(() => this.#options.prepare(step, scope, this.#asker));
    if ("error" in prepared) return this.#fail(step, iteration, prepared.error);
    const call = prepared.value;
    if (before?.status === "started" && !call.repeatable) return this.#interrupted(step, iteration);
    const started = this.#log.next(step, iteration, { status: "started", input: shown(call.input) });
    try {
      if (!(await this.#progress.start(started, before, call.connection))) return GONE;
    } catch (error) {
      if (!hasMoved(error)) throw error;
      return this.#fail(step, iteration, error);
    }
    let succeeded: RunStepRecord;
    try {
      const output = await this.#call(step, iteration, call);
      const state = { input: call.input, output };
      succeeded = this.#log.next(step, iteration, { status: "succeeded", output: shown(output) }, state);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      return this.#failedCall(step, iteration, call, error);
    }
    return this.#save(succeeded);
  }

  async #call(step: CompiledStep, iteration: number, call: Call): Promise<unknown> {
    const timeout = AbortSignal.timeout(step.timeoutMs);
    try {
      return await call.run(AbortSignal.any([this.#signal, timeout]), `${this.#run.keyRun}:${step.id}:${iteration}`);
    } catch (error) {
      if (!timeout.aborted || this.#signal.aborted) throw error;
      const message = `no answer within ${step.timeoutMs / 1000} s; raise timeoutSeconds, or see what the vendor is busy with`;
      throw new HooklineError("timeout", message, { cause: error });
    }
  }

  async #failedCall(step: CompiledStep, iteration: number, call: Call, error: unknown): Promise<Outcome | undefined> {
    const { clock, random } = this.#options;
    const record = this.#log.of(step.id, iteration)!;
    const attempts = record.attempts + 1;
    const elapsedMs = clock.now() - record.startedAt;
    const plan = retryPlan({ error, repeatable: call.repeatable, onError: step.onError, attempts, elapsedMs }, random);
    if (!plan) return this.#fail(step, iteration, error);
    const waiting = {
      status: "waiting",
      error: errorOf(error, this.#options.log),
      attempts: plan.counts ? attempts : record.attempts,
    } as const;
    return this.#progress.wait(this.#log.next(step, iteration, waiting), clock.now() + plan.afterMs);
  }

  #interrupted(step: CompiledStep, iteration: number): Promise<Outcome | undefined> {
    const message =
      "the process ended during this step, which cannot be repeated safely; check at the vendor whether it was done, and replay from the next step or from this one";
    return this.#fail(step, iteration, new HooklineError("conflict", message), "interrupted");
  }

  /** A final failure: the run continues without the step, or ends. */
  async #fail(
    step: CompiledStep,
    iteration: number,
    failure: unknown,
    status: "failed" | "interrupted" = "failed",
  ): Promise<Outcome | undefined> {
    const error = errorOf(failure, this.#options.log);
    const record = this.#log.next(step, iteration, { status, error });
    if (step.onError === "continue" && status === "failed" && !hasMoved(failure)) return this.#save(record);
    const records = iteration === 0 ? [record] : [record, this.#log.next(step, 0, { status: "failed", error })];
    return this.#progress.end("failed", { ...error, step: step.id }, records);
  }

  /** Undefined when the step's condition holds; else how to continue without it. */
  async #skipped(
    step: CompiledStep,
    iteration: number,
    scope: Scope,
  ): Promise<{ leave: Outcome | undefined } | undefined> {
    const held = attempt(() => step.when?.(scope) ?? true);
    if ("error" in held) return { leave: await this.#fail(step, iteration, held.error) };
    if (held.value) return undefined;
    return { leave: await this.#save(this.#log.next(step, iteration, { status: "skipped" })) };
  }

  /** Undefined when the run goes on. */
  async #save(record: RunStepRecord): Promise<Outcome | undefined> {
    return (await this.#progress.save(record)) ? undefined : GONE;
  }

  #scope(): Scope {
    return { ...this.#given, steps: this.#steps };
  }

  /** The end of the run's time, or of its turn. */
  #tooLate(step: CompiledStep): Outcome | undefined {
    const now = this.#options.clock.now();
    const { timeLimitMs } = this.#flow;
    const start = this.#run.startedAt ?? this.#began;
    if (timeLimitMs !== undefined && now - start >= timeLimitMs) {
      const message = `the flow's timeLimit of ${timeLimitMs / 1000} s has passed; raise it, or see which step takes so long`;
      return this.#progress.end("failed", { code: "timeout", message, step: step.id });
    }
    return now - this.#began < TURN_MS ? undefined : { runAgainAt: now, attempt: "reset" };
  }
}

/** Whether a connection leads to another account than when the run began: nothing of the run is meant for that one. */
function hasMoved(error: unknown): boolean {
  return error instanceof HooklineError && error.code === "account_moved";
}

/** Whether there is nothing left to do of a step, or of one of its items. */
function isSettled(record: RunStepRecord | undefined, { onError }: CompiledStep): boolean {
  if (!record) return false;
  const { status } = record;
  return status === "succeeded" || status === "skipped" || (status === "failed" && onError === "continue");
}
