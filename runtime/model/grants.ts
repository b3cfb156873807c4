import type { Sql } from "../store/database.ts";
import { count, text } from "./field.ts";
import { Table, type RecordOf } from "./table.ts";

/** What proves whose grant a connection holds, as keyed hashes: equal ones are one grant, over all users and connectors. */
const connectionGrants = new Table(
  "connection_grants",
  {
    connection: text("Id of the connection."),
    name: text("Name of the proof in the manifest."),
    hash: text("Keyed hash of the vendor, the OAuth client, and the proof."),
    place: count("Its place among the proofs of the connection, from 0: the best."),
  },
  ["connection", "name"],
);

/** What proves whose grant the tokens are of that wait to be confirmed, in the same way. */
const heldGrants = new Table(
  "held_grants",
  {
    state: text("Hash of the state that holds the tokens."),
    name: text("Name of the proof in the manifest."),
    hash: text("Keyed hash of the vendor, the OAuth client, and the proof."),
    place: count("Its place among the proofs of the tokens, from 0: the best."),
  },
  ["state", "name"],
);

/** One proof of a grant, by the name it has in the manifest; of several, the best stands first. */
export type GrantProof = Pick<RecordOf<typeof connectionGrants.fields>, "name" | "hash">;

/** Takes the place of all that proved the grant of a connection. */
export async function saveGrants(sql: Sql, connection: string, proofs: readonly GrantProof[]): Promise<void> {
  await sql.run("delete from connection_grants where connection = ?", [connection]);
  await connectionGrants.insert(sql, ...proofs.map((proof, place) => ({ ...proof, connection, place })));
}

/** Takes the place of all that proved the grant of tokens that wait. */
export async function saveHeldGrants(sql: Sql, state: string, proofs: readonly GrantProof[]): Promise<void> {
  await sql.run("delete from held_grants where state = ?", [state]);
  await heldGrants.insert(sql, ...proofs.map((proof, place) => ({ ...proof, state, place })));
}

/** What proves the grants of tokens that wait, by their states, best first. */
export function heldGrantsOf(sql: Sql, states: readonly string[]): Promise<RecordOf<typeof heldGrants.fields>[]> {
  return heldGrants.all(sql, `where ${sql.oneOf("state")} order by place`, [JSON.stringify(states)]);
}

/** The states whose tokens wait and have one of these proofs at least. */
export async function statesWithGrant(sql: Sql, hashes: readonly string[]): Promise<string[]> {
  const rows = await sql.all<{ state: string }>(`select distinct state from held_grants where ${sql.oneOf("hash")}`, [
    JSON.stringify(hashes),
  ]);
  return rows.map(({ state }) => state);
}

/** What proves the grants of these connections, best first. */
export function grantsOf(sql: Sql, ids: readonly string[]): Promise<RecordOf<typeof connectionGrants.fields>[]> {
  return connectionGrants.all(sql, `where ${sql.oneOf("connection")} order by place`, [JSON.stringify(ids)]);
}

/**
 * The connections with one of these proofs at least, but for those whose grant is known to be dead, and derived ones: these live on
 * their parent's.
 */
export async function connectionsWithGrant(sql: Sql, hashes: readonly string[]): Promise<string[]> {
  const rows = await sql.all<{ connection: string }>(
    `select distinct connection from connection_grants
     join connections c on c.id = connection and c.status <> 'reauth_required' and c.parent is null where ${sql.oneOf("hash")}`,
    [JSON.stringify(hashes)],
  );
  return rows.map(({ connection }) => connection);
}
