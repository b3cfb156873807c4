import { HooklineError, type Fault } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { ConnectionEdit, NewConnection } from "../model/connection-input.ts";
import { sameAddress } from "../manifest/address.ts";
import { connections, type ConnectionChanges, type ConnectionRow } from "../model/connections.ts";
import { saveGrants } from "../model/grants.ts";
import { checkInputs } from "./checks.ts";
import type { Consent } from "./consent.ts";
import {
  credentialsFrom,
  isIssued,
  methodOf,
  openCredentials,
  sealCredentials,
  type Credentials,
  type OpenConnection,
  type Unissued,
} from "./credentials.ts";
import { draftOf } from "./draft.ts";
import type { Fence } from "./fence.ts";
import { readCredentials } from "./given.ts";
import type { Grants } from "./grants.ts";
import { asRejection } from "./issue.ts";
import { openProofs, sealProofs, together } from "./proofs.ts";
import { asksTheSame } from "./questions.ts";
import type { SameAccount } from "./same-account.ts";
import type { Status } from "./status.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import type { Vendor, VendorOf } from "./vendors.ts";
import { renamed, verify, type Verified } from "./verify.ts";

export interface GivenNeeds {
  vendorOf: VendorOf;
  status: Status;
  consent: Consent;
  grants: Grants;
  sameAccount: SameAccount;
  fence: Fence;
}

/** Connections whose credentials people give, instead of consent at the vendor. */
export interface GivenConnections {
  /** @throws HooklineError `invalid_input`, `connection_rejected`, or what the vendor's answer to the test is */
  create(given: NewConnection & { user: string }): Promise<ConnectionRow>;
  /**
   * Whether a connection with other inputs may be one of another account: at another address of the vendor, or where it is asked
   * otherwise who that is.
   * @throws HooklineError `invalid_input`, `host_not_allowed`
   */
  mayLeadElsewhere(row: ConnectionRow, inputs: ConnectionRow["inputs"]): boolean;
  /**
   * Puts new credentials or inputs in the place of those that a connection has, once they are proved to lead to the same account.
   * @throws HooklineError as `create`; `account_mismatch`, `account_unproved`, `conflict` when it changed meanwhile
   */
  replace(row: ConnectionRow, edit: ConnectionEdit): Promise<void>;
  /**
   * A connection that was lost with what it has: the vendor may take it again.
   * @throws HooklineError `connection_rejected`, or what the token call threw
   */
  reopen(row: ConnectionRow, sealed: Uint8Array): Promise<OpenConnection & { changes: ConnectionChanges }>;
}

/** Credentials with a token, where they need one. */
interface Ready {
  credentials: Credentials;
  /** Of the token answer; nothing where there was none. */
  changes: Pick<ConnectionChanges, "expiresAt" | "scopes" | "captured">;
  token?: { body: unknown; claims: Record<string, unknown> };
}

