import type { Sql } from "../store/database.ts";
import { bytes, nullable, text, time } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** One authorization under way: what has to be remembered between leaving for the vendor and coming back. Never shown. */
export const oauthStates = new Table(
  "oauth_states",
  {
    stateHash: text("SHA-256 of the state parameter in hex; the parameter itself is only in the person's browser."),
    connection: text("Id of the connection."),
    sealed: bytes("PKCE verifier and what else the exchange needs."),
    returnTo: nullable(text("Where the person goes afterwards.")),
    expiresAt: time("Until when it can be redeemed."),
    usedAt: nullable(time("When it was redeemed; null while it can be.")),
  },
  ["state_hash"],
);

export type OAuthState = RecordOf<typeof oauthStates.fields>;

/** Marks a state as used, once, and replaces what is sealed in it; returns whether this call was the one. */
export async function redeemState(sql: Sql, stateHash: string, now: number, sealed: Uint8Array): Promise<boolean> {
  const unused = "state_hash = ? and used_at is null";
  return (await oauthStates.change(sql, { usedAt: now, sealed }, unused, [stateHash])) === 1;
}

/** Deletes the states that ended before a time; returns how many. */
export async function purgeStates(sql: Sql, endedBefore: number): Promise<number> {
  return sql.run("delete from oauth_states where expires_at < ?", [endedBefore]);
}
