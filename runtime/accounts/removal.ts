import { HooklineError, notFound } from "../core/errors.ts";
import { newId } from "../core/ids.ts";
import { MINUTE } from "../core/time.ts";
import type { Context } from "../engine/context.ts";
import { connections, deleteConnection, findConnection, type ConnectionRow } from "../model/connections.ts";
import { holdConnection, tokensDerivedFrom } from "../model/derived-connections.ts";
import { revocations, revocationsBefore, type Revocation } from "../model/revocations.ts";
import type { Tx } from "../store/database.ts";
import type { Confirmations } from "./confirmations.ts";
import { openCredentials, type Credentials } from "./credentials.ts";
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

/** Removes connections, what is derived from them, and their grants unless another connection lives on them. */
export interface Removals {
  /**
   * `also` runs in the transaction that removes the connection.
   * @throws HooklineError `not_found` when it is gone already
   */
  remove(row: ConnectionRow, also?: (tx: Tx) => Promise<void>): Promise<Removal>;
  /** Removes some of the connections of a user, and ends their grants. Returns how many there were. */
  removeSome(user: string, limit: number): Promise<number>;
  /** Ends the grants that a process has left behind which died before it could. */
  revokeRest(): Promise<void>;
}

/** A removal that has taken longer than this was interrupted. */
const INTERRUPTED_MS = 10 * MINUTE;
/** Grants that are ended at once. */
const AT_ONCE = 8;

/** What it takes to end a grant once its connection is gone. */
type Kept = Pick<ConnectionRow, "inputs"> & { credentials: Credentials };

/** A connection that was removed. */
interface Taken {
  /** Whether it had a grant of its own. */
  held: boolean;
  /** Of a grant that is to be ended. */
  revocation?: Revocation;
}

/** Makes what removes connections. */
export function createRemovals(
  { db, vault, clock }: Pick<Context, "db" | "vault" | "clock">,
  { status, grants, confirmations, offspring }: RemovalNeeds,
): Removals {
  /** Credentials that no longer open can be destroyed, and not given back. */
  const opened = <Content>(open: () => Content): Content | undefined => {
    try {
      return open();
    } catch (error) {
      if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
      throw error;
    }
  };

  /**
   * The connection, its grant and who follows it: all in one transaction, whose outcome a process may die on. Undefined when it is gone,
   * and "parent" when something is derived from it still, which is to be ended first.
   */
  const take = async (tx: Tx, found: ConnectionRow): Promise<Taken | "parent" | undefined> => {
    const { id, user, connector, inputs } = found;
    await holdConnection(tx, found);
    // Its token may have been renewed since it was found, and of rotating ones only the newest can be given back.
    const row = await findConnection(tx, id);
    if (!row) return undefined;
    if ((await tokensDerivedFrom(tx, id, { limit: 1 })).length > 0) return "parent";
    // The grant of a derived connection is its parent's.
    const sealed = row.authType === "oauth2" && row.parent === null ? row.credentials : null;
    const grant = { user, connector, proofs: await grants.proofsOf(tx, row) };
    const isShared = sealed !== null && (await grants.isHeld(tx, grant, id));
    await deleteConnection(tx, id);
    await status.announce(tx, { id, connector, user, status: "removed" });
    const credentials = sealed === null || isShared ? undefined : opened(() => openCredentials(vault, row, sealed));
    if (!credentials) return { held: sealed !== null };
    const now = clock.now();
    const place = newId("rev", now);
    const kept: Kept = { inputs, credentials };
    const revocation = {
      id: place,
      connector,
      sealed: vault.seal(JSON.stringify(kept), placeOf(place)),
      createdAt: now,
    };
    await revocations.insert(tx, revocation);
    return { held: true, revocation };
  };

  /** With all that is derived from it; undefined when it is gone already. */
  const removeWhole = async (row: ConnectionRow, also?: (tx: Tx) => Promise<void>): Promise<Taken | undefined> => {
    for (;;) {
      await offspring.end(row.id);
      const taken = await db.transaction(async (tx) => {
        const one = await take(tx, row);
        if (typeof one === "object") await also?.(tx);
        return one;
      });
      // Else something was derived from it meanwhile.
      if (taken !== "parent") return taken;
    }
  };

  /** Whoever deletes the row has its grant. */
  const revoke = async ({ id, connector, sealed }: Revocation): Promise<boolean> => {
    const kept = opened(() => JSON.parse(vault.open(sealed, placeOf(id))) as Kept);
    try {
      return kept !== undefined && (await grants.end({ connector, inputs: kept.inputs }, kept.credentials));
    } finally {
      await revocations.delete(db, id);
    }
  };

  return {
    remove: async (row, also) => {
      await confirmations.abandon(row.id);
      const removed = await removeWhole(row, also);
      if (removed === undefined) throw notFound("connection", row.id);
      const { held, revocation } = removed;
      const revoked = held ? revocation !== undefined && (await revoke(revocation)) : null;
      // Tokens that came to wait meanwhile.
      await confirmations.abandon(row.id);
      return { revoked };
    },

    removeSome: async (user, limit) => {
      const rows = await connections.page(db, { user }, { limit });
      const left: Revocation[] = [];
      for (const row of rows) {
        await confirmations.abandon(row.id);
        left.push(...[(await removeWhole(row))?.revocation ?? []].flat());
        await confirmations.abandon(row.id);
      }
      while (left.length > 0) await Promise.all(left.splice(0, AT_ONCE).map(revoke));
      return rows.length;
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
