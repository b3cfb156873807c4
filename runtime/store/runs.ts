import type { Sql, SqlValue, Tx } from "./database.ts";

/** queued: not begun · running: a step is at work, or about to be · waiting: for a delay or another try. */
export type RunStatus = "queued" | "running" | "waiting" | "succeeded" | "failed" | "cancelled";

/** started: its call may or may not have been made · interrupted: and must not be made again by itself. */
export type StepStatus = "started" | "waiting" | "succeeded" | "failed" | "skipped" | "interrupted";

export interface RunError {
  code: string;
  message: string;
  /** The step it happened in; null before the first. */
  step: string | null;
}

/** One execution of a flow. */
export interface RunRecord {
  id: string;
  flow: string;
  /** Version of the flow that is executed, whatever becomes of the flow. */
  version: number;
  /** Whose flow it is; null for the workspace's. */
  user: string | null;
  /** Whom it is about: the user whose connection or call started it. */
  forUser: string | null;
  status: RunStatus;
  /** Which kind of trigger started it. */
  cause: "event" | "hook" | "schedule" | "connection" | "call" | "replay";
  event: string | null;
  /** The connection whose trigger it was. */
  connection: string | null;
  /** Sealed JSON of `trigger`, as mappings read it. */
  trigger: Uint8Array;
  /** The run that keys of idempotency are made of: its own id, or that of the failed one it takes up. */
  keyRun: string;
  replayOf: string | null;
  error: RunError | null;
  createdAt: number;
  startedAt: number | null;
  /** When it goes on; null unless it waits. */
  wakeAt: number | null;
  finishedAt: number | null;
}

/** One step of a run; of a forEach, iteration 0 is the step as a whole and 1, 2, … are its items. */
export interface RunStepRecord {
  run: string;
  step: string;
  iteration: number;
  status: StepStatus;
  /** As they are shown: JSON text without secrets, shortened. */
  input: string | null;
  output: string | null;
  /** Sealed JSON of both as they are, for later steps; of a forEach as a whole, its items. */
  state: Uint8Array | null;
  error: Omit<RunError, "step"> | null;
  /** Tries that count towards a limit. */
  attempts: number;
  startedAt: number;
  finishedAt: number | null;
}

interface RunRow {
  id: string;
  flow: string;
  version: number;
  user_id: string | null;
  for_user: string | null;
  status: RunStatus;
  cause: RunRecord["cause"];
  event: string | null;
  connection: string | null;
  trigger_data: Uint8Array;
  key_run: string;
  replay_of: string | null;
  error: string | null;
  created_at: number;
  started_at: number | null;
  wake_at: number | null;
  finished_at: number | null;
}

const parse = (text: string | null): never => (text === null ? null : JSON.parse(text)) as never;
const print = (value: object | null): string | null => (value === null ? null : JSON.stringify(value));

const toRun = (row: RunRow): RunRecord => ({
  id: row.id,
  flow: row.flow,
  version: row.version,
  user: row.user_id,
  forUser: row.for_user,
  status: row.status,
  cause: row.cause,
  event: row.event,
  connection: row.connection,
  trigger: row.trigger_data,
  keyRun: row.key_run,
  replayOf: row.replay_of,
  error: parse(row.error),
  createdAt: row.created_at,
  startedAt: row.started_at,
  wakeAt: row.wake_at,
  finishedAt: row.finished_at,
});

