import { WORKSPACE_USER } from "../model/user.ts";
import { movesOf } from "../accounts/moved.ts";
import { connections, connectionsByIds } from "../model/connections.ts";
import type { EventRecord } from "../model/events.ts";
import { streamsByIds } from "../model/streams.ts";
import type { Sql } from "../store/database.ts";
import { refsOf, type FlowRecord } from "./model/flows.ts";
import type { RunError, RunRecord } from "./model/runs.ts";

type Begun = Pick<RunRecord, "forUser"> & { connection?: string };
type Moved = Pick<RunError, "code" | "message">;

/**
 * How often each connection that a run of a flow may use has been moved to another account so far. Those that never were are left
 * out: of a connection that comes later, only the account that it was made with is used.
 */
export async function accountsOf(
  sql: Sql,
  flow: FlowRecord,
  { forUser, connection }: Begun,
): Promise<RunRecord["accounts"]> {
  const refs = refsOf(flow);
  const ids = [...refs, connection].filter((ref) => typeof ref === "string");
  const owners = refs.some((ref) => typeof ref === "object") ? [forUser, WORKSPACE_USER] : [];
  const named = ids.length === 0 ? [] : await connectionsByIds(sql, [...new Set(ids)]);
  const owned = await Promise.all(
    owners.flatMap((owner) =>
      owner === null ? [] : [connections.all(sql, "where user_id = ? and moves > 0", [owner])],
    ),
  );
  const moved = [...named, ...owned.flat()].filter((row) => movesOf(row) > 0);
  return moved.length === 0 ? null : Object.fromEntries(moved.map((row) => [row.id, movesOf(row)]));
}

/**
 * What ends a run: a connection, the one whose trigger began it or the one it is about to use, has been moved to another account
 * since then.
 */
export async function movedSince(
  sql: Sql,
  { connection, accounts }: Pick<RunRecord, "connection" | "accounts">,
  used?: string,
): Promise<Moved | undefined> {
  const ids = [...new Set([connection, used].filter((id) => typeof id === "string"))];
  if (ids.length === 0) return undefined;
  const moved = (await connectionsByIds(sql, ids)).find((row) => movesOf(row) !== (accounts?.[row.id] ?? 0));
  return moved && accountMoved(moved.id);
}

/**
 * What keeps an event from starting a run: its connection has been moved to another account since. A move gives every stream of the
 * connection another number, so that of the streams of the first account none is left.
 */
export async function movedSinceEvent(sql: Sql, { connection, stream }: EventRecord): Promise<Moved | undefined> {
  if (connection === null || stream === null) return undefined;
  const [row] = await connectionsByIds(sql, [connection]);
  if (row === undefined || movesOf(row) === 0 || (await streamsByIds(sql, [stream])).length > 0) return undefined;
  return accountMoved(connection);
}

function accountMoved(connection: string): Moved {
  return {
    code: "account_moved",
    message: `Connection ${connection} was moved to another account after this run began; nothing was done with the other account. Start the flow again for it`,
  };
}
