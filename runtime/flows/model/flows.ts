import type { Flow } from "../../../schemas/flow.ts";
import type { Sql, SqlValue, Tx } from "../../store/database.ts";

/** active: its triggers start it · paused: by a person · broken: a connection it needs does not work. */
export type FlowStatus = "active" | "paused" | "broken";

/** Why a flow is broken. */
export interface FlowProblem {
  code: string;
  message: string;
  connection: string;
  /** Milliseconds since the epoch. */
  at: number;
}

/** Which template a flow was made of. */
export interface FlowOrigin {
  template: string;
  version: string;
  /** Connection by slot. */
  connections: Record<string, string>;
}

/** A flow in its newest version. */
export interface FlowRecord {
  id: string;
  /** Whose it is; null for the workspace. */
  user: string | null;
  /** Grows with every change of definition or setup. */
  version: number;
  definition: Flow;
  /** Answers to the template's setup form; null for a flow that was written by hand. */
  setup: Record<string, unknown> | null;
  /** Whether an admin wrote this version: only then it may use the workspace's own connections. */
  byAdmin: boolean;
  status: FlowStatus;
  problem: FlowProblem | null;
  origin: FlowOrigin | null;
  /** Sealed secret of its hook; null without a hook trigger. */
  hookSecret: Uint8Array | null;
  /** What its hook was first called with. */
  sample: unknown;
  createdAt: number;
  updatedAt: number;
}

/** A flow as a run of it saw it. */
export type FlowVersion = Pick<FlowRecord, "version" | "definition" | "setup" | "byAdmin">;

interface Row {
  id: string;
  user_id: string | null;
  version: number;
  definition: string;
  setup: string | null;
  by_admin: number;
  status: FlowStatus;
  problem: string | null;
  origin: string | null;
  hook_secret: Uint8Array | null;
  sample: string | null;
  created_at: number;
  updated_at: number;
}

const parse = (text: string | null): never => (text === null ? null : JSON.parse(text)) as never;
const print = (value: unknown): string | null => (value === null || value === undefined ? null : JSON.stringify(value));

const toRecord = (row: Row): FlowRecord => ({
  id: row.id,
  user: row.user_id,
  version: row.version,
  definition: parse(row.definition),
  setup: parse(row.setup),
  byAdmin: row.by_admin === 1,
  status: row.status,
  problem: parse(row.problem),
  origin: parse(row.origin),
  hookSecret: row.hook_secret,
  sample: parse(row.sample),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const SELECT = `select f.id, f.user_id, f.version, v.definition, v.setup, v.by_admin, f.status, f.problem, f.origin, f.hook_secret,
  f.sample, f.created_at, f.updated_at from flows f join flow_versions v on v.flow = f.id and v.version = f.version`;

/** Inserts it, or replaces all of it but its id and user. A version that is there already stays as it is. */
export async function saveFlow(tx: Tx, flow: FlowRecord): Promise<void> {
  await tx.run(
    `insert into flows (id, user_id, version, status, problem, origin, hook_secret, sample, created_at, updated_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (id) do update set version = excluded.version, status = excluded.status, problem = excluded.problem,
       origin = excluded.origin, hook_secret = excluded.hook_secret, sample = excluded.sample, updated_at = excluded.updated_at`,
    [
      flow.id,
      flow.user,
      flow.version,
      flow.status,
      print(flow.problem),
      print(flow.origin),
      flow.hookSecret,
      print(flow.sample),
      flow.createdAt,
      flow.updatedAt,
    ],
  );
  await tx.run(
    `insert into flow_versions (flow, version, definition, setup, by_admin, created_at) values (?, ?, ?, ?, ?, ?)
     on conflict (flow, version) do nothing`,
    [flow.id, flow.version, JSON.stringify(flow.definition), print(flow.setup), flow.byAdmin ? 1 : 0, flow.updatedAt],
  );
}

export async function flowById(sql: Sql, id: string): Promise<FlowRecord | undefined> {
  const row = await sql.get<Row>(`${SELECT} where f.id = ?`, [id]);
  return row && toRecord(row);
}

export async function flowVersion(sql: Sql, flow: string, version: number): Promise<FlowVersion | undefined> {
  const row = await sql.get<Pick<Row, "version" | "definition" | "setup" | "by_admin">>(
    "select version, definition, setup, by_admin from flow_versions where flow = ? and version = ?",
    [flow, version],
  );
  if (!row) return undefined;
  return { version, definition: parse(row.definition), setup: parse(row.setup), byAdmin: row.by_admin === 1 };
}

export interface FlowFilter {
  user?: string;
  status?: FlowStatus;
}

/** One page in the order of their ids. */
export async function listFlows(sql: Sql, filter: FlowFilter, after: string, limit: number): Promise<FlowRecord[]> {
  const conditions = ["f.id > ?"];
  const params: SqlValue[] = [after];
  for (const [column, value] of [
    ["f.user_id", filter.user],
    ["f.status", filter.status],
  ] as const) {
    if (value === undefined) continue;
    conditions.push(`${column} = ?`);
    params.push(value);
  }
  const rows = await sql.all<Row>(`${SELECT} where ${conditions.join(" and ")} order by f.id limit ?`, [
    ...params,
    limit,
  ]);
  return rows.map(toRecord);
}

/** The flows that a connection of this user can concern: their own and the workspace's. */
export async function flowsInReach(sql: Sql, user: string): Promise<FlowRecord[]> {
  const rows = await sql.all<Row>(`${SELECT} where f.user_id = ? or f.user_id is null order by f.id`, [user]);
  return rows.map(toRecord);
}

/** Forgets a flow with its versions and runs. Returns whether there was one. */
export async function deleteFlow(tx: Tx, id: string): Promise<boolean> {
  await tx.run("delete from run_steps where run in (select id from runs where flow = ?)", [id]);
  await tx.run("delete from runs where flow = ?", [id]);
  await tx.run("delete from flow_versions where flow = ?", [id]);
  return (await tx.run("delete from flows where id = ?", [id])) === 1;
}

/** Keeps what a hook was called with, unless something is kept already. */
export async function learnSample(tx: Tx, flow: string, sample: unknown): Promise<void> {
  await tx.run("update flows set sample = ? where id = ? and sample is null", [print(sample), flow]);
}

/** Ids of the subscriptions behind a flow. */
export async function subscriptionsOfFlow(sql: Sql, flow: string): Promise<string[]> {
  const rows = await sql.all<{ id: string }>("select id from subscriptions where flow = ? order by id", [flow]);
  return rows.map(({ id }) => id);
}
