import { randomBytes } from "node:crypto";
import { generateRandomCodeVerifier } from "oauth4webapi";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { toText } from "../manifest/expressions.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { oauthStates, redeemState, settleState } from "../model/oauth-states.ts";
import type { Tx } from "../store/database.ts";
import type { Confirmations } from "./confirmations.ts";
import type { Accept, Connect } from "./connect.ts";
import { connectionValues } from "./credentials.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import { createSteps, sha256, staleState, VALID_MS, type Found, type Plan, type Step } from "./oauth-steps.ts";
import { TokenError } from "./token-error.ts";
import type { Vendor, VendorOf } from "./vendors.ts";
import { assertSameBrowser, assertSession, assertVisitor, type Visitor } from "./visitor.ts";

export interface AuthorizeNeeds {
  vendorOf: VendorOf;
  settle: Accept;
  connect: Connect;
  confirmations: Confirmations;
  /** Address of the page that a link leads to, without the link's token. */
  startUrl: string;
  /** Called in the transaction that begins an authorization, with the time until which it is valid; default: nobody is. */
  onAuthorizing?: (tx: Tx, until: number) => Promise<void>;
}

export interface Authorization extends Omit<Plan, "user"> {
  /** Where a person is sent from when done. */
  returnTo?: string;
  /**
   * Something only the person's own browser holds. With it, the address is the vendor's, and the host finishes by itself
   * with the same value; without it, the address is a page of ours, which sets a cookie for that.
   */
  session?: string;
}

/** What came of an authorization. */
export interface Outcome {
  connection: string;
  /** With the confirmation code, where one is needed. */
  returnTo: string | null;
  /** How the vendor calls the account that was connected. */
  account: string | null;
  /** What the person who began has to give back before the connection becomes active; null when it is active already. */
  confirmation: string | null;
}

/** The authorization code flow of a connection, from a link to coming back from the vendor. */
export interface Authorize {
  /**
   * The address to send the person to, valid for ten minutes.
   * @throws HooklineError `invalid_config` (no OAuth client), `invalid_input` (a session that can be guessed)
   */
  begin(row: ConnectionRow, authorization: Authorization): Promise<string>;
  /**
   * Whose connection a link is for; uses nothing up.
   * @throws HooklineError `invalid_input` for a link that is unknown, expired or has done its work; `forbidden` for another visitor
   */
  look(token: string, visitor: Visitor): Promise<ConnectionRow>;
  /** The vendor's address, for the browser that holds `session`. @throws HooklineError as `look` */
  leave(token: string, session: string, visitor: Visitor): Promise<string>;
  /**
   * Finishes with the callback's parameters in the browser that holds one of the sessions; a reload of the same callback
   * answers the same.
   * @throws HooklineError `invalid_input` for a state that is unknown, used with another code, or expired; `forbidden` in
   *   another browser or for another visitor, which uses nothing up; `connection_rejected` when access was denied or the code
   *   is not accepted; what {@link Connect} throws
   */
  finish(callback: URLSearchParams, sessions: readonly string[], visitor: Visitor): Promise<Outcome>;
}

/** The query parameter of `returnTo` that carries the confirmation code. */
const CONFIRMATION_PARAMETER = "hookline_code";

