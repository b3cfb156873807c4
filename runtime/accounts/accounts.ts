import type { SealContext } from "../core/crypto.ts";
import type { NetworkPolicy } from "../core/addresses.ts";
import { createNetwork, type Network } from "../core/network.ts";
import type { Context } from "../engine/context.ts";
import { replaceSealed, sealedConnections } from "../model/connection-upkeep.ts";
import type { ConnectionRow, ConnectionView } from "../model/connections.ts";
import { isParent } from "../model/derived-connections.ts";
import { purgeStates } from "../model/oauth-states.ts";
import type { Tx } from "../store/database.ts";
import { memoryCounter, sharedCounter } from "../vendor/counter.ts";
import { overriddenHosts, type ServerOverride } from "../vendor/hosts.ts";
import { createAuthorize, type AuthorizeNeeds, type Outcome } from "./authorize.ts";
import { findCarrier, type CarrierOf } from "./carriers.ts";
import { openClient, type ClientOf, type VendorClient } from "./client.ts";
import { createConfirmations } from "./confirmations.ts";
import { createConnect } from "./connect.ts";
import { createConsent, type ConsentNeeds } from "./consent.ts";
import { createConnections, type Connections } from "./connections.ts";
import { createGivenConnections } from "./connect-given.ts";
import { isIssued, methodOf, place } from "./credentials.ts";
import { createDerivations } from "./derivations.ts";
import { createGiveBack } from "./give-back.ts";
import { createGrants } from "./grants.ts";
import { createLacks } from "./lacks.ts";
import { createLearn } from "./learn.ts";
import { createMinting, type ReadAll } from "./minting.ts";
import type { OAuthClient } from "./oauth.ts";
import { createOffspring } from "./offspring.ts";
import { proofsPlace } from "./proofs.ts";
import { createProve } from "./prove.ts";
import { createProving } from "./proving.ts";
import { createRemoval } from "./removal.ts";
import { createSameAccount } from "./same-account.ts";
import { createShowing } from "./showing.ts";
import { createSettle } from "./settle.ts";
import { createStatus, type OnStatus } from "./status.ts";
import { createTokens, type Tokens } from "./tokens.ts";
import { createVendors, type VendorOf } from "./vendors.ts";
import type { Visitor } from "./visitor.ts";

export type AccountsContext = Pick<Context, "db" | "connectors" | "vault" | "emit" | "clock" | "random" | "log">;

export interface AccountsNeeds {
  /** The embedding product's OAuth registrations, by connector. */
  clients: Readonly<Record<string, OAuthClient>>;
  /** Other addresses than the manifests', by connector. Their own hosts may be private; nothing else becomes so. */
  servers: Readonly<Record<string, ServerOverride>>;
  network: NetworkPolicy;
  /** Where Hookline is reached from outside; the OAuth callback is below it. */
  baseUrl: string;
  /** Further origins `returnTo` may lead to; that of `baseUrl` always may. */
  returnOrigins: readonly string[];
  /** Whether whoever begins OAuth has to confirm, also where `confirm` is left out; default false. */
  requireConfirmation?: boolean;
  /** Default "least". */
  consent?: ConsentNeeds["consent"];
  /** Default: nothing is made of connections that needs scopes. */
  scopesInUse?: ConsentNeeds["scopesInUse"];
  onStatus: OnStatus;
  /**
   * Whether what is known of the records of a connection is found by a client with other credentials. Default: it is not
   * looked for, and nothing is recognised.
   */
  knowsRecords?: (row: ConnectionRow, client: VendorClient) => Promise<boolean>;
  /** Has {@link Accounts.testWaiting} called at a time, in the transaction after which a connection waits for it. Default: it is not. */
  onWaiting?: (tx: Tx, at: number) => Promise<void>;
  /** Reads what connections can be derived for. */
  readAll: ReadAll;
  /** Has {@link Accounts.followParents} called at a time, in the transaction after which there is something to follow. Default: it is not. */
  onParent?: (tx: Tx, at: number) => Promise<void>;
  /** Has {@link Accounts.purgeAuthorizations} called after a time, in the transaction that begins an authorization. Default: it is not. */
  onAuthorizing?: AuthorizeNeeds["onAuthorizing"];
  /** Milliseconds the first pause before a retry lasts at most; default 500. */
  retryBaseMs?: number;
}

