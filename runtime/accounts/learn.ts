import type { Context } from "../engine/context.ts";
import { noteProofs } from "../model/connection-upkeep.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { OpenConnection } from "./credentials.ts";
import type { Grants } from "./grants.ts";
import type { TokenResponse } from "./oauth.ts";
import { hasAll, openProofs, relate, sealProofs, together, type Identity } from "./proofs.ts";
import type { VendorOf } from "./vendors.ts";
import { verify } from "./verify.ts";

/** How connections learn which account they lead to, beside authorizations. */
export interface Learn {
  /**
   * With the first renewal of its token that the vendor's test answers after, for a connection of a version without proofs.
   * That costs one request, once. A failure is logged and repeated with the next renewal.
   */
  renewed(renewed: OpenConnection, answer: TokenResponse): Promise<void>;
  /** From what a test has proved beyond what is known. */
  tested(row: ConnectionRow, found: Identity): Promise<void>;
}

/** Makes the service by which connections learn their accounts. */
export function createLearn(
  { db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">,
  { vendorOf, grants }: { vendorOf: VendorOf; grants: Grants },
): Learn {
  const tested = async (row: ConnectionRow, found: Identity): Promise<void> => {
    const known = openProofs(vault, row);
    const isKnown = row.proofs !== null && hasAll(known.account, found.account) && hasAll(known.grant, found.grant);
    if (isKnown || relate(known.account, found.account) === "other") return;
    const identity = together(known, found);
    const hashes = await grants.hashesOf(row.connector, identity.grant);
    const proved = { proofs: sealProofs(vault, row, identity), grants: hashes };
    await db.transaction((tx) => noteProofs(tx, row, proved));
  };

  return {
    tested,
    renewed: async ({ row, credentials }, { response, claims = {} }) => {
      try {
        const token = { body: response.body, claims };
        const { identity, failure } = await verify(vendorOf(row.connector), row, credentials, clock, token);
        if (failure) throw failure;
        await tested(row, identity);
      } catch (error) {
        log.warn({ connection: row.id, error }, "it could not be learnt which account a connection leads to");
      }
    },
  };
}
