import { scrub } from "../core/secrets.ts";
import type { NewEvent } from "../model/events.ts";
import type { FlowProblem, FlowRecord } from "./model/flows.ts";
import type { RunError, RunRecord } from "./model/runs.ts";

/** A run has failed for good. */
export function runFailed(run: RunRecord, { code, message, step }: RunError, at: number): NewEvent {
  const { id, flow, user, connection } = run;
  const details = step === null ? {} : { details: { step } };
  const reason = `${scrub(message)}; replay the run once it is put right`;
  return flowFailed(user, at, { flow, run: id, ...(connection && { connection }), reason, code, ...details });
}

/** A flow has been turned off because a connection it needs does not work. */
export function flowBroken({ id, user }: FlowRecord, { code, message, connection }: FlowProblem, at: number): NewEvent {
  return flowFailed(user, at, { flow: id, connection, reason: message, code });
}

function flowFailed(user: string | null, at: number, data: Record<string, unknown>): NewEvent {
  return {
    type: "flow.failed",
    connection: null,
    user,
    subscription: null,
    stream: null,
    recordKey: null,
    sequence: null,
    at,
    data: { ...(user !== null && { user }), ...data },
    target: {},
  };
}
