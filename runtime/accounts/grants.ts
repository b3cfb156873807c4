import { createHmac, randomBytes } from "node:crypto";
import type { Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { authorizedConnections, type ConnectionRow } from "../model/connections.ts";
import { DERIVED } from "../model/connection-input.ts";
import { connectionsWithGrant, grantsOf, heldGrantsOf, statesWithGrant, type GrantProof } from "../model/grants.ts";
import { heldStatesOfUser } from "../model/oauth-states.ts";
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
  /** Under which a connection is found that is derived for this id of the vendor's; it cannot be read. */
  derivedKey(connector: string, id: string): Promise<string>;
  /**
   * Whether something would end with a grant of a user at a connector that is proved so: a connection, or tokens that wait to be
   * confirmed, of which it is proved that they hold it, whoever's they are, or of the same user where that is not known. `except`: a
   * connection that does not count.
   */
  isHeld(sql: Sql, grant: HeldGrant, except?: string): Promise<boolean>;
  /** What is stored of the grant of a connection, best proof first. */
  proofsOf(sql: Sql, row: ConnectionRow): Promise<GrantProof[]>;
  /** How many connections are proved to hold the grant of this one, which is counted too. */
  count(row: ConnectionRow): Promise<number>;
  /** Ends a grant at the vendor; false where the vendor offers no way, or does not take it. */
  end(row: Pick<ConnectionRow, "connector" | "inputs">, credentials: Credentials): Promise<boolean>;
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

  /** The same of tokens that wait to be confirmed. */
  const waiting = async (sql: Sql, { user, connector, proofs }: HeldGrant): Promise<boolean> => {
    const grantor = grantorOf(connector);
    const own = byName(proofs);
    const states = proofs.length === 0 ? [] : await statesWithGrant(sql, Object.values(own));
    const neighbours = (grantor === undefined ? [] : await heldStatesOfUser(sql, user))
      .filter((state) => grantorOf(state.connector) === grantor)
      .map(({ stateHash }) => stateHash);
    if (states.length + neighbours.length === 0) return false;
    const theirs = byHolder(
      (await heldGrantsOf(sql, [...states, ...neighbours])).map(({ state, ...proof }) => [state, proof]),
    );
    const relation = (state: string): Relation => relate(theirs.get(state) ?? {}, own);
    return states.some((one) => relation(one) === "same") || neighbours.some((one) => relation(one) !== "other");
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
    async derivedKey(connector, id) {
      const key = createHmac("sha256", await keyOf()).update(JSON.stringify([grantorOf(connector), "derived", id]));
      return `${DERIVED}_${key.digest("hex").slice(0, 32)}`;
    },
    proofsOf: (sql, { id }) => grantsOf(sql, [id]),
    async isHeld(sql, grant, except) {
      if ((await proved(sql, grant.proofs, except)).length > 0) return true;
      return (await unproved(sql, grant, except)).length > 0 || waiting(sql, grant);
    },
    async count({ id }) {
      return 1 + (await proved(db, await grantsOf(db, [id]), id)).length;
    },
    async end({ connector, inputs }, credentials) {
      if (credentials.type !== "oauth2") return false;
      try {
        return await vendorOf(connector)
          .at(inputs)
          .oauth()
          .revoke(credentials.refreshToken ?? credentials.accessToken);
      } catch (error) {
        log.warn({ connector, error }, "a grant could not be revoked at the vendor");
        return false;
      }
    },
  };
}

async function proofsByConnection(sql: Sql, ids: readonly string[]): Promise<Map<string, Proofs>> {
  if (ids.length === 0) return new Map();
  return byHolder((await grantsOf(sql, ids)).map(({ connection, ...proof }) => [connection, proof]));
}

function byHolder(proofs: readonly [holder: string, GrantProof][]): Map<string, Proofs> {
  const found = new Map<string, Proofs>();
  for (const [holder, { name, hash }] of proofs) found.set(holder, { ...found.get(holder), [name]: hash });
  return found;
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