/** Everything about talking to vendors. */
export interface Accounts extends Connections {
  /**
   * Whose connection an `authorizeUrl` is for; uses nothing up.
   * @throws HooklineError what {@link Authorize.look} throws
   */
  lookAtOAuth(token: string, visitor: Visitor): Promise<Pick<ConnectionRow, "connector" | "user">>;
  /**
   * Begins OAuth in the browser that holds `session`, and gives the vendor's address.
   * @throws HooklineError what {@link Authorize.look} throws
   */
  beginOAuth(token: string, session: string, visitor: Visitor): Promise<string>;
  /**
   * Finishes OAuth with the callback's query parameters. `session` is what the person's browser brings: one of the values
   * has to be the one with which the authorization was begun.
   * @throws HooklineError what {@link Authorize.finish} throws
   */
  finishOAuth(
    callback: URLSearchParams | Record<string, string>,
    session: string | readonly string[],
    visitor?: Visitor,
  ): Promise<Omit<Outcome, "connection"> & { connection: ConnectionView }>;
  client: ClientOf;
  vendorOf: VendorOf;
  tokens: Tokens;
  /** The way to vendors: requests leave only for allowed addresses. */
  network: Network;
  /** Deletes authorizations that nobody came back from or confirmed, once they are valid no more. Returns how many. */
  purgeAuthorizations(): Promise<number>;
  /**
   * Repeats the tests of new connections whose vendor has not answered yet, where they are due. Gives when the next is due,
   * milliseconds since the epoch; undefined when none waits.
   */
  testWaiting(): Promise<number | undefined>;
  /**
   * Has derived connections follow those that they were derived from, which lost their grant or have it again. Gives when to look
   * again, milliseconds since the epoch; undefined when nothing is left to do.
   */
  followParents(): Promise<number | undefined>;
  /**
   * Wraps what is sealed of every connection, and the key by which grants are found, with the newest encryption key. Returns
   * how many connections were changed.
   */
  rewrapCredentials(): Promise<number>;
  close(): Promise<void>;
}

/** Path of the OAuth callback below `baseUrl`. */
const CALLBACK_PATH = "/v1/oauth/callback";
/** Path of the page on which a person begins OAuth, below `baseUrl`; the link's token follows. */
const START_PATH = "/v1/oauth/start/";
const DEFAULT_RETRY_BASE_MS = 500;
const BATCH = 500;

