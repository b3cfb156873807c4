import { HooklineError, notFound } from "../core/errors.ts";
import { connections, type ConnectionRow } from "../model/connections.ts";
import { WORKSPACE_USER } from "../model/user.ts";
import type { Sql } from "../store/database.ts";

/** How a flow names a connection: by id, or as the only one of a connector. */
export type ConnectionRef = string | { connector: string };

/** For whom a connection is looked for. */
export interface Asker {
  /** Whose flow it is; one of the workspace (null) may name anybody's connection. */
  owner: string | null;
  /** Whom the run is about. */
  user: string | null;
  /** Whether the workspace's own may be used. */
  workspace: boolean;
}

/** Most connections of one connector a user is asked to tell apart. */
const MOST = 50;

/**
 * The connection a flow means; of a connector the user's only one, else the workspace's.
 * @throws HooklineError `not_found` when it does not exist or is another user's, `conflict` when several match
 */
export async function resolveConnection(sql: Sql, ref: ConnectionRef, asker: Asker): Promise<ConnectionRow> {
  return typeof ref === "string" ? byId(sql, ref, asker) : ofConnector(sql, ref.connector, asker);
}

async function byId(sql: Sql, id: string, { owner, workspace }: Asker): Promise<ConnectionRow> {
  const row = await connections.find(sql, id);
  if (row && (owner === null || row.user === owner || (workspace && row.user === WORKSPACE_USER))) return row;
  if (row?.user === WORKSPACE_USER) {
    throw new HooklineError(
      "not_found",
      `Connection ${id} is the workspace's own; only an admin can wire it into a flow`,
    );
  }
  throw notFound("connection", id);
}

async function ofConnector(sql: Sql, connector: string, { user, workspace }: Asker): Promise<ConnectionRow> {
  for (const owner of [user, workspace ? WORKSPACE_USER : null]) {
    if (owner === null) continue;
    const rows = await connections.page(sql, { user: owner, connector }, { limit: MOST });
    const usable = rows.filter(({ status }) => status !== "pending");
    if (usable.length === 1) return usable[0]!;
    if (usable.length > 1) {
      const message = `${owner} has ${usable.length} connections of ${connector}; name one by its id`;
      throw new HooklineError("conflict", message);
    }
  }
  const message =
    user === null
      ? `The workspace has no connection of ${connector}; name the user whose connection is meant, or connect one first`
      : `${user} has no connection of ${connector}; connect one first`;
  throw new HooklineError("not_found", message);
}
