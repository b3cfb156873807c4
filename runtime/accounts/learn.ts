import type { Context } from "../engine/context.ts";
import { noteProofs } from "../model/connections.ts";
import type { Grants } from "./grants.ts";
import type { TokenResponse } from "./oauth.ts";
import { sealProofs } from "./proofs.ts";
import type { OpenConnection } from "./tokens.ts";
import type { VendorOf } from "./vendors.ts";
import { verify } from "./verify.ts";

/**
 * Makes the function by which a connection of a version without proofs learns its account: with the first renewal of its
 * token that the vendor's test answers after. That costs one request, once. A failure is repeated with the next renewal.
 */
export function createLearn(
  { db, vault, clock, log }: Pick<Context, "db" | "vault" | "clock" | "log">,
  { vendorOf, grants }: { vendorOf: VendorOf; grants: Grants },
): (renewed: OpenConnection, answer: TokenResponse) => Promise<void> {
  return async ({ row, credentials }, { response, claims = {} }) => {
    try {
      const token = { body: response.body, claims };
      const { identity, failure } = await verify(vendorOf(row.connector), row, credentials, clock, token);
      if (failure) throw failure;
      const hashes = await grants.hashesOf(row.connector, identity.grant);
      const sealed = sealProofs(vault, row.id, identity);
      await db.transaction((tx) => noteProofs(tx, row.id, sealed, hashes));
    } catch (error) {
      log.warn({ connection: row.id, error }, "it could not be learnt which account a connection leads to");
    }
  };
}
