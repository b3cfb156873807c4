import type { Sql, Tx } from "../store/database.ts";
import { oneOf, text } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

const KINDS = ["stream", "sync"] as const;

/** Things that are gone whose parts, which may be many, are still to be deleted. Nothing is ever added to those. */
const leftovers = new Table("leftovers", { kind: oneOf(KINDS, "What it was."), id: text("Its id.") }, ["kind", "id"]);

export type Leftover = RecordOf<typeof leftovers.fields>;

/** Notes that the parts of something that is deleted in this transaction are left. */
export async function leave(tx: Tx, kind: Leftover["kind"], id: string): Promise<void> {
  await leftovers.insertNew(tx, { kind, id });
}

/** Something of one of these kinds whose parts are left. */
export async function someLeftover(sql: Sql, kinds: readonly Leftover["kind"][]): Promise<Leftover | undefined> {
  return leftovers.one(sql, `where ${sql.oneOf("kind")} limit 1`, [JSON.stringify(kinds)]);
}

/** Nothing of it is left. */
export async function forgetLeftover(tx: Tx, { kind, id }: Leftover): Promise<void> {
  await leftovers.delete(tx, kind, id);
}
