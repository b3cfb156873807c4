import { HooklineError, isStoreTrouble } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { Credentials } from "./credentials.ts";
import { isEmpty, relate, type Identity } from "./proofs.ts";
import type { Verified } from "./verify.ts";

/** Whether records that are known of a connection are found with these credentials: evidence where no proof of the account is stored. */
export type Recognises = (row: ConnectionRow, credentials: Credentials) => Promise<boolean>;

/** Credentials that may take the place of those of a connection. */
export interface Candidate {
  /** What is known of the connection. */
  known: Identity;
  verified: Verified;
  credentials: Credentials;
  /** Whether another account may take the place. */
  moves: boolean;
  /** Whether they are for another address of the vendor: there, the same id is another account. Default false. */
  isElsewhere?: boolean;
}

/**
 * Whether new credentials lead to the account of a connection; false where it is to move to theirs.
 * @throws HooklineError `account_mismatch`, `account_unproved`
 */
export type SameAccount = (row: ConnectionRow, candidate: Candidate) => Promise<boolean>;

/** Makes the judgement of accounts. */
export function createSameAccount({ log }: Pick<Context, "log">, recognises: Recognises): SameAccount {
  /** Connections of the first version have no proofs: there the name and what is known of the account's records stand in. */
  const isRecognised = async (row: ConnectionRow, { known, verified, credentials }: Candidate): Promise<boolean> => {
    if (!isEmpty(known.account) || verified.name === null || verified.name !== row.accountName) return false;
    try {
      return await recognises(row, credentials);
    } catch (error) {
      if (!(error instanceof HooklineError) || isStoreTrouble(error)) throw error;
      log.warn({ connection: row.id, error }, "the records of an account could not be compared");
      return false;
    }
  };

  return async (row, candidate) => {
    const { known, verified, moves, isElsewhere } = candidate;
    const relation = isElsewhere ? "other" : relate(known.account, verified.identity.account);
    if (relation === "other" && !moves) throw anotherAccount(row);
    if (verified.failure) throw notAnswered(row, verified.failure);
    const isSame = relation === "same" || (relation === "unproved" && !moves && (await isRecognised(row, candidate)));
    if (!isSame && !moves) throw notProved(row);
    return isSame;
  };
}

const STAYS = "what it had stays as it was";

/** The error of what leads to another account than a connection's. */
export function anotherAccount({ id, authType }: ConnectionRow): HooklineError {
  return new HooklineError(
    "account_mismatch",
    `${id} belongs to another account of the vendor, and ${STAYS}. Choose the right account at the vendor, connect this one ` +
      `as a new connection, or move the connection to it: ${moveOf(authType)}`,
  );
}

function notAnswered({ id }: ConnectionRow, cause: HooklineError): HooklineError {
  return new HooklineError(
    "account_unproved",
    `${id}: the vendor's answer does not prove which account this is, and ${STAYS} (${cause.message}). Reconnect again in a few minutes`,
    { cause, data: cause.data, retry: {} },
  );
}

function notProved({ id, authType }: ConnectionRow): HooklineError {
  return new HooklineError(
    "account_unproved",
    `${id}: nothing proves that this is the account it belongs to, and ${STAYS}. Grant all that is asked, or move the ` +
      `connection to this account deliberately: ${moveOf(authType)}`,
  );
}

function moveOf(authType: ConnectionRow["authType"]): string {
  return authType === "oauth2"
    ? 'reconnect with {"account": "move"}'
    : 'give {"account": "move"} beside the credentials';
}
