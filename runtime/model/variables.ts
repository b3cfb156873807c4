import type { Sql } from "../store/database.ts";

/** A named value that manifests and flows read. What it is stands sealed. */
export interface VariableRow {
  /** Whose it is; null for the workspace. */
  user: string | null;
  name: string;
  /** Write-only: used, never shown. */
  secret: boolean;
  /** Sealed JSON text. */
  sealed: Uint8Array;
  /** Milliseconds since the epoch. */
  createdAt: number;
  updatedAt: number;
}

/** In the place of a user, whose name is never empty: part of the primary key, so it cannot be null. */
const WORKSPACE = "";

interface RawRow {
  user_id: string;
  name: string;
  secret: number;
  sealed: Uint8Array;
  created_at: number;
  updated_at: number;
}

const fromRaw = (raw: RawRow): VariableRow => ({
  user: raw.user_id === WORKSPACE ? null : raw.user_id,
  name: raw.name,
  secret: raw.secret === 1,
  sealed: raw.sealed,
  createdAt: raw.created_at,
  updatedAt: raw.updated_at,
});

/** Sets a variable, whether or not it was set before; it keeps the time it was first set. */
export async function putVariable(sql: Sql, row: VariableRow): Promise<void> {
  await sql.run(
    `insert into variables (user_id, name, secret, sealed, created_at, updated_at) values (?, ?, ?, ?, ?, ?)
     on conflict (user_id, name) do update set
       secret = excluded.secret, sealed = excluded.sealed, updated_at = excluded.updated_at`,
    [row.user ?? WORKSPACE, row.name, row.secret ? 1 : 0, row.sealed, row.createdAt, row.updatedAt],
  );
}

export async function findVariable(sql: Sql, user: string | null, name: string): Promise<VariableRow | undefined> {
  const raw = await sql.get<RawRow>("select * from variables where user_id = ? and name = ?", [
    user ?? WORKSPACE,
    name,
  ]);
  return raw && fromRaw(raw);
}

/** All of one owner, by name. */
export async function variablesOfOwner(sql: Sql, user: string | null): Promise<VariableRow[]> {
  const rows = await sql.all<RawRow>("select * from variables where user_id = ? order by name", [user ?? WORKSPACE]);
  return rows.map(fromRaw);
}

/** Those of the workspace and of a user, in one go. */
export async function variablesInReach(sql: Sql, user: string): Promise<VariableRow[]> {
  const rows = await sql.all<RawRow>("select * from variables where user_id in (?, ?)", [WORKSPACE, user]);
  return rows.map(fromRaw);
}

/** Returns whether there was one. */
export async function deleteVariable(sql: Sql, user: string | null, name: string): Promise<boolean> {
  return (await sql.run("delete from variables where user_id = ? and name = ?", [user ?? WORKSPACE, name])) === 1;
}

/** Everybody's, in the order of owners and names, for rewrapping; `after` is the last row of the page before. */
export async function allVariables(sql: Sql, page: { after?: VariableRow; limit: number }): Promise<VariableRow[]> {
  const { after, limit } = page;
  const owner = after?.user ?? WORKSPACE;
  const rows = await sql.all<RawRow>(
    "select * from variables where user_id > ? or (user_id = ? and name > ?) order by user_id, name limit ?",
    [owner, owner, after?.name ?? "", limit],
  );
  return rows.map(fromRaw);
}

/** Puts a rewrapped value in place unless it changed meanwhile. */
export async function replaceVariable(sql: Sql, row: VariableRow, rewrapped: Uint8Array): Promise<void> {
  await sql.run("update variables set sealed = ? where user_id = ? and name = ? and sealed = ?", [
    rewrapped,
    row.user ?? WORKSPACE,
    row.name,
    row.sealed,
  ]);
}
