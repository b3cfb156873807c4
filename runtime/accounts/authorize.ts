import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { generateRandomCodeVerifier } from "oauth4webapi";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import { oauthStates, redeemState, type OAuthState } from "../model/oauth-states.ts";
import { methodOf, sealCredentials } from "./credentials.ts";
import type { TokenResponse } from "./oauth.ts";
import type { Status } from "./status.ts";
import { TokenError } from "./token-error.ts";
import { credentialsFrom } from "./tokens.ts";
import type { Vendor, VendorOf } from "./vendors.ts";
import { relabel, verify, type Verified } from "./verify.ts";

export interface AuthorizeNeeds {
  vendorOf: VendorOf;
  status: Status;
}

export interface Authorization {
  /** Where a person is sent from when done. */
  returnTo?: string;
  /** Something only the person's own browser holds; the callback must bring the same. Guards against a link sent to somebody else. */
  session?: string;
}

/** The authorization code flow of a connection, from leaving for the vendor to coming back. */
export interface Authorize {
  /** The address at the vendor; valid for ten minutes, once. */
  begin(row: ConnectionRow, authorization: Authorization): Promise<string>;
  /**
   * Finishes with the callback's parameters; a reload of the same callback answers the same.
   * @throws HooklineError `invalid_input` for a state that is unknown, used with another code, or expired;
   *   `connection_rejected` when access was denied, the code is not accepted, or it is another account; `conflict` when the
   *   connection changed meanwhile
   */
  finish(callback: URLSearchParams, session?: string): Promise<{ connection: string; returnTo: string | null }>;
}

const VALID_MS = 10 * 60 * 1000;

/** What is sealed in a state: before its use the verifier, after it a hash of the code, to know a reload again. */
type Sealed = { verifier: string; session: string | null } | { code: string; session: string | null };

/** Makes the service of OAuth authorizations. */
export function createAuthorize(
  { db, vault, clock, log, random }: Pick<Context, "db" | "vault" | "clock" | "log" | "random">,
  { vendorOf, status }: AuthorizeNeeds,
): Authorize {
  const finishing = new Map<string, Promise<void>>();

  const redeem = async (state: OAuthState, sealed: Sealed, callback: URLSearchParams): Promise<void> => {
    const row = await findConnection(db, state.connection);
    if (!row) throw staleState();
    if (!("verifier" in sealed)) {
      if (sealed.code === sha256(callback.get("code") ?? "") && row.status === "active") return;
      throw staleState();
    }
    const used: Sealed = { code: sha256(callback.get("code") ?? ""), session: sealed.session };
    const resealed = vault.seal(JSON.stringify(used), place(state.stateHash));
    if (!(await redeemState(db, state.stateHash, clock.now(), resealed))) throw staleState();
    const vendor = vendorOf(row.connector);
    await connect(row, vendor, await exchange(vendor, callback, sealed.verifier));
  };

  const connect = async (row: ConnectionRow, vendor: Vendor, answer: TokenResponse): Promise<void> => {
    const method = methodOf(vendor.connector.manifest.authentication, row);
    if (method.type !== "oauth2") throw new TypeError(`${row.id} is not connected by OAuth`);
    const requested = Object.keys(method.scopes);
    const { credentials, expiresAt } = credentialsFrom(answer, method, { now: clock.now(), random });
    const captured: Record<string, unknown> = { ...row.captured };
    for (const [name, read] of vendor.connector.authentication.get("oauth2")!.capture) {
      const value = read(answer.response);
      if (value !== undefined) captured[name] = value;
    }
    const { account } = await verify(vendor, { ...row, captured }, credentials, clock).catch(
      (error: unknown): Verified => {
        if (error instanceof HooklineError && error.code === "connection_rejected") throw error;
        log.warn({ connection: row.id, error }, "the test request of a new connection failed; its tokens are kept");
        return { account: null, captured: {} };
      },
    );
    // Cursors and known records belong to the account: under another, everything would seem deleted.
    if (row.account !== null && account !== null && account !== row.account) {
      throw new HooklineError(
        "connection_rejected",
        `${row.id} belongs to another account of the vendor; connect this account as a new connection`,
      );
    }
    const activated = await status.activate(row, {
      credentials: sealCredentials(vault, row.id, credentials),
      expiresAt,
      scopes: answer.scopes ?? requested,
      captured,
      account: account ?? row.account,
      label: relabel(row, account),
    });
    if (!activated)
      throw new HooklineError("conflict", `${row.id} changed while it was being connected; connect again`);
  };

  return {
    begin: async (row, { returnTo, session }) => {
      const state = randomBytes(32).toString("base64url");
      const stateHash = sha256(state);
      const verifier = generateRandomCodeVerifier();
      const address = await vendorOf(row.connector).oauth().authorizationUrl(state, verifier);
      const sealed: Sealed = { verifier, session: session === undefined ? null : sha256(session) };
      await oauthStates.insert(db, {
        stateHash,
        connection: row.id,
        sealed: vault.seal(JSON.stringify(sealed), place(stateHash)),
        returnTo: returnTo ?? null,
        expiresAt: clock.now() + VALID_MS,
        usedAt: null,
      });
      return address;
    },
    finish: async (callback, session) => {
      const stateHash = sha256(callback.get("state") ?? "");
      const state = await oauthStates.find(db, stateHash);
      if (!state || state.expiresAt < clock.now()) throw staleState();
      const sealed = JSON.parse(vault.open(state.sealed, place(stateHash))) as Sealed;
      if (sealed.session !== null && !sameText(sealed.session, sha256(session ?? ""))) throw staleState();
      // A second callback while the first is under way is a reload: it gets the first one's outcome, if it brings the same code.
      const key = `${stateHash} ${callback.get("code")}`;
      let finished = finishing.get(key);
      if (!finished)
        finishing.set(key, (finished = redeem(state, sealed, callback).finally(() => finishing.delete(key))));
      await finished;
      return { connection: state.connection, returnTo: state.returnTo };
    },
  };
}

async function exchange(vendor: Vendor, callback: URLSearchParams, verifier: string): Promise<TokenResponse> {
  try {
    return await vendor.oauth().exchange(callback, verifier);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new HooklineError(
      "connection_rejected",
      `${vendor.connector.name}: the vendor did not accept the authorization code; connect again`,
      { data: error.data },
    );
  }
}

function staleState(): HooklineError {
  return new HooklineError(
    "invalid_input",
    "OAuth callback: the state is unknown, used, or older than ten minutes; connect again",
  );
}

function place(stateHash: string): { table: string; row: string; field: string } {
  return { table: "oauth_states", row: stateHash, field: "sealed" };
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