/** Makes the service of OAuth authorizations. */
export function createAuthorize(
  context: Pick<Context, "db" | "vault" | "clock">,
  { vendorOf, settle, connect, confirmations, startUrl, onAuthorizing }: AuthorizeNeeds,
): Authorize {
  const { db, clock } = context;
  const steps = createSteps(context);
  const finishing = new Map<string, Promise<Pick<Outcome, "account" | "confirmation">>>();

  const store = (secret: string, connection: string, returnTo: string | null, step: Step): Promise<void> => {
    const stateHash = sha256(secret);
    const expiresAt = clock.now() + VALID_MS;
    const sealed = steps.seal(stateHash, step);
    return db.transaction(async (tx) => {
      await oauthStates.insert(tx, { stateHash, connection, sealed, returnTo, expiresAt, usedAt: null, tries: null });
      await onAuthorizing?.(tx, expiresAt);
    });
  };

  /** Leaves for the vendor: the state that comes back belongs to one browser. */
  const depart = async (
    row: ConnectionRow,
    plan: Plan,
    { session, returnTo, offer }: { session: string; returnTo: string | null; offer: string | null },
  ): Promise<string> => {
    const state = newToken();
    const verifier = generateRandomCodeVerifier();
    const vendor = vendorOf(row.connector).at(row.inputs);
    const address = await vendor
      .oauth()
      .authorizationUrl(state, verifier, plan.scopes, paramsOf(row, vendor, plan.moves));
    await store(state, row.id, returnTo, { ...plan, step: "leaving", session: sha256(session), verifier, offer });
    return address;
  };

  const offered = async (token: string, visitor: Visitor): Promise<Found> => {
    const found = await steps.find(sha256(token));
    if (found.sealed.step !== "offered") throw staleState();
    assertVisitor(found.row, visitor);
    return found;
  };

  const redeem = async (
    { state, sealed, row }: Found,
    callback: URLSearchParams,
  ): Promise<Pick<Outcome, "account" | "confirmation">> => {
    const { stateHash } = state;
    const callbackCode = sha256(callback.get("code") ?? "");
    if (sealed.step !== "leaving") {
      const isReload = "callbackCode" in sealed && sealed.callbackCode === callbackCode;
      if (isReload && sealed.step === "refused") throw new HooklineError(sealed.refusal.code, sealed.refusal.message);
      if (isReload && sealed.step === "connected") return { account: sealed.account, confirmation: null };
      if (isReload && sealed.step === "held") return { account: sealed.account, confirmation: sealed.confirmation };
      throw staleState();
    }
    const { verifier, offer, step: _leaving, ...kept } = sealed;
    const redeemed = steps.seal(stateHash, { ...kept, step: "redeemed", callbackCode });
    if (!(await redeemState(db, stateHash, clock.now(), redeemed))) throw staleState();
    const vendor = vendorOf(row.connector).at(row.inputs);
    const answer = await exchange(vendor, callback, verifier);
    const holding = sealed.confirm ? confirmations.hold(stateHash, { ...kept, callbackCode }) : undefined;
    const accept = holding?.accept ?? settle;
    const account = await connect(row, vendor, answer, {
      moves: sealed.moves === true,
      asked: sealed.scopes,
      accept,
    }).catch(async (error: unknown) => {
      if (!(error instanceof HooklineError) || !error.code.startsWith("account_")) throw error;
      const { code, message } = error;
      const refused = steps.seal(stateHash, { ...kept, step: "refused", callbackCode, refusal: { code, message } });
      await settleState(db, stateHash, { sealed: refused });
      throw error;
    });
    if (!holding) {
      const connected = steps.seal(stateHash, { ...kept, step: "connected", callbackCode, account });
      await settleState(db, stateHash, { sealed: connected });
    }
    // The link has done its work: whoever finds it later cannot connect another account with it.
    if (offer !== null) await oauthStates.delete(db, offer);
    return { account, confirmation: holding?.code ?? null };
  };

  return {
    begin: async (row, { returnTo, session, ...wish }) => {
      const plan: Plan = { ...wish, user: row.user };
      if (session !== undefined) {
        assertSession(session);
        return depart(row, plan, { session, returnTo: returnTo ?? null, offer: null });
      }
      // Without a client nobody could go on from the page.
      vendorOf(row.connector).at(row.inputs).oauth();
      const token = newToken();
      await store(token, row.id, returnTo ?? null, { ...plan, step: "offered" });
      return startUrl + token;
    },
    look: async (token, visitor) => (await offered(token, visitor)).row,
    leave: async (token, session, visitor) => {
      const { state, sealed, row } = await offered(token, visitor);
      const { step: _offered, ...plan } = sealed;
      return depart(row, plan, { session, returnTo: state.returnTo, offer: state.stateHash });
    },
    finish: async (callback, sessions, visitor) => {
      const stateHash = sha256(callback.get("state") ?? "");
      const found = await steps.find(stateHash);
      if (found.sealed.step === "offered") throw staleState();
      assertSameBrowser(found.sealed.session, sessions);
      assertVisitor(found.row, visitor);
      // A second callback while the first is under way is a reload: it gets the first one's outcome, if it brings the same code.
      const key = `${stateHash} ${callback.get("code")}`;
      let finished = finishing.get(key);
      if (!finished) finishing.set(key, (finished = redeem(found, callback).finally(() => finishing.delete(key))));
      const { account, confirmation } = await finished;
      const { connection, returnTo } = found.state;
      return { connection, returnTo: returnTo && withCode(returnTo, confirmation), account, confirmation };
    },
  };
}

/** What helps a person to choose the account that a connection had before, where it is to stay. */
function paramsOf(row: ConnectionRow, { connector }: Vendor, moves = false): Record<string, string> {
  if (row.credentials === null || moves) return {};
  const params = [...(connector.authentication.get("oauth2")?.reconnectParams ?? [])];
  const connection = connectionValues(row);
  return Object.fromEntries(
    params.flatMap(([name, read]) => {
      const text = toText(read({ connection }));
      return text === "" ? [] : [[name, text]];
    }),
  );
}

function newToken(): string {
  return randomBytes(32).toString("base64url");
}

function withCode(returnTo: string, confirmation: string | null): string {
  if (confirmation === null) return returnTo;
  const url = new URL(returnTo);
  url.searchParams.set(CONFIRMATION_PARAMETER, confirmation);
  return url.href;
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
