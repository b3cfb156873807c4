import { Lru } from "../core/lru.ts";
import { connections, type ConnectionRow } from "../model/connections.ts";
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

const PARTS = [streams.columnsOf("s", "s_"), connections.columnsOf("c", "c_"), subscriptions.columnsOf("u", "u_")];
const SELECT = `select ${PARTS.join(", ")}
  from streams s
  join connections c on c.id = s.connection
  left join subscriptions u on u.stream = s.id and u.status = 'active'`;
/** By the condition of each kind of store: so long a text is put together once. */
const statements = new Lru<string, string>(2);

/** What the polls of these streams need, by stream, in one statement; a stream that is gone is absent. */
export async function loadStreams(sql: Sql, ids: readonly number[]): Promise<Map<number, Loaded>> {
  const which = sql.oneOf("s.id");
  const statement = statements.getOr(which, () => `${SELECT} where ${which} order by u.id`);
  const rows = await sql.all<Record<string, SqlValue>>(statement, [JSON.stringify(ids)]);
  const loaded = new Map<number, Loaded>();
  for (const row of rows) {
    const id = row["s_id"] as number;
    let one = loaded.get(id);
    if (!one) {
      one = { stream: streams.read(row, "s_"), connection: connections.read(row, "c_"), subscriptions: [] };
      loaded.set(id, one);
    }
    if (row["u_id"] !== null) one.subscriptions.push(subscriptions.read(row, "u_"));
  }
  return loaded;
}
