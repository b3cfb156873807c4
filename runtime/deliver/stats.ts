import { DAY, isoTime } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { countDeliveries, pageOfDeliveries, type DeliveryStatus } from "../model/deliveries.ts";
import { time } from "../model/field.ts";
import { input, type InputOf } from "../model/input.ts";
import type { Scope } from "../model/principal.ts";
import { count, listOf, nullable, object, text, time as timeSchema } from "../model/schema.ts";
import type { Sql, SqlValue } from "../store/database.ts";

/** How many of the latest deliveries the durations are taken from. */
const SAMPLE = 1000;
/** What is counted when no time is given. */
const DEFAULT_PERIOD_MS = 7 * DAY;

/** Delivery statistics of an endpoint. */
export interface EndpointStats {
  deliveries: Record<DeliveryStatus, number>;
  /** The part of the finished deliveries that arrived, 0 to 1; null before any is finished. */
  successRate: number | null;
  /** Milliseconds an attempt took, over the latest 1000 deliveries; null before any was made. */
  durationMs: { p50: number | null; p95: number | null };
}

/** Counts. */
export interface Stats {
  /** Events and deliveries are counted from this time, RFC 3339. */
  since: string;
  connections: Record<string, number>;
  /** By day (UTC) and type, oldest first. */
  events: { day: string; type: string; count: number }[];
  deliveries: Record<string, number>;
  /** The streams that are read; `failing` ones failed when they were last read. */
  polls: { streams: number; failing: number; lastPollAt: string | null };
}

export const statsQuery = input(
  "stats",
  "Which time is counted.",
  {},
  { since: time("Events and deliveries are counted from this time; default the last 7 days.") },
);

const durations = { type: ["number", "null"], minimum: 0 };

export const statsSchemas = {
  EndpointStats: object("Delivery statistics of an endpoint.", {
    deliveries: object("How many deliveries there are of each status.", {
      pending: count("Due, or waiting for the next attempt."),
      delivered: count("Accepted by the receiver."),
      dead: count("Every attempt failed."),
      cancelled: count("Ended by disabling the endpoint."),
    }),
    successRate: nullable({
      type: "number",
      minimum: 0,
      maximum: 1,
      description: "Share of the finished deliveries that were delivered; null before any is finished.",
    }),
    durationMs: object("How long attempts took, over the latest 1000 deliveries.", {
      p50: { ...durations, description: "Median, milliseconds; null before any attempt." },
      p95: { ...durations, description: "95th percentile, milliseconds; null before any attempt." },
    }),
  }),
  Stats: object("Counts.", {
    since: timeSchema("Events and deliveries are counted from this time."),
    connections: {
      type: "object",
      additionalProperties: count("How many."),
      description: "Connections by status.",
    },
    events: listOf(
      object("Events of one type on one day.", {
        day: text("The day in UTC.", "2026-11-21"),
        type: text("Type.", "contact.created"),
        count: count("How many."),
      }),
      "By day and type, oldest first.",
    ),
    deliveries: { type: "object", additionalProperties: count("How many."), description: "Deliveries by status." },
    polls: object("The streams that are read.", {
      streams: count("How many."),
      failing: count("How many failed when they were last read."),
      lastPollAt: nullable(timeSchema("When any stream was last read.")),
    }),
  }),
};

/** Counts an endpoint's deliveries, and how long its attempts took. */
export async function endpointStats(sql: Sql, endpoint: string): Promise<EndpointStats> {
  const counts = await countDeliveries(sql, endpoint);
  const count = (status: DeliveryStatus) => counts.get(status) ?? 0;
  const [delivered, dead] = [count("delivered"), count("dead")];
  const latest = await pageOfDeliveries(sql, { filter: { endpoint }, limit: SAMPLE });
  const durations = latest
    .flatMap(({ attempts }) => attempts.flatMap(({ durationMs }) => durationMs ?? []))
    .sort((a, b) => a - b);
  const percentile = (part: number) => durations[Math.ceil(part * durations.length) - 1] ?? null;
  return {
    deliveries: { pending: count("pending"), delivered, dead, cancelled: count("cancelled") },
    successRate: delivered + dead === 0 ? null : delivered / (delivered + dead),
    durationMs: { p50: percentile(0.5), p95: percentile(0.95) },
  };
}

/**
 * Counts what has happened since a time, of one user or of everybody.
 * @throws HooklineError `invalid_input` with every fault of the query
 */
export type ReadStats = (query?: InputOf<typeof statsQuery>, scope?: Scope) => Promise<Stats>;

/** Makes the service that counts. */
export function createStats({ db, clock }: Pick<Context, "db" | "clock">): ReadStats {
  return async (query = {}, scope = {}) => {
    const given = statsQuery.check(query).since;
    const since = given === undefined ? clock.now() - DEFAULT_PERIOD_MS : Date.parse(given);
    return readStats(db, since, scope);
  };
}

async function readStats(sql: Sql, since: number, { user }: Scope): Promise<Stats> {
  const own = user === undefined ? "1 = 1" : "user_id = ?";
  const owner: SqlValue[] = user === undefined ? [] : [user];
  const connections = await sql.all<{ status: string; count: number }>(
    `select status, count(*) as count from connections where ${own} group by status`,
    owner,
  );
  const events = await sql.all<{ day: number; type: string; count: number }>(
    `select created_at / ${DAY} as day, type, count(*) as count from events
     where position >= ? and ${own} group by created_at / ${DAY}, type order by day, type`,
    [keyAt("pos", since), ...owner],
  );
  const deliveries = await sql.all<{ status: string; count: number }>(
    `select status, count(*) as count from deliveries
     where id >= ? and endpoint in (select id from endpoints where ${own}) group by status`,
    [keyAt("dlv", since), ...owner],
  );
  const polls = await sql.get<{ streams: number; failing: number; last: number | null }>(
    `select count(*) as streams, count(case when consecutive_errors > 0 then 1 end) as failing, max(last_poll_at) as last
     from streams where connection in (select id from connections where ${own})`,
    owner,
  );
  return {
    since: isoTime(since),
    connections: byStatus(connections),
    events: events.map(({ day, type, count }) => ({ day: isoTime(day * DAY).slice(0, 10), type, count })),
    deliveries: byStatus(deliveries),
    polls: { streams: polls!.streams, failing: polls!.failing, lastPollAt: isoTime(polls!.last) },
  };
}

/** Positions and ids of deliveries begin with the time they were made: a range of them needs no index of its own. */
function keyAt(prefix: string, time: number): string {
  return `${prefix}_${Math.max(0, time).toString(16).padStart(12, "0")}`;
}

function byStatus(rows: readonly { status: string; count: number }[]): Record<string, number> {
  return Object.fromEntries(rows.map(({ status, count }) => [status, count]));
}
