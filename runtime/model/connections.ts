import type { Sql, SqlValue } from "../store/database.ts";

/** pending: not authorized yet · active · reauth_required: the grant is gone, a person has to reconnect. */
export type ConnectionStatus = "pending" | "active" | "reauth_required";

/** What became of a connection; `removed` is the last. */
export interface StatusChange {
  id: string;
  connector: string;
  user: string;
  status: "active" | "reauth_required" | "removed";
}

/** One account of one user at one vendor. */
export interface ConnectionRow {
  id: string;
  connector: string;
  user: string;
  status: ConnectionStatus;
  /** How the account is called, as the vendor told. */
  label: string | null;
  /** Answers to the manifest's `connectionInput`. */
  inputs: Record<string, unknown>;
  /** Values captured from the vendor's answers. */
  captured: Record<string, unknown>;
  /** Granted scopes; empty when the way of authentication knows none. */
  scopes: string[];
  authType: "oauth2" | "bearer" | "apiKey" | "basic" | "none";
  /** Sealed JSON; null while pending. */
  credentials: Uint8Array | null;
  /** When the access token ends, milliseconds since the epoch; null when unknown or never. */
  expiresAt: number | null;
  /** Grows with every change of credentials or status: compare and swap. */
  version: number;
  /** Who refreshes the token right now, until when. */
  refreshOwner: string | null;
  refreshUntil: number | null;
  error: ConnectionError | null;
  createdAt: number;
  updatedAt: number;
}

/** Why a connection does not work. */
export interface ConnectionError {
  code: string;
  message: string;
  /** Milliseconds since the epoch. */
  at: number;
}

export interface ConnectionFilter {
  user?: string;
  connector?: string;
  status?: ConnectionStatus;
}

/** A page of things in the order of their ids. */
export interface Page {
  /** Most items. */
  limit: number;
  /** Id after which the page starts. */
  after?: string;
}

interface RawRow {
  id: string;
  connector: string;
  user_id: string;
  status: string;
  label: string | null;
  inputs: string;
  captured: string;
  scopes: string;
  auth_type: string;
  credentials: Uint8Array | null;
  expires_at: number | null;
  version: number;
  refresh_owner: string | null;
  refresh_until: number | null;
  error: string | null;
  created_at: number;
  updated_at: number;
}

function fromRaw(raw: RawRow): ConnectionRow {
  return {
    id: raw.id,
    connector: raw.connector,
    user: raw.user_id,
    status: raw.status as ConnectionStatus,
    label: raw.label,
    inputs: JSON.parse(raw.inputs),
    captured: JSON.parse(raw.captured),
    scopes: JSON.parse(raw.scopes),
    authType: raw.auth_type as ConnectionRow["authType"],
    credentials: raw.credentials,
    expiresAt: raw.expires_at,
    version: raw.version,
    refreshOwner: raw.refresh_owner,
    refreshUntil: raw.refresh_until,
    error: raw.error === null ? null : JSON.parse(raw.error),
    createdAt: raw.created_at,
    updatedAt: raw.updated_at,
  };
}

