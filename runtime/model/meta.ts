import type { Sql } from "../store/database.ts";
import { text } from "./field.ts";
import { Table } from "./table.ts";

/** Small values that the store keeps by name. */
const meta = new Table("meta", { name: text("Name."), value: text("Value.") }, ["name"]);

/** A small value the store keeps under a name; undefined when it was never set. */
export async function getMeta(sql: Sql, name: string): Promise<string | undefined> {
  return (await meta.find(sql, name))?.value;
}

/** Sets a named value, whether or not it was set before. */
export async function setMeta(sql: Sql, name: string, value: string): Promise<void> {
  await meta.save(sql, { name, value });
}
