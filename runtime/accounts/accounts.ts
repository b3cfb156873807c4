import { systemClock, type Clock } from "../core/clock.ts";
import type { Vault } from "../core/crypto.ts";
import { createLog, type Log } from "../core/log.ts";
import type { NetworkPolicy } from "../core/addresses.ts";
import { createNetwork, type Network } from "../core/network.ts";
import type { Connector } from "../manifest/connector.ts";
import { replaceSealed, sealedConnections } from "../model/connections.ts";
import type { Database } from "../store/database.ts";
import type { Emit } from "../model/events.ts";
import { purgeStates } from "../model/oauth-states.ts";
import { createAuthorize } from "./authorize.ts";
import { openClient, type VendorClient } from "./client.ts";
import { createConnections, type Connections } from "./connections.ts";
import { methodOf, place } from "./credentials.ts";
import { overriddenHosts, type ServerOverride } from "../vendor/hosts.ts";
import { memoryCounter, sharedCounter } from "../vendor/counter.ts";
import type { OAuthClient } from "./oauth.ts";
import { createStatus, type OnStatus } from "./status.ts";
import { createTokens, type Tokens } from "./tokens.ts";
import { createVendors, type VendorOf } from "./vendors.ts";
import type { ConnectionView } from "./view.ts";

export interface AccountsOptions {
  db: Database;
  connectors: ReadonlyMap<string, Connector>;
  vault: Vault;
  /** The embedding product's OAuth registrations, by connector. */
  clients: Readonly<Record<string, OAuthClient>>;
  /** Other addresses than the manifests', by connector. Their own hosts may be private; nothing else becomes so. */
  servers: Readonly<Record<string, ServerOverride>>;
  network: NetworkPolicy;
  /** Where Hookline is reached from outside, without a trailing slash; the OAuth callback is below it. */
  baseUrl: string;
  /** Further origins `returnTo` may lead to; that of `baseUrl` always may. Default none. */
  returnOrigins?: readonly string[];
  emit: Emit;
  onStatus: OnStatus;
  clock?: Clock;
  log?: Log;
  /** Milliseconds the first pause before a retry lasts at most; default 500. */
  retryBaseMs?: number;
}

/** Everything about talking to vendors. */
export interface Accounts extends Connections {
  /** Finishes OAuth with the callback's query parameters; see {@link Authorize.finish} for what it throws. */
  finishOAuth(
    callback: URLSearchParams | Record<string, string>,
    session?: string,
  ): Promise<{ connection: ConnectionView; returnTo: string | null }>;
  /** Throws `not_found`, `conflict` while pending, `reauth_required`, `decryption_failed`. */
  client(connection: string): Promise<VendorClient>;
  vendorOf: VendorOf;
  tokens: Tokens;
  /** The way to vendors: requests leave only for allowed addresses. */
  network: Network;
  /** Forgets authorizations that nobody came back from; for a daily tick. Returns how many. */
  purgeAuthorizations(): Promise<number>;
  /** Wraps every connection's credentials with the newest encryption key. Returns how many were changed. */
  rewrapCredentials(): Promise<number>;
  close(): Promise<void>;
}

/** Path of the OAuth callback below `baseUrl`. */
export const CALLBACK_PATH = "/v1/oauth/callback";
const BATCH = 500;

export function createAccounts(options: AccountsOptions): Accounts {
  const { db, vault, connectors, clients, servers, emit, onStatus } = options;
  const { clock = systemClock, log = createLog(), retryBaseMs = 500, returnOrigins = [] } = options;
  const trusted = Object.values(servers).flatMap((server) => overriddenHosts(server));
  const network = createNetwork({ ...options.network, trusted });
  const baseUrl = options.baseUrl.replace(/\/+$/, "");
  const vendorOf = createVendors({
    connectors,
    clients,
    servers,
    redirectUri: baseUrl + CALLBACK_PATH,
    network,
    clock,
    counterOf: db.dialect === "postgres" ? sharedCounter(db, log) : memoryCounter,
  });
  const status = createStatus({ db, clock, emit, onStatus });
  const tokens = createTokens({
    db,
    vault,
    clock,
    log,
    oauthOf: (connector) => vendorOf(connector).oauth(),
    authenticationOf: (row) => {
      const method = methodOf(vendorOf(row.connector).connector.manifest.authentication, row);
      if (method.type !== "oauth2") throw new TypeError(`${row.id} is not connected by OAuth`);
      return method;
    },
    pause: status.pause,
  });
  const authorize = createAuthorize({ db, vault, clock, log, vendorOf, status });
  const connections = createConnections({
    db,
    vault,
    clock,
    log,
    vendorOf,
    tokens,
    status,
    authorize,
    returnOrigins: [new URL(baseUrl).origin, ...returnOrigins],
  });
  const client = (id: string) => openClient(id, { vendorOf, tokens, pause: status.pause, clock, retryBaseMs });

  return {
    ...connections,
    finishOAuth: async (callback, session) => {
      const { connection, returnTo } = await authorize.finish(new URLSearchParams(callback), session);
      return { connection: await connections.get(connection), returnTo };
    },
    client,
    vendorOf,
    tokens,
    network,
    purgeAuthorizations: () => purgeStates(db, clock.now()),
    rewrapCredentials: async () => {
      let count = 0;
      for (let after: string | undefined; ;) {
        const rows = await sealedConnections(db, { limit: BATCH, after });
        for (const { id, credentials } of rows) {
          const rewrapped = vault.rewrap(credentials, place(id));
          if (rewrapped === null) continue;
          await replaceSealed(db, id, credentials, rewrapped);
          count++;
        }
        if (rows.length < BATCH) return count;
        after = rows.at(-1)!.id;
      }
    },
    close: () => network.close(),
  };
}
