import { newId } from "../core/ids.ts";
import type { Context } from "../engine/context.ts";
import type { NewJob } from "../engine/engine.ts";
import type { Tx } from "../store/database.ts";
import { accountsOf } from "./accounts.ts";
import { attempt } from "./attempt.ts";
import type { CompiledFlows } from "./definition.ts";
import type { FlowRecord } from "./model/flows.ts";
import { runs, type RunError, type RunRecord } from "./model/runs.ts";
import { runFailed } from "../model/operational.ts";
import { sealTrigger } from "./records.ts";

/** What starts a run. */
export interface Cause extends Pick<RunRecord, "cause" | "forUser"> {
  event?: string;
  /** The connection whose trigger it was. */
  connection?: string;
  /** What mappings read as `trigger`. */
  trigger: unknown;
  /** What keeps the run from doing anything. */
  hindrance?: Pick<RunError, "code" | "message">;
}

/** Starts a run of a flow's newest version, in the transaction of its cause; undefined when the flow's condition does not hold. */
export type StartRun = (tx: Tx, flow: FlowRecord, cause: Cause) => Promise<RunRecord | undefined>;

/** The one job of a run. */
export function runJob({ id, flow }: Pick<RunRecord, "id" | "flow">): NewJob {
  return { queue: "flow", data: { run: id }, group: flow, unique: id };
}

/** A condition that cannot be evaluated makes a failed run, which tells so. */
export function createStart(
  { engine, vault, clock, emit }: Pick<Context, "engine" | "vault" | "clock" | "emit">,
  compiled: CompiledFlows,
): StartRun {
  return async (tx, flow, { trigger, hindrance, ...cause }) => {
    const held = attempt(() => compiled.of(flow.id, flow).when?.({ trigger, setup: flow.setup }) ?? true);
    if ("value" in held && !held.value) return undefined;
    const failure = "error" in held ? { code: held.error.code, message: `when: ${held.error.message}` } : hindrance;
    const error: RunError | null = failure ? { ...failure, step: null } : null;
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
      accounts: await accountsOf(tx, flow, cause),
      status: error ? "failed" : "queued",
      trigger: sealTrigger(vault, { id, user: flow.user }, trigger),
      keyRun: id,
      replayOf: null,
      error,
      createdAt: now,
      startedAt: null,
      wakeAt: null,
      finishedAt: error ? now : null,
    };
    await runs.insert(tx, run);
    if (error) await emit(tx, [runFailed(run, error, now)]);
    else await engine.enqueue(tx, [runJob(run)]);
    return run;
  };
}
