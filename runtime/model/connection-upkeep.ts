/** Statements about connections that nobody asks for: tests that are repeated, proofs that are learnt, keys that change. */
import type { Sql, Tx } from "../store/database.ts";
import { connections, findConnection, type ConnectionRow } from "./connections.ts";
import { saveGrants, type GrantProof } from "./grants.ts";

/** Pending connections whose test is due, longest due first. */
export function connectionsToTest(sql: Sql, now: number, limit: number): Promise<ConnectionRow[]> {
  return connections.all(sql, "where test_at is not null and test_at <= ? order by test_at limit ?", [now, limit]);
}

/** When the next test of a pending connection is due; undefined when none waits. */
export async function nextTest(sql: Sql): Promise<number | undefined> {
  const sooner = "select test_at from connections where test_at is not null order by test_at limit 1";
  return (await sql.get<{ test_at: number }>(sooner))?.test_at;
}

/** Puts proofs in the place of those that a connection had, unless they changed meanwhile. */
export async function noteProofs(
  tx: Tx,
  { id, proofs: old }: Pick<ConnectionRow, "id" | "proofs">,
  { proofs, grants }: { proofs: Uint8Array | null; grants: readonly GrantProof[] },
): Promise<void> {
  const [same, params] = old === null ? ["proofs is null", []] : ["proofs = ?", [old]];
  // Its credentials and status stay as they are, and so does the version.
  if ((await connections.change(tx, { proofs }, `id = ? and ${same}`, [id, ...params])) === 1)
    await saveGrants(tx, id, grants);
}

/**
 * Notes that the vendor refuses an operation for want of a scope, by its key, with the scopes to ask for; unless the credentials that it
 * refused are no longer the connection's.
 */
export async function noteRefused(
  tx: Tx,
  { id, version }: Pick<ConnectionRow, "id" | "version">,
  operation: string,
  scopes: string[],
): Promise<void> {
  const row = await findConnection(tx, id);
  if (row?.version !== version) return;
  const refused = { ...row.refused, [operation]: scopes };
  // Its credentials and status stay as they are, and so does the version.
  await connections.change(tx, { refused }, "id = ? and version = ?", [id, version]);
}
