import type { Sql, SqlValue } from "../store/database.ts";
import { isoTime } from "./view.ts";

export interface Stats {
  since: string;
  connections: Record<string, number>;
  events: { day: string; type: string; count: number }[];
  deliveries: Record<string, number>;
  polls: { streams: number; failing: number; lastPollAt: string | null };
}

const DAY_MS = 86_400_000;

/** Counts of what has happened since a time, of one user or of everybody. */
export async function readStats(sql: Sql, { user }: { user?: string }, since: number): Promise<Stats> {
  const mine = (column: string): [string, SqlValue[]] =>
    user === undefined ? ["1 = 1", []] : [`${column} = ?`, [user]];
  const [ownConnections, connectionParams] = mine("user_id");
  const connections = await sql.all<{ status: string; count: number }>(
    `select status, count(*) as count from connections where ${ownConnections} group by status`,
    connectionParams,
  );
  const [ownEvents, eventParams] = mine("user_id");
  const events = await sql.all<{ day: number; type: string; count: number }>(
    `select created_at / ${DAY_MS} as day, type, count(*) as count from events
     where id >= ? and ${ownEvents} group by created_at / ${DAY_MS}, type order by day, type`,
    [idAt("evt", since), ...eventParams],
  );
  const [ownEndpoints, endpointParams] = mine("user_id");
  const deliveries = await sql.all<{ status: string; count: number }>(
    `select status, count(*) as count from deliveries
     where id >= ? and endpoint in (select id from endpoints where ${ownEndpoints}) group by status`,
    [idAt("dlv", since), ...endpointParams],
  );
  const polls = await sql.get<{ streams: number; failing: number; last: number | null }>(
    `select count(*) as streams, count(case when consecutive_errors > 0 then 1 end) as failing, max(last_poll_at) as last
     from streams where connection in (select id from connections where ${ownConnections})`,
    connectionParams,
  );
  return {
    since: isoTime(since),
    connections: byStatus(connections),
    events: events.map(({ day, type, count }) => ({ day: isoTime(day * DAY_MS).slice(0, 10), type, count })),
    deliveries: byStatus(deliveries),
    polls: { streams: polls!.streams, failing: polls!.failing, lastPollAt: isoTime(polls!.last) },
  };
}

/** Ids begin with the time they were made: a range of them needs no index of its own. */
function idAt(prefix: string, time: number): string {
  return `${prefix}_${Math.max(0, time).toString(16).padStart(12, "0")}`;
}

function byStatus(rows: readonly { status: string; count: number }[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
