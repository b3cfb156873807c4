import { randomUUID } from "node:crypto";
import type { Sql } from "../store/database.ts";
import { text, time } from "./field.ts";
import { Table } from "./table.ts";

/**
 * Users whose tokens were revoked not long ago: only tokens of the generation that followed are valid. Where a user has no row,
 * every token that has not expired was made since.
 */
const userGenerations = new Table(
  "user_generations",
  {
    userHash: text("Keyed hash of the user's id."),
    generation: text("Random; what was begun in another one is over."),
    changedAt: time("When it began."),
  },
  ["user_hash"],
);

/** The generation of a user; undefined where none was ended lately. */
export async function generationOf(sql: Sql, userHash: string): Promise<string | undefined> {
  return (await userGenerations.find(sql, userHash))?.generation;
}

/** Ends the generation of a user: the tokens that were made so far, and what was begun and is not stored yet. */
export async function endGeneration(sql: Sql, userHash: string, now: number): Promise<void> {
  await userGenerations.save(sql, { userHash, generation: randomUUID(), changedAt: now });
}

/** Forgets generations that began before a time, milliseconds since the epoch. Returns how many. */
export async function forgetGenerations(sql: Sql, before: number): Promise<number> {
  return sql.run("delete from user_generations where changed_at < ?", [before]);
}
