import type { NetworkPolicy } from "../core/addresses.ts";
import { createNetwork, type Network } from "../core/network.ts";
import type { Context } from "../engine/context.ts";
import type { Engine } from "../engine/engine.ts";
import type { ConnectionRow, ConnectionView } from "../model/connections.ts";
import { purgeStates } from "../model/oauth-states.ts";
import type { Tx } from "../store/database.ts";
import { memoryCounter, sharedCounter } from "../vendor/counter.ts";
import { overriddenHosts, type ServerOverride } from "../vendor/hosts.ts";
import { createAuthorize, type Outcome } from "./authorize.ts";
import { openClient, type ClientOf, type VendorClient } from "./client.ts";
import { createConfirmations } from "./confirmations.ts";
import { createConnect } from "./connect.ts";
import { createConsent, type ConsentNeeds } from "./consent.ts";
import { createConnections, type Connections } from "./connections.ts";
import { methodOf } from "./credentials.ts";
import { createGrants } from "./grants.ts";
import { accountsEraser } from "./erase.ts";
import { createErasures, type Erasures, type ErasuresNeeds } from "./erasures.ts";
import { createFence } from "./fence.ts";
import { createLearn } from "./learn.ts";
import type { OAuthClient } from "./oauth.ts";
import { createProving } from "./proving.ts";
import { createRemovals } from "./removal.ts";
import { createSettle } from "./settle.ts";
import { createStatus, type OnStatus } from "./status.ts";
import { createTokenSecret } from "./token-secret.ts";
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
  /** What else is erased with users and connections. Default: what this room keeps of them, and nothing more. */
  erasing?: Erasing;
  /** Milliseconds the first pause before a retry lasts at most; default 500. */
  retryBaseMs?: number;
}

/** What erasing needs besides accounts. */
export type Erasing = Omit<ErasuresNeeds, "removals"> & { engine: Pick<Engine, "enqueue"> };

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
  /** Erases a user; see {@link Erasures.erase}. */
  erase: Erasures["erase"];
  /** Goes on with erasures that are due; see {@link Erasures.tick}. */
  eraseDue: Erasures["tick"];
  client: ClientOf;
  vendorOf: VendorOf;
  tokens: Tokens;
  /** The way to vendors: requests leave only for allowed addresses. */
  network: Network;
  /** Deletes authorizations that nobody came back from or confirmed; for a tick every few minutes. Returns how many. */
  purgeAuthorizations(): Promise<number>;
  /**
   * Repeats the tests of new connections whose vendor has not answered yet, where they are due. Gives when the next is due,
   * milliseconds since the epoch; undefined when none waits.
   */
  testWaiting(): Promise<number | undefined>;
  close(): Promise<void>;
}

/** Path of the OAuth callback below `baseUrl`. */
const CALLBACK_PATH = "/v1/oauth/callback";
/** Path of the page on which a person begins OAuth, below `baseUrl`; the link's token follows. */
const START_PATH = "/v1/oauth/start/";
const DEFAULT_RETRY_BASE_MS = 500;

/** Makes the services of accounts: connections, tokens, and the clients that call vendors. */
export function createAccounts(context: AccountsContext, needs: AccountsNeeds): Accounts {
  const { db, clock, log } = context;
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
  const status = createStatus(context, needs);
  const grants = createGrants(context, { vendorOf });
  const learn = createLearn(context, { vendorOf, grants });
  const tokens = createTokens(context, {
    oauthOf: (connector) => vendorOf(connector).oauth(),
    authenticationOf: (row) => {
      const method = methodOf(vendorOf(row.connector).connector.manifest.authentication, row);
      if (method.type !== "oauth2") throw new TypeError(`${row.id} is not connected by OAuth`);
      return method;
    },
    pause: status.pause,
    learn: learn.renewed,
  });
  const clientNeeds = { vendorOf, pause: status.pause, retryBaseMs };
  const connect = createConnect(context, {
    grants,
    recognises: async (row, credentials) => {
      const strange = {
        ...clientNeeds,
        tokens: { open: async () => ({ row, credentials }) },
        pause: async () => false,
      };
      return needs.knowsRecords?.(row, await openClient(row, context, strange)) ?? false;
    },
  });
  const settle = createSettle(context, { status, grants });
  const confirmations = createConfirmations(context, { settle, grants });
  const startUrl = baseUrl + START_PATH;
  const authorize = createAuthorize(context, { vendorOf, settle, connect, confirmations, startUrl });
  const proving = createProving(context, { vendorOf, tokens, status, grants });
  const removals = createRemovals(context, { status, grants, confirmations });
  const erasing: Erasing = needs.erasing ?? {
    erasers: [accountsEraser],
    endDeliveries: async () => null,
    tokenSecret: createTokenSecret(context),
    engine: { enqueue: async () => {} },
  };
  const erasures = createErasures({ db, clock, engine: erasing.engine }, { ...erasing, removals });
  const returnOrigins = [new URL(baseUrl).origin, ...needs.returnOrigins];
  const connections = createConnections(context, {
    vendorOf,
    tokens,
    status,
    authorize,
    confirmations,
    consent: createConsent({ consent: needs.consent ?? "least", scopesInUse: needs.scopesInUse ?? (async () => []) }),
    requireConfirmation,
    grants,
    learn,
    proving,
    remove: erasures.remove,
    fence: createFence(context, erasing.tokenSecret),
    returnOrigins,
  });

  return {
    ...connections,
    lookAtOAuth: authorize.look,
    beginOAuth: authorize.leave,
    finishOAuth: async (callback, session, visitor) => {
      const sessions = [session].flat();
      const { connection, ...outcome } = await authorize.finish(new URLSearchParams(callback), sessions, visitor);
      return { connection: await connections.get(connection), ...outcome };
    },
    erase: erasures.erase,
    eraseDue: erasures.tick,
    client: (connection) => openClient(connection, context, { ...clientNeeds, tokens }),
    vendorOf,
    tokens,
    network,
    purgeAuthorizations: async () => (await confirmations.purge()) + (await purgeStates(db, clock.now())),
    testWaiting: () => proving.tick(),
    close: async () => {
      await tokens.settled();
      await network.close();
    },
  };
}
