import {
  count,
  fixed,
  hidden,
  name,
  nullable,
  oneOf,
  sealed,
  text,
  time,
  value,
  type Field,
} from "../../model/field.ts";
import { input, type InputOf } from "../../model/input.ts";
import { listQuery } from "../../model/page.ts";
import * as schema from "../../model/schema.ts";
import { Table, type RecordOf, type ViewOf } from "../../model/table.ts";
import { scrub } from "../../core/secrets.ts";
import type { Sql, SqlValue, Tx } from "../../store/database.ts";
import { FLOW_ID } from "./definition.ts";

/** Why a run failed. */
export interface RunError {
  code: string;
  message: string;
  /** The step in which it happened; null before the first. */
  step: string | null;
}

const RUN_STATUSES = ["queued", "running", "waiting", "succeeded", "failed", "cancelled"] as const;
const errorProperties = {
  code: schema.text("Stable code.", "vendor_error"),
  message: schema.text("The problem and its remedy."),
};
const runError = schema.object("Why the run failed.", {
  ...errorProperties,
  step: schema.nullable(schema.text("Id of the step in which it happened; null before the first.")),
});

/** One execution of a flow. */
export const runs = new Table("runs", {
  id: text("Id.", { example: "run_019a1f2e4c7b7d1a8b1c2d3e4f506172" }),
  flow: text("Id of the flow.", { example: FLOW_ID }),
  version: count("Version of the flow that is run, also after the flow has changed."),
  user: nullable(text("The user whose flow it is; null for the workspace's.", { column: "user_id" })),
  forUser: hidden(nullable(text("The user whose connection or call started it."))),
  status: oneOf(
    RUN_STATUSES,
    "queued: it has not begun. running: a step is at work, or about to be. waiting: for a delay or another try.",
  ),
  cause: oneOf(["event", "hook", "schedule", "connection", "call", "replay"], "What started it."),
  event: nullable(text("Id of the event that started it.")),
  connection: hidden(nullable(text("The connection whose trigger started it."))),
  accounts: hidden(
    nullable(
      value<Record<string, number>>({
        type: "object",
        description:
          "How often each connection that it may use had been moved to another account when it began, by id; those that never were are left out.",
      }),
    ),
  ),
  trigger: { ...sealed("personal", "JSON of what mappings read as `trigger`."), column: "trigger_data" },
  keyRun: hidden(text("The run that idempotency keys are made of: itself, or the failed run that it takes up.")),
  replayOf: nullable(text("Id of the run that it repeats.")),
  error: nullable(value<RunError>(runError)),
  createdAt: time("When it was created."),
  startedAt: nullable(time("When it began.")),
  wakeAt: nullable(time("When the run continues; null unless it waits.")),
  finishedAt: nullable(time("When it ended.")),
});

/** A run as it is stored. */
export type RunRecord = RecordOf<typeof runs.fields>;
/** A run as lists show it. */
export type RunView = ViewOf<typeof runs.fields>;

/** The longest JSON that is shown, in characters. */
export const MAX_SHOWN = 16_384;

/** A value as a run shows it: JSON text without secrets, cut when it is long. Null for undefined. */
export function shown(value: unknown): string | null {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) return null;
  if (text.length <= MAX_SHOWN) return scrub(text);
  const start = scrub(text.slice(0, MAX_SHOWN));
  return JSON.stringify({ truncated: true, characters: text.length, start });
}

