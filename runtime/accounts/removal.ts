import { HooklineError, notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { deleteConnection, findConnection, type ConnectionRow } from "../model/connections.ts";
import type { Confirmations } from "./confirmations.ts";
import { openCredentials } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import type { Status } from "./status.ts";

/** What became of the grant of a connection that was removed. */
export interface Removal {
  /**
   * Whether the grant was ended at the vendor. False when another connection lives on it, or the vendor offers no way or did
   * not take it; null when the connection held none.
   */
  revoked: boolean | null;
}

export interface RemovalNeeds {
  status: Status;
  grants: Grants;
  confirmations: Confirmations;
}

/** Makes the function that deletes a connection, and ends its grant unless another connection lives on it. */
export function createRemoval(
  { db, vault }: Pick<Context, "db" | "vault">,
  { status, grants, confirmations }: RemovalNeeds,
): (row: ConnectionRow) => Promise<Removal> {
  /** Credentials that no longer open can be destroyed, and not given back. */
  const revoke = async (row: ConnectionRow, sealed: Uint8Array): Promise<boolean> => {
    try {
      return await grants.end(row, openCredentials(vault, row.id, sealed));
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return false;
      throw error;
    }
  };

  return async ({ id, user, connector }) => {
    await confirmations.abandon(id);
    const { row, isShared } = await db.transaction(async (tx) => {
      // Its token may have been renewed since it was found, and of rotating ones only the newest can be given back.
      const row = await findConnection(tx, id);
      if (!row) throw notFound("connection", id);
      const grant = { user, connector, proofs: await grants.proofsOf(tx, row) };
      const isShared = row.credentials !== null && (await grants.isHeld(tx, grant, id));
      await deleteConnection(tx, id);
      await status.announce(tx, { id, connector, user, status: "removed" });
      return { row, isShared };
    });
    const credentials = row.authType === "oauth2" ? row.credentials : null;
    const revoked = credentials === null ? null : !isShared && (await revoke(row, credentials));
    // Tokens that came to wait meanwhile.
    await confirmations.abandon(id);
    return { revoked };
  };
}
