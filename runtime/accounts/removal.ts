import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { deleteConnection, type ConnectionRow } from "../model/connections.ts";
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
  const revoke = async ({ id, connector }: ConnectionRow, sealed: Uint8Array): Promise<boolean> => {
    try {
      return await grants.end(connector, openCredentials(vault, id, sealed));
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return false;
      throw error;
    }
  };

  return async (row) => {
    const { id, user, connector, authType } = row;
    // The grant of a derived connection is its parent's.
    const credentials = authType === "oauth2" && row.parent === null ? row.credentials : null;
    await confirmations.abandon(id);
    const remove = async (tx: Tx): Promise<boolean | undefined> => {
      await holdConnection(tx, row);
      if ((await tokensDerivedFrom(tx, id, { limit: 1 })).length > 0) return undefined;
      const grant = { user, connector, proofs: await grants.proofsOf(tx, row) };
      const shared = credentials !== null && (await grants.isHeld(tx, grant, id));
      await deleteConnection(tx, id);
      await status.announce(tx, { id, connector, user, status: "removed" });
      return shared;
    };
    let isShared: boolean | undefined;
    do {
      await offspring.end(id);
      isShared = await db.transaction(remove);
      // Something was derived from it meanwhile.
    } while (isShared === undefined);
    return { revoked: credentials === null ? null : !isShared && (await revoke(row, credentials)) };
  };
}
