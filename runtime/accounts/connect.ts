import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { findConnection, type ConnectionChanges, type ConnectionRow } from "../model/connections.ts";
import {
  credentialsFrom,
  methodOf,
  refreshTokenOf,
  sealCredentials,
  type Credentials,
  type OAuthCredentials,
} from "./credentials.ts";
import type { Grants } from "./grants.ts";
import { isEmpty, openProofs, sealProofs, together, type Identity } from "./proofs.ts";
import type { SameAccount } from "./same-account.ts";
import type { Tx } from "../store/database.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import type { Vendor } from "./vendors.ts";
import { renamed, verify, type Verified } from "./verify.ts";

/** What an authorization brought and proved, ready to be stored. */
export interface Arrived {
  changes: ConnectionChanges;
  /** How the vendor calls the account; null when it did not say. */
  name: string | null;
  /** It is another account than the connection's. */
  moved?: true;
  /** The vendor gave no refresh token: that of the connection is kept. */
  keepsRefreshToken?: true;
  /** Why the vendor has not accepted the tokens of a first connection yet. */
  failure?: HooklineError;
}

/**
 * What is done with what an authorization brought: it is stored, or held. False when the row changed meanwhile. `within` is done in
 * the same transaction, and undoes it by throwing.
 */
export type Accept = (row: ConnectionRow, arrived: Arrived, within?: (tx: Tx) => Promise<void>) => Promise<boolean>;

export interface ConnectNeeds {
  grants: Grants;
  /** Proves the account of a connection by the tokens that it has, where that can be done. */
  prove: (row: ConnectionRow) => Promise<void>;
  sameAccount: SameAccount;
}

/**
 * Takes the tokens of an authorization over into their connection. A first connection needs credentials that the vendor
 * accepts, and waits for it; one that was connected before needs the proof that they lead to the same account, or the wish
 * to move it. Until then everything stays as it was. Gives how the vendor calls the account.
 * @throws HooklineError `account_mismatch`, `account_unproved`, `connection_rejected`, `conflict` when it changed meanwhile
 */
export type Connect = (
  row: ConnectionRow,
  vendor: Vendor,
  answer: TokenResponse,
  options: { moves: boolean; asked: readonly string[]; accept: Accept },
) => Promise<string | null>;

const OAUTH: { type: "oauth2" } = { type: "oauth2" };

/** What an authorization brought. */
interface Arrival {
  row: ConnectionRow;
  vendor: Vendor;
  answer: TokenResponse;
  credentials: OAuthCredentials;
  verified: Verified;
  changes: ConnectionChanges;
}

