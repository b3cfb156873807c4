import type { Sql, SqlValue, Tx } from "../store/database.ts";

/** How a subscription begins: silently (the default), with everything there is, or with what changed since a time. */
export type FirstPoll = "baseline" | "emitAll" | { since: string };

/** A trigger of a connection wired to a target. */
export interface SubscriptionRecord {
  id: string;
  connection: string;
  user: string;
  trigger: string;
  /** The stream it reads, see `streams`. */
  stream: number;
  input: Record<string, unknown>;
  /** JMESPath the subscriber added to the trigger's own. */
  where: string | null;
  /** Cron expression; null when `everySeconds` is given. */
  schedule: string | null;
  timeZone: string | null;
  everySeconds: number | null;
  firstPoll: FirstPoll;
  /** Whether its first events are still to be read from a complete listing. */
  backfill: "pending" | "done";
  endpoint: string | null;
  flow: string | null;
  status: "active" | "paused";
  /** Whether `subscription.degraded` was reported and not yet `subscription.recovered`. */
  degraded: boolean;
  createdAt: number;
  updatedAt: number;
}

interface Row {
  id: string;
  connection: string;
  user_id: string;
  trigger_name: string;
  stream: number;
  input: string;
  condition: string | null;
  schedule: string | null;
  time_zone: string | null;
  every_seconds: number | null;
  first_poll: string;
  backfill: "pending" | "done";
  endpoint: string | null;
  flow: string | null;
  status: "active" | "paused";
  degraded: number;
  created_at: number;
  updated_at: number;
}

const toRecord = (row: Row): SubscriptionRecord => ({
  id: row.id,
  connection: row.connection,
  user: row.user_id,
  trigger: row.trigger_name,
  stream: row.stream,
  input: JSON.parse(row.input) as Record<string, unknown>,
  where: row.condition,
  schedule: row.schedule,
  timeZone: row.time_zone,
  everySeconds: row.every_seconds,
  firstPoll: JSON.parse(row.first_poll) as FirstPoll,
  backfill: row.backfill,
  endpoint: row.endpoint,
  flow: row.flow,
  status: row.status,
  degraded: row.degraded === 1,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const columns = `id, connection, user_id, trigger_name, stream, input, condition, schedule, time_zone, every_seconds,
  first_poll, backfill, endpoint, flow, status, degraded, created_at, updated_at`;

/** Inserts it, or replaces all of it but its id. */
export async function saveSubscription(tx: Tx, s: SubscriptionRecord): Promise<void> {
  await tx.run(
    `insert into subscriptions (${columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (id) do update set stream = excluded.stream, input = excluded.input, condition = excluded.condition,
       schedule = excluded.schedule, time_zone = excluded.time_zone, every_seconds = excluded.every_seconds,
       first_poll = excluded.first_poll, backfill = excluded.backfill, endpoint = excluded.endpoint,
       flow = excluded.flow, status = excluded.status, degraded = excluded.degraded, updated_at = excluded.updated_at`,
    [
      s.id,
      s.connection,
      s.user,
      s.trigger,
      s.stream,
      JSON.stringify(s.input),
      s.where,
      s.schedule,
      s.timeZone,
      s.everySeconds,
      JSON.stringify(s.firstPoll),
      s.backfill,
      s.endpoint,
      s.flow,
      s.status,
      s.degraded ? 1 : 0,
      s.createdAt,
      s.updatedAt,
    ],
  );
}

export async function subscriptionById(sql: Sql, id: string): Promise<SubscriptionRecord | undefined> {
  const row = await sql.get<Row>(`select ${columns} from subscriptions where id = ?`, [id]);
  return row && toRecord(row);
}

export async function deleteSubscription(tx: Tx, id: string): Promise<boolean> {
  return (await tx.run(`delete from subscriptions where id = ?`, [id])) > 0;
}

/** The active subscriptions of these streams. */
export async function activeSubscriptions(sql: Sql, streams: readonly number[]): Promise<SubscriptionRecord[]> {
  const rows = await sql.all<Row>(
    `select ${columns} from subscriptions where status = 'active' and ${sql.oneOf("stream")} order by id`,
    [JSON.stringify(streams)],
  );
  return rows.map(toRecord);
}

export interface SubscriptionFilter {
  user?: string;
  connection?: string;
  endpoint?: string;
  trigger?: string;
}

/** One page in the order of their ids. */
export async function listSubscriptions(
  sql: Sql,
  filter: SubscriptionFilter,
  after: string,
  limit: number,
): Promise<SubscriptionRecord[]> {
  const conditions = ["id > ?"];
  const params: SqlValue[] = [after];
  const names = { user: "user_id", connection: "connection", endpoint: "endpoint", trigger: "trigger_name" } as const;
  for (const [name, column] of Object.entries(names) as [keyof SubscriptionFilter, string][]) {
    if (filter[name] === undefined) continue;
    conditions.push(`${column} = ?`);
    params.push(filter[name]);
  }
  const rows = await sql.all<Row>(
    `select ${columns} from subscriptions where ${conditions.join(" and ")} order by id limit ?`,
    [...params, limit],
  );
  return rows.map(toRecord);
}

/** Marks the first events of these subscriptions as read. */
export async function finishBackfill(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await tx.run(`update subscriptions set backfill = 'done' where ${tx.oneOf("id")}`, [JSON.stringify(ids)]);
}

export async function setDegraded(tx: Tx, stream: number, degraded: boolean): Promise<void> {
  await tx.run(`update subscriptions set degraded = ? where stream = ?`, [degraded ? 1 : 0, stream]);
}

/** All subscriptions of a stream, paused ones too. */
export async function subscriptionsOfStream(sql: Sql, stream: number): Promise<SubscriptionRecord[]> {
  const rows = await sql.all<Row>(`select ${columns} from subscriptions where stream = ? order by id`, [stream]);
  return rows.map(toRecord);
}