/** The value that {@link shown} has made text of; the text itself where scrubbing has left no JSON. */
export function readShown(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

const shownValue = (description: string): Field<string | null, unknown, false> => ({
  ...nullable(text(description)),
  schema: { description },
  show: readShown,
});

/** One step of a run; of a forEach, iteration 0 is the step as a whole and 1, 2, … are its items. */
export const runSteps = new Table(
  "run_steps",
  {
    run: fixed(hidden(text("Id of the run."))),
    step: fixed(hidden(text("Id of the step."))),
    iteration: fixed(hidden(count("Which item of its list; 0 for the step as a whole."))),
    status: oneOf(
      ["started", "waiting", "succeeded", "failed", "skipped", "interrupted"],
      "started: its call may or may not have been made. interrupted: its call may have been made, and is not repeated automatically.",
    ),
    input: shownValue("What the step took, without secrets, shortened where it is long."),
    output: shownValue("What the step gave, without secrets, shortened where it is long."),
    state: nullable(
      sealed("personal", "JSON of both as they are, for later steps; of a forEach as a whole, its items."),
    ),
    error: nullable(value<Omit<RunError, "step">>(schema.object("Why the step failed.", errorProperties))),
    attempts: count("Failed tries that count towards a limit."),
    startedAt: time("When it began."),
    finishedAt: nullable(time("When it ended.")),
  },
  ["run", "step", "iteration"],
  undefined,
  { row: (key) => key.join(":"), user: "(select user_id from runs where runs.id = run_steps.run)" },
);

/** A step of a run as it is stored. */
export type RunStepRecord = RecordOf<typeof runSteps.fields>;

/** One step, or one item of its list, as it is shown. */
export interface RunStepView extends ViewOf<typeof runSteps.fields> {
  id: string;
  /** Which item of its list, from 1; null for the step as a whole. */
  item: number | null;
}

/** A run as it is shown alone. */
export interface RunDetails extends RunView {
  trigger: unknown;
  steps: RunStepView[];
}

/** A run with its steps; `order`: the ids of the steps in the order of the flow. */
export function runDetails(
  run: RunRecord,
  trigger: unknown,
  steps: readonly RunStepRecord[],
  order: readonly string[],
): RunDetails {
  const place = ({ step }: RunStepRecord): number => order.indexOf(step);
  const sorted = steps.toSorted((a, b) => place(a) - place(b) || a.iteration - b.iteration);
  const viewOf = (record: RunStepRecord): RunStepView => ({
    id: record.step,
    item: record.iteration === 0 ? null : record.iteration,
    ...runSteps.view(record),
  });
  return { ...runs.view(run), trigger: readShown(shown(trigger)), steps: sorted.map(viewOf) };
}

/** Where a run stands now. */
export type RunProgress = Pick<RunRecord, "status" | "error" | "wakeAt" | "finishedAt">;

/** False when the run has ended or is gone meanwhile: then nothing is changed. */
export async function moveRun(tx: Tx, id: string, progress: RunProgress, now: number): Promise<boolean> {
  const { status, error, wakeAt, finishedAt } = progress;
  const changed = await tx.run(
    `update runs set status = ?, error = ?, wake_at = ?, finished_at = ?, started_at = coalesce(started_at, ?)
     where id = ? and status in ('queued', 'running', 'waiting')`,
    [status, error && JSON.stringify(error), wakeAt, finishedAt, now, id],
  );
  return changed === 1;
}

/** The steps of a run, in the order in which they began. */
export function stepsOfRun(sql: Sql, run: string): Promise<RunStepRecord[]> {
  return runSteps.all(sql, "where run = ? order by started_at, iteration", [run]);
}

/** Deletes up to `limit` runs that ended before a time; returns how many. */
export async function deleteRunsBefore(tx: Tx, before: number, limit: number): Promise<number> {
  const ended = await tx.all<{ id: string }>("select id from runs where finished_at < ? order by finished_at limit ?", [
    before,
    limit,
  ]);
  const ids = JSON.stringify(ended.map(({ id }) => id));
  await tx.run(`delete from run_steps where ${tx.oneOf("run")}`, [ids]);
  await tx.run(`delete from runs where ${tx.oneOf("id")}`, [ids]);
  return ended.length;
}

const status = oneOf(RUN_STATUSES, "Only runs in this state.");

/** What the list of runs can be asked. */
export const runQuery = listQuery("runs", {
  flow: name("Only runs of this flow."),
  user: name("Only runs of this user's flows."),
  status,
});

/** The runs of one flow. */
export const flowRunQuery = listQuery("runs", { status });

/** The form of what a replay is asked. */
export const replay = input(
  "replay",
  "Where to begin.",
  {},
  { from: text("Id of a step; default the first.", { example: "create" }) },
);
export type Replay = InputOf<typeof replay>;

const runStepSchema = runSteps.schema("What a step took and gave.", {
  id: schema.text("Id of the step.", "create"),
  item: schema.nullable(schema.count("Which item of its list, from 1; null for the step as a whole.")),
});

/** For the OpenAPI document. */
export const runSchemas = {
  Run: runs.schema("One execution of a flow."),
  RunDetails: runs.schema("One execution of a flow, step by step.", {
    trigger: { description: "What started it." },
    steps: schema.listOf(runStepSchema, "In the order of the flow."),
  }),
};

/** Ends runs that have not ended. Nothing is told of it. */
export async function cancelRunsOf(tx: Tx, where: string, params: readonly SqlValue[], now: number): Promise<void> {
  const isOpen = `${where} and status in ('queued', 'running', 'waiting')`;
  await runs.change(tx, { status: "cancelled", wakeAt: null, finishedAt: now }, isOpen, params);
}

/** Deletes up to `limit` steps of runs; returns how many. */
export function deleteSteps(tx: Tx, ids: readonly string[], limit: number): Promise<number> {
  const some = `select run, step, iteration from run_steps where ${tx.oneOf("run")} limit ?`;
  return tx.run(`delete from run_steps where (run, step, iteration) in (${some})`, [JSON.stringify(ids), limit]);
}
