import type { Sql } from "../store/database.ts";

/** One authorization under way: what has to be remembered between leaving for the vendor and coming back. */
export interface OAuthState {
  /** SHA-256 of the state parameter in hex; the parameter itself is only in the person's browser. */
  stateHash: string;
  connection: string;
  /** Sealed PKCE verifier and what else the exchange needs. */
  sealed: Uint8Array;
  returnTo: string | null;
  /** Milliseconds since the epoch. */
  expiresAt: number;
  /** When it was redeemed; null while it can be. */
  usedAt: number | null;
}

interface RawState {
  state_hash: string;
  connection: string;
  sealed: Uint8Array;
  return_to: string | null;
  expires_at: number;
  used_at: number | null;
}

export async function insertState(sql: Sql, state: OAuthState): Promise<void> {
  await sql.run(
    "insert into oauth_states (state_hash, connection, sealed, return_to, expires_at, used_at) values (?, ?, ?, ?, ?, ?)",
    [state.stateHash, state.connection, state.sealed, state.returnTo, state.expiresAt, state.usedAt],
  );
}

export async function findState(sql: Sql, stateHash: string): Promise<OAuthState | undefined> {
  const raw = await sql.get<RawState>("select * from oauth_states where state_hash = ?", [stateHash]);
  if (!raw) return undefined;
  return {
    stateHash: raw.state_hash,
    connection: raw.connection,
    sealed: raw.sealed,
    returnTo: raw.return_to,
    expiresAt: raw.expires_at,
    usedAt: raw.used_at,
  };
}

/** Marks a state as used, once, and replaces what is sealed in it; returns whether this call was the one. */
export async function useState(sql: Sql, stateHash: string, now: number, sealed: Uint8Array): Promise<boolean> {
  const changed = await sql.run(
    "update oauth_states set used_at = ?, sealed = ? where state_hash = ? and used_at is null",
    [now, sealed, stateHash],
  );
  return changed === 1;
}

/** Forgets states that ended before a time; returns how many. */
export async function purgeStates(sql: Sql, endedBefore: number): Promise<number> {
  return sql.run("delete from oauth_states where expires_at < ?", [endedBefore]);
}