/** Makes the service of connections whose credentials people give. */
export function createGivenConnections(
  { db, vault, clock, random }: Pick<Context, "db" | "vault" | "clock" | "random">,
  { vendorOf, status, consent, grants, sameAccount, fence }: GivenNeeds,
): GivenConnections {
  const ready = async (
    vendor: Vendor,
    row: ConnectionRow,
    given: Credentials | Unissued,
    expiresAt: number | null,
  ): Promise<Ready> => {
    if (!isIssued(given)) return { credentials: given as Credentials, changes: { expiresAt } };
    let answer: TokenResponse;
    try {
      answer = await vendor.issue(row, given);
    } catch (error) {
      throw asRejection(row.connector, error);
    }
    const { connector } = vendor;
    const method = methodOf(connector.manifest.authentication, row);
    const policy = "refresh" in method ? method.refresh : undefined;
    const known: Unissued = { type: given.type, given: given.given };
    const { credentials, expiresAt: ends } = credentialsFrom(answer, policy, { now: clock.now(), random }, known);
    const captured = [...connector.authentication.get(row.authType)!.capture].flatMap(([name, read]) => {
      const value = read(answer.response);
      return value === undefined ? [] : [[name, value] as const];
    });
    return {
      credentials,
      changes: { expiresAt: ends, scopes: answer.scopes ?? row.asked ?? [], captured: Object.fromEntries(captured) },
      token: { body: answer.response.body, claims: answer.claims ?? {} },
    };
  };

  /** What the manifest captures is as the vendor tells it now. */
  const proved = async (
    row: ConnectionRow,
    given: Credentials | Unissued,
    expiresAt: number | null,
  ): Promise<{ credentials: Credentials; changes: ConnectionChanges; verified: Verified }> => {
    const vendor = vendorOf(row.connector).at(row.inputs);
    const { credentials, changes, token } = await ready(vendor, row, given, expiresAt);
    const captured = changes.captured ?? {};
    const verified = await verify(vendor, { ...row, captured }, credentials, clock, token);
    return { credentials, changes: { ...changes, captured: { ...captured, ...verified.captured } }, verified };
  };

  return {
    async create(given) {
      const vendor = vendorOf(given.connector);
      consent.check(vendor, given);
      const { authentication } = vendor.connector.manifest;
      const { method, credentials, expiresAt } = readCredentials(authentication, given.credentials ?? {});
      checkInputs(method, given.inputs ?? {}, vendor);
      const asked = "scopes" in method ? [...vendor.scopesOf(method)] : null;
      const draft = { ...draftOf(given, method.type, clock.now()), asked };
      const assertStill = await fence(draft.user);
      const { credentials: kept, changes, verified } = await proved(draft, credentials, expiresAt);
      const { name, identity, failure } = verified;
      if (failure) throw failure;
      const hashes = await grants.hashesOf(draft.connector, identity.grant);
      const row: ConnectionRow = {
        ...draft,
        ...changes,
        status: "active",
        label: name,
        accountName: name,
        proofs: sealProofs(vault, draft, identity),
        credentials: sealCredentials(vault, draft, kept),
      };
      await db.transaction(async (tx) => {
        await assertStill(tx);
        await connections.insert(tx, row);
        await saveGrants(tx, row.id, hashes);
        await status.announce(tx, { id: row.id, connector: row.connector, user: row.user, status: "active" });
      });
      return row;
    },

    mayLeadElsewhere(row, inputs) {
      const vendor = vendorOf(row.connector);
      if (!sameAddress(vendor.addressInputs, row.inputs, inputs)) return true;
      // What an authorization brought is proved by what the vendor told then, not by inputs.
      if (row.authType === "oauth2" || row.credentials === null) return false;
      const { connector } = vendor;
      checkInputs(methodOf(connector.manifest.authentication, row), inputs, vendor);
      return !asksTheSame(connector, row, openCredentials(vault, row, row.credentials), inputs);
    },

    async replace(row, { credentials: given, inputs, label, account }) {
      const vendor = vendorOf(row.connector);
      const { authentication } = vendor.connector.manifest;
      const method = methodOf(authentication, row);
      if (method.type === "oauth2") throw notGiven(row, { credentials: given, inputs });
      if (given === undefined && inputs === undefined) throw movesNothing();
      const answers = { ...row.inputs, ...inputs };
      const read = given && readCredentials(method, { type: method.type, ...given });
      checkInputs(method, answers, vendor);
      const { credentials: stored } = row;
      const held = read?.credentials ?? openCredentials(vault, row, stored!);
      const moves = account === "move";
      const isElsewhere = !sameAddress(vendor.addressInputs, row.inputs, answers);
      const next = { ...row, inputs: answers };
      const { credentials, changes, verified } = await proved(next, held, read ? read.expiresAt : row.expiresAt);
      // What cannot be sent proves nothing at any time.
      if (verified.failure?.code === "invalid_input") throw verified.failure;
      const known = openProofs(vault, row);
      const isSame = await sameAccount(row, { known, verified, credentials, moves, isElsewhere });
      const identity = isSame ? together(known, verified.identity) : verified.identity;
      const { label: called, accountName } = renamed(row, verified.name, !isSame);
      const isChanged = await status.activate(
        row,
        {
          ...changes,
          refused: null,
          inputs: answers,
          label: label ?? called,
          accountName,
          credentials: sealCredentials(vault, row, credentials),
          proofs: sealProofs(vault, row, identity),
          grants: await grants.hashesOf(row.connector, identity.grant),
        },
        isSame ? {} : { moved: true },
      );
      if (!isChanged) throw new HooklineError("conflict", `${row.id} changed meanwhile; read it and try again`);
    },

    async reopen(row, sealed) {
      const opened = openCredentials(vault, row, sealed);
      if (!isIssued(opened)) return { row, credentials: opened, changes: {} };
      const { credentials, changes } = await ready(vendorOf(row.connector).at(row.inputs), row, opened, null);
      const { expiresAt, scopes } = changes;
      return {
        row,
        credentials,
        changes: { expiresAt, scopes, credentials: sealCredentials(vault, row, credentials) },
      };
    },
  };
}

function notGiven({ id }: ConnectionRow, { credentials, inputs }: ConnectionEdit): HooklineError {
  const faults: Fault[] = [];
  if (credentials)
    faults.push({ pointer: "/credentials", message: "are not given for OAuth: a person authorizes; reconnect" });
  if (inputs)
    faults.push({
      pointer: "/inputs",
      message: "make another address, and another account: connect it as a new connection",
    });
  if (faults.length === 0) faults.push({ pointer: "/account", message: `is for POST /v1/connections/${id}/reconnect` });
  const { pointer, message } = faults[0]!;
  return new HooklineError("invalid_input", `connection${pointer}: ${message}`, { faults });
}

function movesNothing(): HooklineError {
  const faults = [{ pointer: "/account", message: "needs the credentials of the account beside it" }];
  return new HooklineError("invalid_input", "connection/account: needs the credentials of the account beside it", {
    faults,
  });
}
