import type { Sql } from "../store/database.ts";

/** A small value the store keeps under a name; undefined when it was never set. */
export async function getMeta(sql: Sql, name: string): Promise<string | undefined> {
  return (await sql.get<{ value: string }>("select value from meta where name = ?", [name]))?.value;
}

/** Sets a named value, whether or not it was set before. */
export async function setMeta(sql: Sql, name: string, value: string): Promise<void> {
  await sql.run(
    "insert into meta (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
    [name, value],
  );
}
