import { HooklineError } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { MINUTE } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { connections, deleteConnection, type ConnectionRow } from "../model/connections.ts";
import { revocations, revocationsBefore, type Revocation } from "../model/revocations.ts";
import type { Tx } from "../store/database.ts";
import type { Confirmations } from "./confirmations.ts";
import { openCredentials, type Credentials } from "./credentials.ts";
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

/** Removes connections, and ends their grants unless another connection lives on them. */
export interface Removals {
  /** `also` runs in the transaction that removes the connection. */
  remove(row: ConnectionRow, also?: (tx: Tx) => Promise<void>): Promise<Removal>;
  /** Removes some of the connections of a user, and ends their grants. Returns how many. */
  removeSome(user: string, limit: number): Promise<number>;
  /** Ends the grants that a process has left behind which died before it could. */
  revokeRest(): Promise<void>;
}

/** A removal that has taken longer than this was interrupted. */
const INTERRUPTED_MS = 10 * MINUTE;
/** Grants that are ended at once. */
const AT_ONCE = 8;

/** Makes what removes connections. */
export function createRemovals(
  { db, vault, clock }: Pick<Context, "db" | "vault" | "clock">,
  { status, grants, confirmations }: RemovalNeeds,
): Removals {
  /** Credentials that no longer open can be destroyed, and not given back. */
  const opened = (open: () => Credentials): Credentials | undefined => {
    try {
      return open();
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
      throw error;
    }
  };

  /** The connection, its grant and who follows it: all in one transaction, whose outcome a process may die on. */
  const take = async (tx: Tx, row: ConnectionRow): Promise<{ held: boolean; revocation?: Revocation }> => {
    const { id, user, connector, authType } = row;
    const sealed = authType === "oauth2" ? row.credentials : null;
    const grant = { user, connector, proofs: await grants.proofsOf(tx, row) };
    const isShared = sealed !== null && (await grants.isHeld(tx, grant, id));
    await deleteConnection(tx, id);
    await status.announce(tx, { id, connector, user, status: "removed" });
    const credentials = sealed === null || isShared ? undefined : opened(() => openCredentials(vault, row, sealed));
    if (!credentials) return { held: sealed !== null };
    const now = clock.now();
    const place = newId("rev", now);
    const kept = vault.seal(JSON.stringify(credentials), placeOf(place));
    const revocation: Revocation = { id: place, connector, sealed: kept, createdAt: now };
    await revocations.insert(tx, revocation);
    return { held: true, revocation };
  };

  /** Whoever deletes the row has its grant. */
  const revoke = async ({ id, connector, sealed }: Revocation): Promise<boolean> => {
    const credentials = opened(() => JSON.parse(vault.open(sealed, placeOf(id))) as Credentials);
    try {
      return credentials !== undefined && (await grants.end(connector, credentials));
    } finally {
      await revocations.delete(db, id);
    }
  };

  return {
    remove: async (row, also) => {
      await confirmations.abandon(row.id);
      const { held, revocation } = await db.transaction(async (tx) => {
        const taken = await take(tx, row);
        await also?.(tx);
        return taken;
      });
      return { revoked: held ? revocation !== undefined && (await revoke(revocation)) : null };
    },

    removeSome: async (user, limit) => {
      const rows = await connections.page(db, { user }, { limit });
      for (const { id } of rows) await confirmations.abandon(id);
      const taken = await db.transaction(async (tx) => {
        const all = [];
        for (const row of await connections.page(tx, { user }, { limit })) all.push(await take(tx, row));
        return all;
      });
      const left = taken.flatMap(({ revocation }) => revocation ?? []);
      while (left.length > 0) await Promise.all(left.splice(0, AT_ONCE).map(revoke));
      return taken.length;
    },

    revokeRest: async () => {
      for (;;) {
        const left = await revocationsBefore(db, clock.now() - INTERRUPTED_MS, AT_ONCE);
        await Promise.all(left.map(revoke));
        if (left.length < AT_ONCE) return;
      }
    },
  };
}

/** Where credentials stand until their grant is ended. */
const placeOf = (row: string) => ({ table: "revocations", row, field: "sealed" });
