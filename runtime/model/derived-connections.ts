/** Statements about connections that are derived from others. */
import type { Sql, Tx } from "../store/database.ts";
import { connections, type ConnectionRow } from "./connections.ts";

/** A page of rows, in the order of ids. */
export interface Slice {
  limit: number;
  /** The last id before it. */
  after?: string;
}

/** Those that stand for one of these things at the vendor; `user`: only that user's. */
export function derivedConnections(sql: Sql, derived: readonly string[], user?: string): Promise<ConnectionRow[]> {
  const [owned, owner] = user === undefined ? ["", []] : [" and user_id = ?", [user]];
  return connections.all(sql, `where derived is not null and ${sql.oneOf("derived")}${owned} order by id`, [
    JSON.stringify(derived),
    ...owner,
  ]);
}

/** Whether anything is derived from a connection. */
export async function isParent(sql: Sql, id: string): Promise<boolean> {
  return (await sql.get("select 1 as one from connections where parent = ? limit 1", [id])) !== undefined;
}

/** Those that are derived from a connection and hold a token still. */
export function tokensDerivedFrom(sql: Sql, parent: string, { limit, after = "" }: Slice): Promise<ConnectionRow[]> {
  const holding = "where parent = ? and id > ? and credentials is not null order by id limit ?";
  return connections.all(sql, holding, [parent, after, limit]);
}

/** Those in one state whose parent is in another. */
export function derivedWhere(
  sql: Sql,
  [own, parents]: readonly [own: ConnectionRow["status"], parents: ConnectionRow["status"]],
  { limit, after = "" }: Slice,
): Promise<ConnectionRow[]> {
  const parted = `where parent is not null and status = ? and id > ?
    and exists (select 1 from connections p where p.id = connections.parent and p.status = ?) order by id limit ?`;
  return connections.all(sql, parted, [own, after, parents, limit]);
}

/**
 * Holds a connection as it is until the end of the transaction, so that what is derived from it and its removal take turns.
 * False when it is gone.
 */
export async function holdConnection(tx: Tx, { id, connector }: ConnectionRow): Promise<boolean> {
  return (await connections.change(tx, { connector }, "id = ?", [id])) === 1;
}
