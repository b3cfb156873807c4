import type { Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import type { Engine, NewJob } from "../engine/engine.ts";
import type { Tx } from "../store/database.ts";
import type { Emit } from "../model/events.ts";
import type { FlowRecord } from "./model/flows.ts";
import { insertRuns, type RunError, type RunRecord } from "./model/runs.ts";
import type { CompiledFlows } from "./definition.ts";
import { runFailed } from "../model/operational.ts";
import { sealTrigger } from "./records.ts";

/** What starts a run. */
export interface Cause extends Pick<RunRecord, "cause" | "forUser"> {
  event?: string;
  /** The connection whose trigger it was. */
  connection?: string;
  /** What mappings read as `trigger`. */
  trigger: unknown;
}

/** Starts runs of a flow's newest version, in the transaction of what caused them. */
export type StartRun = (tx: Tx, flow: FlowRecord, cause: Cause) => Promise<RunRecord | undefined>;

export interface StartOptions {
  engine: Pick<Engine, "enqueue">;
  vault: Vault;
  clock: Clock;
  emit: Emit;
  compiled: CompiledFlows;
}

/** The one job of a run. */
export function runJob(run: Pick<RunRecord, "id" | "flow">, runAt?: number): NewJob {
  return { queue: "flow", data: { run: run.id }, group: run.flow, unique: run.id, runAt };
}

/** Undefined when the flow's condition does not hold. One that cannot be evaluated makes a failed run, which says so. */
export function createStart({ engine, vault, clock, emit, compiled }: StartOptions): StartRun {
  return async (tx, flow, { trigger, ...cause }) => {
    const error = decide(compiled, flow, trigger);
    if (error === false) return undefined;
    const now = clock.now();
    const id = newId("run", now);
    const run: RunRecord = {
      event: null,
      connection: null,
      ...cause,
      id,
      flow: flow.id,
      version: flow.version,
      user: flow.user,
      status: error ? "failed" : "queued",
      trigger: sealTrigger(vault, id, trigger),
      keyRun: id,
      replayOf: null,
      error: error ?? null,
      createdAt: now,
      startedAt: null,
      wakeAt: null,
      finishedAt: error ? now : null,
    };
    await insertRuns(tx, [run]);
    if (error) await emit(tx, [runFailed(run, error, now)]);
    else await engine.enqueue(tx, [runJob(run)]);
    return run;
  };
}

/** False: not this one. */
function decide(compiled: CompiledFlows, flow: FlowRecord, trigger: unknown): false | RunError | undefined {
  try {
    const { when } = compiled.of(flow.id, flow);
    return when === undefined || when({ trigger, setup: flow.setup }) ? undefined : false;
  } catch (error) {
    if (!(error instanceof HooklineError)) throw error;
    return { code: error.code, message: `when: ${error.message}`, step: null };
  }
}
