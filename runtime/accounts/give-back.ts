import type { Context } from "../engine/context.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { Credentials } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { openProofs } from "./proofs.ts";

/**
 * Makes what ends the grant of tokens that came too late for their connection: it is gone, or was moved to another account, or has other
 * tokens. Whatever still lives on the grant keeps it. `row`: the connection as it was when the tokens were asked for.
 */
export function createGiveBack(
  { db, vault, log }: Pick<Context, "db" | "vault" | "log">,
  { grants }: { grants: Grants },
): (row: ConnectionRow, credentials: Credentials) => Promise<void> {
  return async (row, credentials) => {
    const { id, user, connector } = row;
    // The grant of a derived connection is its parent's.
    if (row.parent !== null) return;
    try {
      const proofs = await grants.hashesOf(connector, openProofs(vault, row).grant);
      if (!(await grants.isHeld(db, { user, connector, proofs }))) await grants.end(row, credentials);
    } catch (error) {
      log.warn({ connection: id, error }, "the grant of tokens that came too late could not be revoked");
    }
  };
}