/** Makes the services of accounts: connections, tokens, and the clients that call vendors. */
export function createAccounts(context: AccountsContext, needs: AccountsNeeds): Accounts {
  const { db, vault, clock, log } = context;
  const { clients, servers, retryBaseMs = DEFAULT_RETRY_BASE_MS, requireConfirmation = false } = needs;
  const trusted = Object.values(servers).flatMap((server) => overriddenHosts(server));
  const network = createNetwork({ ...needs.network, trusted });
  const baseUrl = needs.baseUrl.replace(/\/+$/, "");
  const vendorOf = createVendors(context, {
    clients,
    servers,
    redirectUri: baseUrl + CALLBACK_PATH,
    network,
    counterOf: db.dialect === "postgres" ? sharedCounter(db, log) : memoryCounter,
  });
  const status = createStatus(context, {
    ...needs,
    onStatus: async (tx, change) => {
      await needs.onStatus(tx, change);
      if (change.status !== "removed" && (await isParent(tx, change.id))) await needs.onParent?.(tx, clock.now());
    },
  });
  const grants = createGrants(context, { vendorOf });
  const learn = createLearn(context, { vendorOf, grants });
  const tokens = createTokens(context, {
    ask: async (row, credentials) => {
      if (credentials.type === "oauth2" && credentials.derived !== undefined)
        return minting.renew({ row, credentials });
      const vendor = vendorOf(row.connector).at(row.inputs);
      return isIssued(credentials) ? vendor.issue(row, credentials) : vendor.oauth().refresh(credentials.refreshToken!);
    },
    policyOf: (row) => {
      const method = methodOf(vendorOf(row.connector).connector.manifest.authentication, row);
      // Each derived token is given for itself: one that is lost takes no other with it.
      if (row.parent !== null && "refresh" in method) return { ...method.refresh, rotates: false };
      return "refresh" in method ? method.refresh : undefined;
    },
    pause: status.pause,
    learn: learn.renewed,
    giveBack: createGiveBack(context, { grants }),
  });
  const carrierOf: CarrierOf = (row, ...operation) =>
    findCarrier(db, vendorOf(row.connector).connector, row, ...operation);
  const clientNeeds = {
    vendorOf,
    pause: status.pause,
    carrierOf,
    answered: learn.answered,
    lacks: createLacks(context),
    retryBaseMs,
  };
  const sameAccount = createSameAccount(context, async (row, credentials) => {
    const strange = {
      ...clientNeeds,
      tokens: { open: async () => ({ row, credentials }) },
      pause: async () => false,
      answered: undefined,
      lacks: undefined,
    };
    return needs.knowsRecords?.(row, await openClient(row, context, strange)) ?? false;
  });
  const clientOf: ClientOf = (connection, moves) => openClient(connection, context, { ...clientNeeds, tokens }, moves);
  const minting = createMinting(context, { vendorOf, clientOf, readAll: needs.readAll });
  const showing = createShowing(context, { vendorOf, carrierOf });
  const derivations = createDerivations(context, { vendorOf, minting, grants, status, views: showing.views });
  const offspring = createOffspring(context, { status, derivations });
  const connect = createConnect(context, {
    grants,
    prove: createProve(context, { vendorOf, tokens, learn }),
    sameAccount,
  });
  const settle = createSettle(context, { status, grants });
  const confirmations = createConfirmations(context, { settle, grants });
  const startUrl = baseUrl + START_PATH;
  const authorize = createAuthorize(context, { ...needs, vendorOf, settle, connect, confirmations, startUrl });
  const proving = createProving(context, { vendorOf, tokens, status, grants });
  const returnOrigins = [new URL(baseUrl).origin, ...needs.returnOrigins];
  const consent = createConsent({
    consent: needs.consent ?? "least",
    scopesInUse: needs.scopesInUse ?? (async () => []),
  });
  const connections = createConnections(context, {
    vendorOf,
    tokens,
    status,
    authorize,
    confirmations,
    consent,
    given: createGivenConnections(context, { vendorOf, status, consent, grants, sameAccount }),
    requireConfirmation,
    grants,
    learn,
    proving,
    remove: createRemoval(context, { status, grants, confirmations, offspring }),
    derivations,
    showing,
    returnOrigins,
  });

  const rewrap = async (
    id: string,
    field: "credentials" | "proofs",
    sealed: Uint8Array | null,
    at: SealContext,
  ): Promise<boolean> => {
    const rewrapped = sealed === null ? null : vault.rewrap(sealed, at);
    if (rewrapped === null) return false;
    await replaceSealed(db, id, field, sealed!, rewrapped);
    return true;
  };

  return {
    ...connections,
    lookAtOAuth: authorize.look,
    beginOAuth: authorize.leave,
    finishOAuth: async (callback, session, visitor) => {
      const sessions = [session].flat();
      const { connection, ...outcome } = await authorize.finish(new URLSearchParams(callback), sessions, visitor);
      return { connection: await connections.get(connection), ...outcome };
    },
    client: clientOf,
    vendorOf,
    tokens,
    network,
    purgeAuthorizations: async () => (await confirmations.purge()) + (await purgeStates(db, clock.now())),
    testWaiting: () => proving.tick(),
    followParents: () => offspring.follow(),
    rewrapCredentials: async () => {
      await grants.rewrap();
      let count = 0;
      for (let after: string | undefined; ;) {
        const rows = await sealedConnections(db, { limit: BATCH, after });
        for (const { id, credentials, proofs } of rows) {
          const isOld = await Promise.all([
            rewrap(id, "credentials", credentials, place(id)),
            rewrap(id, "proofs", proofs, proofsPlace(id)),
          ]);
          if (isOld.includes(true)) count++;
        }
        if (rows.length < BATCH) return count;
        after = rows.at(-1)!.id;
      }
    },
    close: async () => {
      await tokens.settled();
      await learn.settled();
      await network.close();
    },
  };
}
