import type { Sql, SqlValue, Tx } from "../store/database.ts";

/** How the body of a webhook is laid out. */
export type Format = "standard" | "cloudevents" | "bare";

/** A consumer: a URL, or a function of the host's own process. */
export interface EndpointRecord {
  id: string;
  kind: "webhook" | "process";
  url: string;
  /** Whose events it gets; null for the workspace, which gets everybody's. */
  user: string | null;
  /** Patterns of event types: exact, `contact.*`, or `*`. */
  events: string[];
  /** JMESPath over the data of an event. */
  where: string | null;
  format: Format;
  ordered: boolean;
  ratePerSecond: number | null;
  /** Its secrets and headers, encrypted; null for a function. */
  sealed: Uint8Array | null;
  status: "active" | "disabled";
  disabledReason: string | null;
  /** No attempts before this time, because its receiver asked for it. */
  pausedUntil: number | null;
  /** Since when every attempt has failed; null after a success. */
  failingSince: number | null;
  createdAt: number;
  updatedAt: number;
}

interface EndpointRow {
  id: string;
  kind: "webhook" | "process";
  url: string;
  user_id: string | null;
  events: string;
  condition: string | null;
  format: Format;
  ordered: number;
  rate_per_second: number | null;
  sealed: Uint8Array | null;
  status: "active" | "disabled";
  disabled_reason: string | null;
  paused_until: number | null;
  failing_since: number | null;
  created_at: number;
  updated_at: number;
}

const columns = `id, kind, url, user_id, events, condition, format, ordered, rate_per_second, sealed, status,
  disabled_reason, paused_until, failing_since, created_at, updated_at`;

const toRecord = (row: EndpointRow): EndpointRecord => ({
  id: row.id,
  kind: row.kind,
  url: row.url,
  user: row.user_id,
  events: JSON.parse(row.events) as string[],
  where: row.condition,
  format: row.format,
  ordered: row.ordered === 1,
  ratePerSecond: row.rate_per_second,
  sealed: row.sealed,
  status: row.status,
  disabledReason: row.disabled_reason,
  pausedUntil: row.paused_until,
  failingSince: row.failing_since,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Inserts it, or replaces all of it but its id, kind and user. */
export async function saveEndpoint(tx: Tx, e: EndpointRecord): Promise<void> {
  await tx.run(
    `insert into endpoints (${columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (id) do update set url = excluded.url, events = excluded.events, condition = excluded.condition,
       format = excluded.format, ordered = excluded.ordered, rate_per_second = excluded.rate_per_second,
       sealed = excluded.sealed, status = excluded.status, disabled_reason = excluded.disabled_reason,
       paused_until = excluded.paused_until, failing_since = excluded.failing_since, updated_at = excluded.updated_at`,
    [
      e.id,
      e.kind,
      e.url,
      e.user,
      JSON.stringify(e.events),
      e.where,
      e.format,
      e.ordered ? 1 : 0,
      e.ratePerSecond,
      e.sealed,
      e.status,
      e.disabledReason,
      e.pausedUntil,
      e.failingSince,
      e.createdAt,
      e.updatedAt,
    ],
  );
}

export async function endpointById(sql: Sql, id: string): Promise<EndpointRecord | undefined> {
  const row = await sql.get<EndpointRow>(`select ${columns} from endpoints where id = ?`, [id]);
  return row && toRecord(row);
}

export async function endpointsById(sql: Sql, ids: readonly string[]): Promise<EndpointRecord[]> {
  const rows = await sql.all<EndpointRow>(`select ${columns} from endpoints where ${sql.oneOf("id")}`, [
    JSON.stringify(ids),
  ]);
  return rows.map(toRecord);
}

/** The active endpoints of these users, and of the workspace. */
export async function activeEndpoints(sql: Sql, users: readonly string[]): Promise<EndpointRecord[]> {
  const rows = await sql.all<EndpointRow>(
    `select ${columns} from endpoints where status = 'active' and (user_id is null or ${sql.oneOf("user_id")}) order by id`,
    [JSON.stringify(users)],
  );
  return rows.map(toRecord);
}

/** One page of webhook endpoints in the order of their ids. */
export async function listEndpoints(
  sql: Sql,
  filter: { user?: string },
  after: string,
  limit: number,
): Promise<EndpointRecord[]> {
  const [condition, params]: [string, SqlValue[]] =
    filter.user === undefined ? ["", []] : ["and user_id = ?", [filter.user]];
  const rows = await sql.all<EndpointRow>(
    `select ${columns} from endpoints where kind = 'webhook' and id > ? ${condition} order by id limit ?`,
    [after, ...params, limit],
  );
  return rows.map(toRecord);
}

export async function deleteEndpoint(tx: Tx, id: string): Promise<boolean> {
  return (await tx.run(`delete from endpoints where id = ?`, [id])) > 0;
}

/** An attempt succeeded: it no longer counts as failing. */
export async function endpointSucceeded(tx: Tx, id: string): Promise<void> {
  await tx.run(`update endpoints set failing_since = null where id = ? and failing_since is not null`, [id]);
}

/** An attempt failed; `pausedUntil` when its receiver asked to be left alone until then. */
export async function endpointFailed(tx: Tx, id: string, now: number, pausedUntil: number | null): Promise<void> {
  await tx.run(
    `update endpoints set failing_since = coalesce(failing_since, ?), paused_until = coalesce(?, paused_until) where id = ?`,
    [now, pausedUntil, id],
  );
}

/** Turns an active endpoint off; false when it is off already, or gone. */
export async function disableEndpoint(tx: Tx, id: string, reason: string, now: number): Promise<boolean> {
  const changed = await tx.run(
    `update endpoints set status = 'disabled', disabled_reason = ?, updated_at = ? where id = ? and status = 'active'`,
    [reason, now, id],
  );
  return changed > 0;
}

/** Whether every attempt since this time, or longer, has failed. */
export async function hasFailedSince(sql: Sql, id: string, time: number): Promise<boolean> {
  return (await sql.get(`select id from endpoints where id = ? and failing_since <= ?`, [id, time])) !== undefined;
}
