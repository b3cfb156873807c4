import type { Sql, Tx } from "../../store/database.ts";
import type { Side } from "./syncs.ts";

/** A change that both sides made to one thing, or one changed and the other deleted, and who won. */
export interface ConflictRecord {
  id: string;
  sync: string;
  link: string;
  leftId: string | null;
  rightId: string | null;
  /** What either side had; a side that deleted the thing has null. */
  fields: { field: string; left: unknown; right: unknown }[];
  winner: Side;
  createdAt: number;
}

interface ConflictRow {
  id: string;
  sync: string;
  link: string;
  left_id: string | null;
  right_id: string | null;
  fields: string;
  winner: Side;
  created_at: number;
}

export async function insertConflict(tx: Tx, c: ConflictRecord): Promise<void> {
  await tx.run(
    `insert into sync_conflicts (id, sync, link, left_id, right_id, fields, winner, created_at) values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [c.id, c.sync, c.link, c.leftId, c.rightId, JSON.stringify(c.fields), c.winner, c.createdAt],
  );
}

/** One page, newest first. */
export async function listConflicts(
  sql: Sql,
  sync: string,
  before: string | undefined,
  limit: number,
): Promise<ConflictRecord[]> {
  const older = before === undefined ? "" : "and id < ?";
  const rows = await sql.all<ConflictRow>(
    `select * from sync_conflicts where sync = ? ${older} order by id desc limit ?`,
    [sync, ...(before === undefined ? [] : [before]), limit],
  );
  return rows.map(({ left_id, right_id, created_at, fields, ...rest }) => ({
    ...rest,
    leftId: left_id,
    rightId: right_id,
    fields: JSON.parse(fields) as ConflictRecord["fields"],
    createdAt: created_at,
  }));
}
