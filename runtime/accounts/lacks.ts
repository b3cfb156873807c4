import type { Context } from "../engine/context.ts";
import { noteRefused } from "../model/connection-upkeep.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { keyOf, scopeRefusal, scopesRefused, type Operation } from "./scopes.ts";

/**
 * Makes what learns from a vendor that refuses an operation for want of a scope: the connection is known not to have it, until a person
 * is asked again. Gives what the error tells of that, as of a refusal before any call.
 */
export function createLacks({
  db,
  log,
}: Pick<Context, "db" | "log">): (
  row: ConnectionRow,
  operation: Operation,
  wwwAuthenticate: string | undefined,
) => Promise<Record<string, unknown>> {
  return async (row, operation, wwwAuthenticate) => {
    const key = keyOf(operation);
    const scopes = scopesRefused(operation, row, wwwAuthenticate);
    log.warn({ connection: row.id, operation: key, scopes }, "the vendor refuses an operation for want of a scope");
    await db.transaction((tx) => noteRefused(tx, row, key, scopes));
    return scopeRefusal(key, operation, { ...row, refused: { [key]: scopes } })!.data;
  };
}
