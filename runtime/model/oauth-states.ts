import type { Sql } from "../store/database.ts";
import { bytes, count, nullable, text, time } from "./field.ts";
import { saveHeldGrants } from "./grants.ts";
import { Table, type RecordOf } from "./table.ts";

/** One step of an authorization under way, from the link to what waits to be confirmed. Never shown. */
export const oauthStates = new Table(
  "oauth_states",
  {
    stateHash: text(
      "SHA-256 in hex of the link's token or of the state parameter; they themselves are only with the person.",
    ),
    connection: text("Id of the connection."),
    sealed: bytes("Which step it is, who began, and what the next step needs."),
    returnTo: nullable(text("Where the person goes afterwards.")),
    expiresAt: time("Until when the next step can be taken."),
    usedAt: nullable(time("When the vendor's answer was redeemed; null while it can be.")),
    tries: nullable(count("Confirmation codes tried while tokens wait for theirs; null while none wait.")),
  },
  ["state_hash"],
);

export type OAuthState = RecordOf<typeof oauthStates.fields>;

/** Wrong confirmation codes that end an authorization. */
export const MOST_TRIES = 3;

/** Marks a state as used, once, and replaces what is sealed in it; returns whether this call was the one. */
export async function redeemState(sql: Sql, stateHash: string, now: number, sealed: Uint8Array): Promise<boolean> {
  const unused = "state_hash = ? and used_at is null";
  return (await oauthStates.change(sql, { usedAt: now, sealed }, unused, [stateHash])) === 1;
}

/** Keeps with a redeemed state what came of it. Returns false when the connection was deleted meanwhile. */
export async function settleState(
  sql: Sql,
  stateHash: string,
  outcome: Pick<OAuthState, "sealed"> & Partial<Pick<OAuthState, "tries" | "expiresAt">>,
): Promise<boolean> {
  return (await oauthStates.change(sql, outcome, "state_hash = ?", [stateHash])) === 1;
}

/** Authorizations of a connection whose tokens wait to be confirmed. */
export async function heldStates(sql: Sql, connection: string): Promise<OAuthState[]> {
  return oauthStates.all(sql, "where connection = ? and tries is not null order by state_hash", [connection]);
}

/** Authorizations of a user's connections whose tokens wait to be confirmed. */
export function heldStatesOfUser(sql: Sql, user: string): Promise<{ stateHash: string; connector: string }[]> {
  return sql.all(
    `select s.state_hash as "stateHash", c.connector from connections c
     join oauth_states s on s.connection = c.id and s.tries is not null where c.user_id = ?`,
    [user],
  );
}

/** Deletes a state with what it holds; false when it is gone already. Whoever deletes it has its tokens. */
export async function forgetState(sql: Sql, stateHash: string): Promise<boolean> {
  await saveHeldGrants(sql, stateHash, []);
  return oauthStates.delete(sql, stateHash);
}

/** Authorizations of any connection whose tokens waited in vain, at most `limit`. */
export async function expiredHeldStates(sql: Sql, now: number, limit: number): Promise<OAuthState[]> {
  return oauthStates.all(sql, "where tries is not null and expires_at < ? limit ?", [now, limit]);
}

/** Counts a code before it is compared, so that tries at once cannot exceed the limit; false when none is left. */
export async function spendTry(sql: Sql, stateHash: string): Promise<boolean> {
  const spent = await sql.run("update oauth_states set tries = tries + 1 where state_hash = ? and tries < ?", [
    stateHash,
    MOST_TRIES,
  ]);
  return spent === 1;
}

/** From when on the first state has ended, milliseconds since the epoch; undefined when there is none. */
export async function firstEnd(sql: Sql): Promise<number | undefined> {
  const first = "select expires_at as at from oauth_states order by expires_at limit 1";
  const found = await sql.get<{ at: number }>(first);
  return found && found.at + 1;
}

/** Deletes the states that ended before a time; returns how many. What holds tokens is given up first. */
export async function purgeStates(sql: Sql, endedBefore: number): Promise<number> {
  return sql.run("delete from oauth_states where expires_at < ? and tries is null", [endedBefore]);
}
