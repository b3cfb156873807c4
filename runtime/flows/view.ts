import type { Flow } from "../../schemas/flow.ts";
import type { FlowOrigin, FlowRecord, FlowStatus } from "./model/flows.ts";
import type { RunError, RunRecord, RunStatus, RunStepRecord, StepStatus } from "./model/runs.ts";
import { triggersOf } from "./definition.ts";
import { readShown, shown } from "./records.ts";

/** A flow as it is shown. Times are RFC 3339. */
export interface FlowView extends Flow {
  id: string;
  user: string | null;
  version: number;
  enabled: boolean;
  status: FlowStatus;
  /** Why it is broken. */
  problem: { code: string; message: string; connection: string; at: string } | null;
  /** The template it was made of, and what was chosen then. */
  template: (FlowOrigin & { setup: Record<string, unknown> }) | null;
  /** Where its hook is posted to, below the API. */
  hook: string | null;
  createdAt: string;
  updatedAt: string;
}

/** A run as it is shown in lists. */
export interface RunView {
  id: string;
  flow: string;
  version: number;
  user: string | null;
  status: RunStatus;
  cause: RunRecord["cause"];
  event: string | null;
  replayOf: string | null;
  error: RunError | null;
  createdAt: string;
  startedAt: string | null;
  wakeAt: string | null;
  finishedAt: string | null;
}

/** What one step took and gave, without secrets, shortened where it is long. */
export interface RunStepView {
  id: string;
  /** Which item of its list, from 1; null for the step as a whole. */
  item: number | null;
  status: StepStatus;
  input: unknown;
  output: unknown;
  error: Omit<RunError, "step"> | null;
  attempts: number;
  startedAt: string;
  finishedAt: string | null;
}

export interface RunDetails extends RunView {
  trigger: unknown;
  steps: RunStepView[];
}

export function flowView(flow: FlowRecord): FlowView {
  const { id, user, version, status, problem, origin, setup, definition } = flow;
  return {
    id,
    user,
    ...definition,
    version,
    enabled: status !== "paused",
    status,
    problem: problem && { ...problem, at: rfc3339(problem.at) },
    template: origin && { ...origin, setup: setup ?? {} },
    hook: triggersOf(definition, "hook").length > 0 ? `/v1/hooks/${id}` : null,
    createdAt: rfc3339(flow.createdAt),
    updatedAt: rfc3339(flow.updatedAt),
  };
}

export function runView(run: RunRecord): RunView {
  const { id, flow, version, user, status, cause, event, replayOf, error } = run;
  return {
    id,
    flow,
    version,
    user,
    status,
    cause,
    event,
    replayOf,
    error,
    createdAt: rfc3339(run.createdAt),
    startedAt: orNull(run.startedAt),
    wakeAt: orNull(run.wakeAt),
    finishedAt: orNull(run.finishedAt),
  };
}

/** `order`: the ids of the steps as the flow has them. */
export function runDetails(
  run: RunRecord,
  trigger: unknown,
  steps: readonly RunStepRecord[],
  order: readonly string[],
): RunDetails {
  const sorted = [...steps].sort((a, b) => order.indexOf(a.step) - order.indexOf(b.step) || a.iteration - b.iteration);
  return { ...runView(run), trigger: readShown(shown(trigger)), steps: sorted.map(stepView) };
}

function stepView({
  step,
  iteration,
  status,
  input,
  output,
  error,
  attempts,
  startedAt,
  finishedAt,
}: RunStepRecord): RunStepView {
  return {
    id: step,
    item: iteration === 0 ? null : iteration,
    status,
    input: readShown(input),
    output: readShown(output),
    error,
    attempts,
    startedAt: rfc3339(startedAt),
    finishedAt: orNull(finishedAt),
  };
}

const rfc3339 = (time: number): string => new Date(time).toISOString();
const orNull = (time: number | null): string | null => (time === null ? null : rfc3339(time));