export async function insertConnection(sql: Sql, row: ConnectionRow): Promise<void> {
  await sql.run(
    `insert into connections (id, connector, user_id, status, label, inputs, captured, scopes, auth_type, credentials,
       expires_at, version, error, created_at, updated_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      row.id,
      row.connector,
      row.user,
      row.status,
      row.label,
      JSON.stringify(row.inputs),
      JSON.stringify(row.captured),
      JSON.stringify(row.scopes),
      row.authType,
      row.credentials,
      row.expiresAt,
      row.version,
      row.error === null ? null : JSON.stringify(row.error),
      row.createdAt,
      row.updatedAt,
    ],
  );
}

export async function findConnection(sql: Sql, id: string): Promise<ConnectionRow | undefined> {
  const raw = await sql.get<RawRow>("select * from connections where id = ?", [id]);
  return raw && fromRaw(raw);
}

/** Those of the ids that exist. */
export async function connectionsByIds(sql: Sql, ids: readonly string[]): Promise<ConnectionRow[]> {
  const rows = await sql.all<RawRow>(`select * from connections where ${sql.oneOf("id")}`, [JSON.stringify(ids)]);
  return rows.map(fromRaw);
}

export async function listConnections(sql: Sql, filter: ConnectionFilter, page: Page): Promise<ConnectionRow[]> {
  const conditions = ["id > ?"];
  const params: SqlValue[] = [page.after ?? ""];
  for (const [column, value] of [
    ["user_id", filter.user],
    ["connector", filter.connector],
    ["status", filter.status],
  ] as const) {
    if (value === undefined) continue;
    conditions.push(`${column} = ?`);
    params.push(value);
  }
  const rows = await sql.all<RawRow>(
    `select * from connections where ${conditions.join(" and ")} order by id limit ?`,
    [...params, page.limit],
  );
  return rows.map(fromRaw);
}

/** How many active connections of a connector lead to the account of this label. */
export async function countAccountConnections(sql: Sql, connector: string, label: string): Promise<number> {
  const row = await sql.get<{ n: number }>(
    "select count(*) as n from connections where connector = ? and label = ? and status = 'active'",
    [connector, label],
  );
  return row!.n;
}

const COLUMNS = {
  status: "status",
  label: "label",
  inputs: "inputs",
  captured: "captured",
  scopes: "scopes",
  authType: "auth_type",
  credentials: "credentials",
  expiresAt: "expires_at",
  error: "error",
} as const;

export type ConnectionChanges = Partial<Pick<ConnectionRow, keyof typeof COLUMNS>>;

/**
 * Changes a connection if its version is still the one given, ends any lease on its token, and raises the version.
 * With an owner, only while that owner holds the lease. Returns whether it was changed.
 */
export async function changeConnection(
  sql: Sql,
  id: string,
  expected: { version: number; owner?: string },
  changes: ConnectionChanges,
  now: number,
): Promise<boolean> {
  const names = Object.keys(changes) as (keyof ConnectionChanges)[];
  const assignments = names.map((name) => `${COLUMNS[name]} = ?, `).join("");
  const values = names.map((name) => toSql(changes[name]));
  const changed = await sql.run(
    `update connections set ${assignments}version = version + 1, refresh_owner = null, refresh_until = null, updated_at = ?
     where id = ? and version = ?${expected.owner === undefined ? "" : " and refresh_owner = ?"}`,
    [...values, now, id, expected.version, ...(expected.owner === undefined ? [] : [expected.owner])],
  );
  return changed === 1;
}

function toSql(value: ConnectionChanges[keyof ConnectionChanges]): SqlValue {
  if (value === undefined || value === null) return null;
  return typeof value === "object" && !(value instanceof Uint8Array) ? JSON.stringify(value) : value;
}

/** Takes the lease on a connection's token unless somebody holds it or the version moved on. Returns whether it was taken. */
export async function leaseRefresh(
  sql: Sql,
  id: string,
  version: number,
  lease: { owner: string; until: number },
  now: number,
): Promise<boolean> {
  const changed = await sql.run(
    `update connections set refresh_owner = ?, refresh_until = ?
     where id = ? and version = ? and (refresh_owner is null or refresh_until <= ?)`,
    [lease.owner, lease.until, id, version, now],
  );
  return changed === 1;
}

/** Hands a lease on to another owner and time, or ends it; does nothing when it is no longer held. */
export async function passRefresh(
  sql: Sql,
  id: string,
  owner: string,
  next: { owner: string; until: number } | null,
): Promise<void> {
  await sql.run("update connections set refresh_owner = ?, refresh_until = ? where id = ? and refresh_owner = ?", [
    next?.owner ?? null,
    next?.until ?? null,
    id,
    owner,
  ]);
}

/** Returns whether there was one. */
export async function deleteConnection(sql: Sql, id: string): Promise<boolean> {
  await sql.run("delete from oauth_states where connection = ?", [id]);
  return (await sql.run("delete from connections where id = ?", [id])) === 1;
}

/** Sealed credentials, for rewrapping them with a newer key; in the order of ids. */
export async function sealedConnections(sql: Sql, page: Page): Promise<{ id: string; credentials: Uint8Array }[]> {
  return sql.all(
    "select id, credentials from connections where id > ? and credentials is not null order by id limit ?",
    [page.after ?? "", page.limit],
  );
}

/** Puts rewrapped credentials in place unless they changed meanwhile. */
export async function replaceSealed(sql: Sql, id: string, old: Uint8Array, rewrapped: Uint8Array): Promise<void> {
  await sql.run("update connections set credentials = ? where id = ? and credentials = ?", [rewrapped, id, old]);
}