export async function insertRuns(tx: Tx, runs: readonly RunRecord[]): Promise<void> {
  await tx.many(
    `insert into runs (id, flow, version, user_id, for_user, status, cause, event, connection, trigger_data, key_run, replay_of,
       error, created_at, started_at, wake_at, finished_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    runs.map((run) => [
      run.id,
      run.flow,
      run.version,
      run.user,
      run.forUser,
      run.status,
      run.cause,
      run.event,
      run.connection,
      run.trigger,
      run.keyRun,
      run.replayOf,
      print(run.error),
      run.createdAt,
      run.startedAt,
      run.wakeAt,
      run.finishedAt,
    ]),
  );
}

export async function runById(sql: Sql, id: string): Promise<RunRecord | undefined> {
  const row = await sql.get<RunRow>("select * from runs where id = ?", [id]);
  return row && toRun(row);
}

export interface RunFilter {
  flow?: string;
  user?: string;
  status?: RunStatus;
}

/** One page, newest first; `before` is the last id of the page before it. */
export async function listRuns(
  sql: Sql,
  filter: RunFilter,
  before: string | undefined,
  limit: number,
): Promise<RunRecord[]> {
  const conditions: [string, SqlValue | undefined][] = [
    ["id < ?", before],
    ["flow = ?", filter.flow],
    ["user_id = ?", filter.user],
    ["status = ?", filter.status],
  ];
  const given = conditions.filter((condition): condition is [string, SqlValue] => condition[1] !== undefined);
  const where = given.length === 0 ? "" : `where ${given.map(([text]) => text).join(" and ")}`;
  const rows = await sql.all<RunRow>(`select * from runs ${where} order by id desc limit ?`, [
    ...given.map(([, value]) => value),
    limit,
  ]);
  return rows.map(toRun);
}

/** Where a run stands now. */
export type RunProgress = Pick<RunRecord, "status" | "error" | "wakeAt" | "finishedAt">;

/** False when the run has ended or is gone meanwhile: then nothing is changed. */
export async function moveRun(tx: Tx, id: string, progress: RunProgress, now: number): Promise<boolean> {
  const { status, error, wakeAt, finishedAt } = progress;
  const changed = await tx.run(
    `update runs set status = ?, error = ?, wake_at = ?, finished_at = ?, started_at = coalesce(started_at, ?)
     where id = ? and status in ('queued', 'running', 'waiting')`,
    [status, print(error), wakeAt, finishedAt, now, id],
  );
  return changed === 1;
}

interface StepRow {
  run: string;
  step: string;
  iteration: number;
  status: StepStatus;
  input: string | null;
  output: string | null;
  state: Uint8Array | null;
  error: string | null;
  attempts: number;
  started_at: number;
  finished_at: number | null;
}

/** Inserts it, or replaces all of it. */
export async function saveStep(tx: Tx, step: RunStepRecord): Promise<void> {
  await tx.run(
    `insert into run_steps (run, step, iteration, status, input, output, state, error, attempts, started_at, finished_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (run, step, iteration) do update set status = excluded.status, input = excluded.input,
       output = excluded.output, state = excluded.state, error = excluded.error, attempts = excluded.attempts,
       started_at = excluded.started_at, finished_at = excluded.finished_at`,
    [
      step.run,
      step.step,
      step.iteration,
      step.status,
      step.input,
      step.output,
      step.state,
      print(step.error),
      step.attempts,
      step.startedAt,
      step.finishedAt,
    ],
  );
}

const toStep = (row: StepRow): RunStepRecord => ({
  run: row.run,
  step: row.step,
  iteration: row.iteration,
  status: row.status,
  input: row.input,
  output: row.output,
  state: row.state,
  error: parse(row.error),
  attempts: row.attempts,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
});

/** In the order in which they began. */
export async function stepsOfRun(sql: Sql, run: string): Promise<RunStepRecord[]> {
  const rows = await sql.all<StepRow>("select * from run_steps where run = ? order by started_at, iteration", [run]);
  return rows.map(toStep);
}

/** One step as it is in the store; undefined before it began. */
export async function stepOfRun(
  sql: Sql,
  { run, step, iteration }: Pick<RunStepRecord, "run" | "step" | "iteration">,
): Promise<RunStepRecord | undefined> {
  const row = await sql.get<StepRow>("select * from run_steps where run = ? and step = ? and iteration = ?", [
    run,
    step,
    iteration,
  ]);
  return row && toStep(row);
}

/** Deletes up to `limit` runs that ended before a time; returns how many. */
export async function forgetRuns(tx: Tx, before: number, limit: number): Promise<number> {
  const rows = await tx.all<{ id: string }>("select id from runs where finished_at < ? order by finished_at limit ?", [
    before,
    limit,
  ]);
  const ids = JSON.stringify(rows.map(({ id }) => id));
  await tx.run(`delete from run_steps where ${tx.oneOf("run")}`, [ids]);
  await tx.run(`delete from runs where ${tx.oneOf("id")}`, [ids]);
  return rows.length;
}
