import { connectionsByIds, type ConnectionRow } from "../model/connections.ts";
import { streams, type StreamRecord } from "../model/streams.ts";
import { subscriptions, type SubscriptionRecord } from "../model/subscriptions.ts";
import type { Sql, SqlValue } from "../store/database.ts";

/** What a poll needs of the store. */
export interface Loaded {
  stream: StreamRecord;
  connection: ConnectionRow;
  /** The active ones. */
  subscriptions: SubscriptionRecord[];
}

/** What the polls of these streams need, by stream; a stream that is gone is absent. */
export async function loadStreams(sql: Sql, ids: readonly number[]): Promise<Map<number, Loaded>> {
  const rows = await sql.all<Record<string, SqlValue>>(
    `select ${streams.columnsOf("s", "s_")}, ${subscriptions.columnsOf("u", "u_")}
     from streams s left join subscriptions u on u.stream = s.id and u.status = 'active'
     where ${sql.oneOf("s.id")} order by u.id`,
    [JSON.stringify(ids)],
  );
  const wanted = new Set(rows.map((row) => row["s_connection"] as string));
  const connections = new Map((await connectionsByIds(sql, [...wanted])).map((row) => [row.id, row]));
  const loaded = new Map<number, Loaded>();
  for (const row of rows) {
    const id = row["s_id"] as number;
    const connection = connections.get(row["s_connection"] as string);
    let one = loaded.get(id);
    if (!one && connection) loaded.set(id, (one = { stream: streams.read(row, "s_"), connection, subscriptions: [] }));
    if (row["u_id"] !== null) one?.subscriptions.push(subscriptions.read(row, "u_"));
  }
  return loaded;
}
