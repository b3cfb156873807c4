import type { As } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import type { Sql } from "../store/database.ts";
import { connectionValues } from "./credentials.ts";

/** With whose credentials an operation of a connection is sent, and what it reads as `$connection`. */
export interface Carrier {
  row: ConnectionRow;
  values: Record<string, unknown>;
}

/** {@link findCarrier} of a connection whose connector is at hand. */
export type CarrierOf = (row: ConnectionRow, as: As | undefined, what: string) => Promise<Carrier>;

/**
 * Who carries what a connection is asked to do: itself, or the connection it was derived from, for what is declared
 * `"as": "parent"`. What the derived one is at the vendor stays fixed then, whatever its parent may reach. `what` begins messages.
 * @throws HooklineError `conflict` when the parent is gone or leads elsewhere, `forbidden` when it belongs to somebody else
 */
export async function findCarrier(
  sql: Sql,
  { authentication }: Connector,
  row: ConnectionRow,
  as: As | undefined,
  what: string,
): Promise<Carrier> {
  if (as === undefined || row.parent === null) return { row, values: connectionValues(row) };
  const parent = await findConnection(sql, row.parent);
  if (!parent) throw withoutParent(what, row.id, "was removed");
  if (hasMoved(parent, row)) throw withoutParent(what, row.id, "leads to another account now");
  // What the parent may do was granted to its owner, who made this one to do less.
  if (parent.user !== row.user) {
    const message = `${what} works only with the connection that ${row.id} was derived from, which is somebody else's; ask its owner to run it`;
    throw new HooklineError("forbidden", message);
  }
  const own = authentication.get(row.authType)?.derivation?.own ?? [];
  const fixed = Object.fromEntries(own.map((name) => [name, row.captured[name]]));
  return { row: parent, values: { ...connectionValues(parent), ...fixed, id: row.id, user: row.user } };
}

/** Whether a connection leads to another account than when another was derived from it. */
export function hasMoved({ moves }: ConnectionRow, { parentMoves }: ConnectionRow): boolean {
  return (moves ?? 0) !== parentMoves;
}

function withoutParent(what: string, id: string, why: string): HooklineError {
  return new HooklineError(
    "conflict",
    `${what} works only with the connection that ${id} was derived from, which ${why}; connect that account again, and derive ${id} from it`,
  );
}
