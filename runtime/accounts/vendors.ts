import type { Clock } from "../core/clock.ts";
import { HooklineError, nearest } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { Connector } from "../manifest/connector.ts";
import { methodsOf } from "./credentials.ts";
import { classify } from "../vendor/errors.ts";
import { hostGuard, type AssertHost, type ServerOverride } from "../vendor/hosts.ts";
import type { CounterOf } from "../vendor/counter.ts";
import { createLimits, type Limits } from "../vendor/limits.ts";
import { createOAuth, type OAuth, type OAuthClient } from "./oauth.ts";
import { createGoogleTransport } from "../vendor/transports/googleapis.ts";
import { createHttpTransport } from "../vendor/transports/http.ts";
import type { Transport } from "../vendor/transports/transport.ts";

/** What it takes to talk to one vendor. */
export interface Vendor {
  connector: Connector;
  /** What carries the manifest's requests. */
  transport: Transport;
  /** What carries requests that name a path or an address themselves, whatever the manifest's own go through. */
  http: Transport;
  /** Base URL of plain HTTP requests. */
  url: string;
  assertHost: AssertHost;
  limits: Limits;
  /** Throws `invalid_config` when the connector has no OAuth client. */
  oauth(): OAuth;
}

export interface VendorsOptions {
  connectors: ReadonlyMap<string, Connector>;
  clients: Readonly<Record<string, OAuthClient>>;
  servers: Readonly<Record<string, ServerOverride>>;
  redirectUri: string;
  network: Network;
  clock: Clock;
  /** Where uses of the vendors' limits are counted. */
  counterOf: CounterOf;
}

/** The vendor of a connector, made on first use. Throws `not_found` with the nearest name. */
export type VendorOf = (connector: string) => Vendor;

export function createVendors(options: VendorsOptions): VendorOf {
  const vendors = new Map<string, Vendor>();
  return (name) => {
    let vendor = vendors.get(name);
    if (!vendor) vendors.set(name, (vendor = createVendor(findConnector(options.connectors, name), options)));
    return vendor;
  };
}

function findConnector(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const connector = connectors.get(name);
  if (connector) return connector;
  const near = nearest(name, connectors.keys());
  const hint = near ? `did you mean "${near}"?` : `there are: ${[...connectors.keys()].join(", ")}`;
  throw new HooklineError("not_found", `There is no connector "${name}"; ${hint}`);
}

function createVendor(
  connector: Connector,
  { clients, servers, redirectUri, network, clock, counterOf }: VendorsOptions,
): Vendor {
  const { name, manifest } = connector;
  const override = Object.hasOwn(servers, name) ? servers[name] : undefined;
  const assertHost = hostGuard(name, manifest.allowedHosts, override);
  const { server } = manifest;
  const ownUrl = "url" in server ? server.url : `https://${manifest.allowedHosts[0]}`;
  const url = override?.url ?? ownUrl;
  const http = createHttpTransport({ url, assertHost, network });
  const transport =
    "googleapis" in server
      ? createGoogleTransport({ ...server.googleapis, rootUrl: override?.url, assertHost, network })
      : http;
  let oauth: OAuth | undefined;
  return {
    connector,
    transport,
    http,
    url,
    assertHost,
    limits: createLimits(name, manifest.rateLimits ?? [], clock, counterOf),
    oauth: () => {
      const authentication = methodsOf(manifest.authentication).find((method) => method.type === "oauth2");
      const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
      if (!authentication || !client) {
        throw new HooklineError(
          "invalid_config",
          `clients.${name}: no OAuth client is configured; register one at the vendor and set its id and secret`,
        );
      }
      return (oauth ??= createOAuth({
        connector: name,
        authentication,
        override,
        client,
        redirectUri,
        network,
        assertHost,
        classify: (answer) => {
          const matched = connector.errors.some((matcher) => matcher.scope === "token" && matcher.matches(answer));
          return matched ? classify(connector.errors, answer, "token", clock.now())?.class : undefined;
        },
      }));
    },
  };
}
