import type { Sql, SqlValue } from "../store/database.ts";

/** An admin key, without the key: only a hash of its secret is kept. */
export interface ApiKeyRecord {
  id: string;
  name: string;
  /** SHA-256 of the secret, in hex. */
  hash: string;
  createdAt: number;
  lastUsedAt: number | null;
  /** When it was withdrawn; null while it is valid. */
  revokedAt: number | null;
}

interface Row {
  id: string;
  name: string;
  hash: string;
  created_at: number;
  last_used_at: number | null;
  revoked_at: number | null;
}

const toRecord = (row: Row): ApiKeyRecord => ({
  id: row.id,
  name: row.name,
  hash: row.hash,
  createdAt: row.created_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
});

export async function insertApiKey(sql: Sql, key: ApiKeyRecord): Promise<void> {
  await sql.run("insert into api_keys (id, name, hash, created_at) values (?, ?, ?, ?)", [
    key.id,
    key.name,
    key.hash,
    key.createdAt,
  ]);
}

/** The key of this id, withdrawn or not. */
export async function apiKeyById(sql: Sql, id: string): Promise<ApiKeyRecord | undefined> {
  const row = await sql.get<Row>("select * from api_keys where id = ?", [id]);
  return row && toRecord(row);
}

/** One page in the order of their ids, withdrawn ones too. */
export async function listApiKeys(sql: Sql, after: string, limit: number): Promise<ApiKeyRecord[]> {
  const params: SqlValue[] = [after, limit];
  const rows = await sql.all<Row>("select * from api_keys where id > ? order by id limit ?", params);
  return rows.map(toRecord);
}

/** Returns whether there was one to withdraw. */
export async function revokeApiKey(sql: Sql, id: string, now: number): Promise<boolean> {
  return (await sql.run("update api_keys set revoked_at = ? where id = ? and revoked_at is null", [now, id])) === 1;
}

/** Notes a use, unless one after `since` is noted already. */
export async function touchApiKey(sql: Sql, id: string, now: number, since: number): Promise<void> {
  await sql.run("update api_keys set last_used_at = ? where id = ? and (last_used_at is null or last_used_at <= ?)", [
    now,
    id,
    since,
  ]);
}
