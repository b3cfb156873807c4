import type { Sql, SqlValue, Tx } from "../store/database.ts";
import { text } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** Events for a target whose module is left out: they wait for a runtime that has it. */
export const parkedEvents = new Table("parked_events", {
  id: text("Id of the event."),
  target: text("Id of the flow or sync."),
  position: text("Position of the event."),
});

export type ParkedEvent = RecordOf<typeof parkedEvents.fields>;

/** Takes up to `limit` events, oldest first, for targets whose ids begin in one of these ways; they are parked no more. */
export async function takeParked(tx: Tx, prefixes: readonly string[], limit: number): Promise<ParkedEvent[]> {
  if (prefixes.length === 0) return [];
  const ours = prefixes.map(() => "substr(target, 1, ?) = ?").join(" or ");
  const params = prefixes.flatMap((prefix): SqlValue[] => [prefix.length, prefix]);
  const taken = await parkedEvents.all(tx, `where ${ours} order by position limit ?`, [...params, limit]);
  const ids = JSON.stringify(taken.map(({ id }) => id));
  await tx.run(`delete from parked_events where ${tx.oneOf("id")}`, [ids]);
  return taken;
}

/** Deletes what is parked of events that are no longer kept; returns how many there were. */
export async function forgetParked(sql: Sql): Promise<number> {
  return sql.run(
    "delete from parked_events where not exists (select 1 from events where events.id = parked_events.id)",
  );
}
