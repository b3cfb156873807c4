import { HooklineError, notFound } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { deleteConnection, findConnection, type ConnectionRow } from "../model/connections.ts";
import { holdConnection, tokensDerivedFrom } from "../model/derived-connections.ts";
import type { Tx } from "../store/database.ts";
import type { Confirmations } from "./confirmations.ts";
import { openCredentials } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import type { Offspring } from "./offspring.ts";
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
  offspring: Pick<Offspring, "end">;
}

/**
 * Makes the function that deletes a connection, and ends its grant unless another connection lives on it. What is derived from it
 * ends with it.
 */
export function createRemoval(
  { db, vault }: Pick<Context, "db" | "vault">,
  { status, grants, confirmations, offspring }: RemovalNeeds,
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

  return async (found) => {
    const { id, user, connector } = found;
    await confirmations.abandon(id);
    const remove = async (tx: Tx): Promise<{ row: ConnectionRow; isShared: boolean } | undefined> => {
      await holdConnection(tx, found);
      // Its token may have been renewed since it was found, and of rotating ones only the newest can be given back.
      const row = await findConnection(tx, id);
      if (!row) throw notFound("connection", id);
      if ((await tokensDerivedFrom(tx, id, { limit: 1 })).length > 0) return undefined;
      const grant = { user, connector, proofs: await grants.proofsOf(tx, row) };
      const isShared = row.credentials !== null && (await grants.isHeld(tx, grant, id));
      await deleteConnection(tx, id);
      await status.announce(tx, { id, connector, user, status: "removed" });
      return { row, isShared };
    };
    let removed: { row: ConnectionRow; isShared: boolean } | undefined;
    do {
      await offspring.end(id);
      removed = await db.transaction(remove);
      // Something was derived from it meanwhile.
    } while (removed === undefined);
    const { row, isShared } = removed;
    // The grant of a derived connection is its parent's.
    const credentials = row.authType === "oauth2" && row.parent === null ? row.credentials : null;
    const revoked = credentials === null ? null : !isShared && (await revoke(row, credentials));
    // Tokens that came to wait meanwhile.
    await confirmations.abandon(id);
    return { revoked };
  };
}
