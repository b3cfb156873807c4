import { createHmac, randomBytes } from "node:crypto";
import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { authorizedConnections, type ConnectionRow } from "../model/connections.ts";
import { connectionsWithGrant, grantsOf, type GrantProof } from "../model/grants.ts";
import { getMeta, setMeta } from "../model/meta.ts";
import { placeInMeta } from "../model/sealing.ts";
import type { Sql } from "../store/database.ts";
import type { Credentials } from "./credentials.ts";
import { relate, type Proofs, type Relation } from "./proofs.ts";
import type { VendorOf } from "./vendors.ts";

/** Whose grants connections hold: what a person granted to one OAuth client of one vendor is one grant, and ends as one. */
export interface Grants {
  /** What is stored of the proofs of a connector's grant, so that it can be found and not be read. */
  hashesOf(connector: string, proofs: Proofs): Promise<GrantProof[]>;
  /**
   * Whether a connection would end with a grant of a user at a connector that is proved so: one that is proved to hold it,
   * whoever's it is, or one of the same user of which that is not known. `except`: a connection that does not count.
   */
  isHeld(sql: Sql, grant: HeldGrant, except?: string): Promise<boolean>;
  /** What is stored of the grant of a connection, best proof first. */
  proofsOf(sql: Sql, row: ConnectionRow): Promise<GrantProof[]>;
  /** How many connections are proved to hold the grant of this one, which is counted too. */
  count(row: ConnectionRow): Promise<number>;
  /** Ends a grant at the vendor; false where the vendor offers no way, or does not take it. */
  end(connector: string, credentials: Credentials): Promise<boolean>;
}

/** A grant, by what proves it. */
export interface HeldGrant {
  user: string;
  connector: string;
  /** Best first. */
  proofs: readonly GrantProof[];
}

const KEY_BYTES = 32;
/** In `meta`. */
export const GRANT_KEY = "grant_hash_key";
const PLACE = placeInMeta(GRANT_KEY);

/** Makes the service of grants. */
export function createGrants(
  { db, vault, log }: Pick<Context, "db" | "vault" | "log">,
  { vendorOf }: { vendorOf: VendorOf },
): Grants {
  let kept: Promise<Buffer> | undefined;
  const keyOf = (): Promise<Buffer> => {
    kept ??= keptKey(db, vault).catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };

  /** Undefined for a connector that is not loaded, or has no client. */
  const grantorOf = (connector: string): string | undefined => {
    try {
      return vendorOf(connector).grantor;
    } catch (error) {
      if (error instanceof HooklineError && error.code === "not_found") return undefined;
      throw error;
    }
  };

  const proved = async (sql: Sql, own: readonly GrantProof[], except?: string): Promise<string[]> => {
    if (own.length === 0) return [];
    const hashes = own.map(({ hash }) => hash);
    const others = (await connectionsWithGrant(sql, hashes)).filter((other) => other !== except);
    const theirs = await proofsByConnection(sql, others);
    return others.filter((other) => relate(theirs.get(other) ?? {}, byName(own)) === "same");
  };

  /** A live grant too many is better than a neighbour that is cut off; strangers' do not count, or they could keep any grant alive. */
  const unproved = async (sql: Sql, { user, connector, proofs }: HeldGrant, except?: string): Promise<string[]> => {
    const grantor = grantorOf(connector);
    if (grantor === undefined) return [];
    const neighbours = (await authorizedConnections(sql, user))
      .filter((row) => row.id !== except && grantorOf(row.connector) === grantor)
      .map((row) => row.id);
    const theirs = await proofsByConnection(sql, neighbours);
    return neighbours.filter((other) => relate(theirs.get(other) ?? {}, byName(proofs)) === "unproved");
  };

  return {
    async hashesOf(connector, proofs) {
      const entries = Object.entries(proofs);
      const grantor = grantorOf(connector);
      if (entries.length === 0 || grantor === undefined) return [];
      const key = await keyOf();
      return entries.map(([name, value]) => {
        const hash = createHmac("sha256", key)
          .update(JSON.stringify([grantor, name, value]))
          .digest("base64url");
        return { name, hash };
      });
    },
    proofsOf: (sql, { id }) => grantsOf(sql, [id]),
    async isHeld(sql, grant, except) {
      if ((await proved(sql, grant.proofs, except)).length > 0) return true;
      return (await unproved(sql, grant, except)).length > 0;
    },
    async count({ id }) {
      return 1 + (await proved(db, await grantsOf(db, [id]), id)).length;
    },
    async end(connector, credentials) {
      if (credentials.type !== "oauth2") return false;
      try {
        return await vendorOf(connector)
          .oauth()
          .revoke(credentials.refreshToken ?? credentials.accessToken);
      } catch (error) {
        log.warn({ connector, error }, "a grant could not be revoked at the vendor");
        return false;
      }
    },
  };
}

/** Whether what is stored of two grants proves that they are one. */
export function sameGrant(known: readonly GrantProof[], found: readonly GrantProof[]): Relation {
  return relate(byName(known), byName(found));
}

async function proofsByConnection(sql: Sql, ids: readonly string[]): Promise<Map<string, Proofs>> {
  const proofs = new Map<string, Record<string, string>>();
  if (ids.length === 0) return proofs;
  for (const { connection, name, hash } of await grantsOf(sql, ids))
    proofs.set(connection, { ...proofs.get(connection), [name]: hash });
  return proofs;
}

const byName = (proofs: readonly GrantProof[]): Proofs =>
  Object.fromEntries(proofs.map(({ name, hash }) => [name, hash]));

/** Made once for a store. Without it no grant could be found again, so one that does not open is an error. */
async function keptKey(db: Context["db"], vault: Vault): Promise<Buffer> {
  const sealed = await db.transaction(async (tx) => {
    const known = await getMeta(tx, GRANT_KEY);
    if (known !== undefined) return known;
    const made = Buffer.from(vault.seal(randomBytes(KEY_BYTES).toString("base64"), PLACE)).toString("base64");
    await setMeta(tx, GRANT_KEY, made);
    return made;
  });
  return Buffer.from(vault.open(Buffer.from(sealed, "base64"), PLACE), "base64");
}
