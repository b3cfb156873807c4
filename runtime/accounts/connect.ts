import { HooklineError, isStoreTrouble } from "../core/errors.ts";
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
import type { TokenResponse } from "./oauth.ts";
import { isEmpty, openProofs, relate, sealProofs, together, type Identity } from "./proofs.ts";
import type { Vendor } from "./vendors.ts";
import { renamed, verify, type Verified } from "./verify.ts";

/** Whether records that are known of a connection are found with these credentials: evidence where no proof of the account is stored. */
export type Recognises = (row: ConnectionRow, credentials: Credentials) => Promise<boolean>;

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

/** What is done with what an authorization brought: it is stored, or held. False when the row changed meanwhile. */
export type Accept = (row: ConnectionRow, arrived: Arrived) => Promise<boolean>;

export interface ConnectNeeds {
  grants: Grants;
  recognises: Recognises;
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
  { grants, recognises }: ConnectNeeds,
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
    const { credentials, expiresAt } = credentialsFrom(answer, method, { now: clock.now(), random });
    const captured = capturedFrom(row, vendor, answer);
    const token = { body: answer.response.body, claims: answer.claims ?? {} };
    const verified = await verify(vendor, { ...row, captured }, credentials, clock, token);
    const scopes = answer.scopes ?? [...asked];
    const changes = { expiresAt, scopes, asked: [...asked], captured, ...renamed(row, verified.name) };
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
    const relation = relate(known.account, verified.identity.account);
    if (relation === "other" && !moves) {
      await giveUp(arrival);
      throw anotherAccount(row);
    }
    if (verified.failure) throw notAnswered(row, verified.failure);
    const isSame = relation === "same" || (relation === "unproved" && !moves && (await isRecognised(arrival, known)));
    if (!isSame && !moves) throw notProved(row);
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

  /** Connections of the first version have no proofs: there the name and what is known of the account's records stand in. */
  const isRecognised = async ({ row, credentials, verified }: Arrival, known: Identity): Promise<boolean> => {
    if (!isEmpty(known.account) || verified.name === null || verified.name !== row.accountName) return false;
    try {
      return await recognises(row, credentials);
    } catch (error) {
      if (!(error instanceof HooklineError) || isStoreTrouble(error)) throw error;
      log.warn({ connection: row.id, error }, "the records of an account could not be compared");
      return false;
    }
  };

  /** The tokens of a refused account are kept nowhere; its grant is ended unless a connection lives on it. */
  const giveUp = async ({ row, credentials, verified }: Arrival): Promise<void> => {
    const { user, connector } = row;
    const hashes = await grants.hashesOf(connector, verified.identity.grant);
    if (!(await grants.isHeld(db, { user, connector, proofs: hashes }))) await grants.end(connector, credentials);
  };

  /** What it is now, where it may be decided about again: neither gone nor moved. */
  const changed = async (row: ConnectionRow): Promise<ConnectionRow | undefined> => {
    const newest = await findConnection(db, row.id);
    return newest && newest.version !== row.version && newest.moves === row.moves ? newest : undefined;
  };

  return async (row, vendor, answer, { moves, asked, accept }) => {
    const arrival = await arrive(row, vendor, answer, asked);
    for (let current: ConnectionRow | undefined = row, race = 0; current && race < MOST_RACES; race++) {
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
const STAYS = "what it had stays as it was";

function anotherAccount({ id }: ConnectionRow): HooklineError {
  return new HooklineError(
    "account_mismatch",
    `${id} belongs to another account of the vendor, and ${STAYS}. Choose the right account at the vendor, connect this one ` +
      'as a new connection, or move the connection to it: reconnect with {"account": "move"}',
  );
}

function notAnswered({ id }: ConnectionRow, cause: HooklineError): HooklineError {
  return new HooklineError(
    "account_unproved",
    `${id}: the vendor's answer does not prove which account this is, and ${STAYS} (${cause.message}). Reconnect again in a few minutes`,
    { cause, data: cause.data, retry: {} },
  );
}

function notProved({ id }: ConnectionRow): HooklineError {
  return new HooklineError(
    "account_unproved",
    `${id}: nothing proves that this is the account it belongs to, and ${STAYS}. Grant all that is asked, or move the ` +
      'connection to this account deliberately: reconnect with {"account": "move"}',
  );
}