/** Makes the function that finishes authorizations. */
export function createConnect(
  { db, vault, clock, log, random }: Pick<Context, "db" | "vault" | "clock" | "log" | "random">,
  { grants, prove, sameAccount }: ConnectNeeds,
): Connect {
  const arrive = async (
    row: ConnectionRow,
    vendor: Vendor,
    answer: TokenResponse,
    asked: readonly string[],
  ): Promise<Arrival> => {
    const { connector } = vendor;
    const method = methodOf(connector.manifest.authentication, row);
    if (method.type !== "oauth2") throw new TypeError(`${row.id} is not connected by OAuth`);
    const { credentials, expiresAt } = credentialsFrom(answer, method.refresh, { now: clock.now(), random }, OAUTH);
    const captured = capturedFrom(row, vendor, answer);
    const token = { body: answer.response.body, claims: answer.claims ?? {} };
    const verified = await verify(vendor, { ...row, captured }, credentials, clock, token);
    const scopes = answer.scopes ?? [...asked];
    const changes = { expiresAt, scopes, asked: [...asked], refused: null, captured, ...renamed(row, verified.name) };
    return { row, vendor, answer, credentials, verified, changes };
  };

  const proofs = async (
    { row, verified }: Arrival,
    known?: Identity,
  ): Promise<Pick<ConnectionChanges, "proofs" | "grants">> => {
    const identity = known ? together(known, verified.identity) : verified.identity;
    const hashes = await grants.hashesOf(row.connector, identity.grant);
    return { proofs: sealProofs(vault, row, identity), grants: hashes };
  };

  const sealed = ({ row }: Arrival, credentials: Credentials): Pick<ConnectionChanges, "credentials"> => ({
    credentials: sealCredentials(vault, row, credentials),
  });

  const arrivedWith = async (arrival: Arrival): Promise<Arrived> => {
    const { credentials, verified, changes } = arrival;
    return {
      changes: { ...changes, ...sealed(arrival, credentials), ...(await proofs(arrival)) },
      name: verified.name,
    };
  };

  const connectFirst = async (arrival: Arrival): Promise<Arrived> => {
    const { row, verified } = arrival;
    const { failure } = verified;
    if (failure)
      log.warn({ connection: row.id, error: failure }, "the test of a new connection failed; it is repeated");
    return { ...(await arrivedWith(arrival)), failure };
  };

  const reconnect = async (arrival: Arrival, moves: boolean): Promise<Arrived> => {
    const { row, credentials, verified, changes, answer } = arrival;
    const known = openProofs(vault, row);
    const isSame = await sameAccount(row, { known, verified, credentials, moves }).catch(async (error: unknown) => {
      if (error instanceof HooklineError && error.code === "account_mismatch") await giveUp(arrival);
      throw error;
    });
    if (!isSame) {
      const { name, changes: next } = await arrivedWith(arrival);
      return { name, changes: { ...next, ...renamed(row, name, true) }, moved: true };
    }
    // Of the same account, an earlier refresh token is still good.
    const keepsRefreshToken = answer.refreshToken === undefined || undefined;
    const refreshToken = answer.refreshToken ?? refreshTokenOf(vault, row);
    const kept = { ...sealed(arrival, { ...credentials, refreshToken }), ...(await proofs(arrival, known)) };
    return { changes: { ...changes, ...kept }, name: verified.name, keepsRefreshToken };
  };

  /** With its account proved, where its own tokens can still do that. */
  const known = async (row: ConnectionRow, { identity }: Verified): Promise<ConnectionRow> => {
    const isProvable = row.status === "active" && !isEmpty(identity.account);
    if (!isProvable || !isEmpty(openProofs(vault, row).account)) return row;
    await prove(row);
    const newest = await findConnection(db, row.id);
    return newest && newest.moves === row.moves ? newest : row;
  };

  /** The tokens of a refused account are kept nowhere; its grant is ended unless a connection lives on it. */
  const giveUp = async ({ row, credentials, verified }: Arrival): Promise<void> => {
    const { user, connector } = row;
    const hashes = await grants.hashesOf(connector, verified.identity.grant);
    if (!(await grants.isHeld(db, { user, connector, proofs: hashes }))) await grants.end(row, credentials);
  };

  /** What it is now, where it may be decided about again: neither gone nor moved. */
  const changed = async (row: ConnectionRow): Promise<ConnectionRow | undefined> => {
    const newest = await findConnection(db, row.id);
    return newest && newest.version !== row.version && newest.moves === row.moves ? newest : undefined;
  };

  return async (row, vendor, answer, { moves, asked, accept }) => {
    const arrival = await arrive(row, vendor, answer, asked);
    let current: ConnectionRow | undefined = await known(row, arrival.verified);
    for (let race = 0; current && race < MOST_RACES; race++) {
      const changes = { ...arrival.changes, ...renamed(current, arrival.verified.name) };
      const now = { ...arrival, row: current, changes };
      const arrived = current.status === "pending" ? await connectFirst(now) : await reconnect(now, moves);
      if (await accept(current, arrived)) return arrived.name;
      current = await changed(current);
    }
    await giveUp(arrival);
    throw new HooklineError("conflict", `${row.id} changed while it was being connected; connect again`);
  };
}

/** What the manifest captures is as the vendor tells it now: what it told of another account is no evidence. */
function capturedFrom(row: ConnectionRow, { connector }: Vendor, answer: TokenResponse): Record<string, unknown> {
  const captured = { ...row.captured };
  for (const [name, read] of connector.authentication.get("oauth2")!.capture) {
    const value = read(answer.response);
    if (value === undefined) delete captured[name];
    else captured[name] = value;
  }
  return captured;
}

/** A renewal, a pause or a new label may come while the vendor is asked. */
const MOST_RACES = 5;
