import type { Sql, SqlValue, Tx } from "../store/database.ts";
import { text } from "./field.ts";
import { CLOCKS_APART_MS } from "./slice.ts";
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

/**
 * Deletes what is parked of events detected before a time (milliseconds since the epoch) that are no longer kept; returns how many
 * there were. Later ones are kept, and not looked at.
 */
export async function forgetParked(sql: Sql, before: number): Promise<number> {
  // Positions begin with the time at which they were made.
  const upTo = `pos_${Math.max(0, before + CLOCKS_APART_MS)
    .toString(16)
    .padStart(12, "0")}`;
  return sql.run(
    "delete from parked_events where position < ? and not exists (select 1 from events where events.id = parked_events.id)",
    [upTo],
  );
}
