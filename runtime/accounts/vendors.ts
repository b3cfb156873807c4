import type { AuthenticationMethod } from "../../schemas/manifest.ts";
import { HooklineError, refuseFaults, unknownName, type Fault } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { Context } from "../engine/context.ts";
import { addressFaults, fillAddress, isWholeHost, placeholdersOf } from "../manifest/address.ts";
import type { Connector } from "../manifest/connector.ts";
import { methodsOf } from "./credentials.ts";
import { classify } from "../vendor/errors.ts";
import { allowsNamedHost, hostGuard, type AssertHost, type ServerOverride } from "../vendor/hosts.ts";
import type { CounterOf } from "../vendor/counter.ts";
import { createLimits, type Limits } from "../vendor/limits.ts";
import { createIssue, type Issue } from "./issue.ts";
import { createOAuth, type OAuth, type OAuthClient } from "./oauth.ts";
import type { Classify } from "./token-error.ts";
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
  /** Whose OAuth client its grants belong to: connectors of one vendor and one client share them. Undefined without a client. */
  grantor: string | undefined;
  /** Public name of the OAuth client. Undefined without one. */
  clientId: string | undefined;
  /** The OAuth scopes that may be asked for, those that are registered for the client, or all of the manifest. */
  scopes: readonly string[];
  /** What a token is asked for that nobody grants: the scopes of a way that are registered for the operator's client, or all. */
  scopesOf(method: AuthenticationMethod): readonly string[];
  /** @throws HooklineError `invalid_config` when the connector has no OAuth client */
  oauth(): OAuth;
  issue: Issue;
  /** The inputs that addresses are made of: with others, a connection leads to another account. */
  addressInputs: readonly string[];
  /** What is wrong with such inputs. */
  addressFaults(inputs: Inputs): Fault[];
  /**
   * The vendor as a connection with these inputs reaches it.
   * @throws HooklineError `invalid_input` for inputs that no address can be made of, `host_not_allowed` for a host that the operator has not allowed
   */
  at(inputs: Inputs): Vendor;
}

type Inputs = Readonly<Record<string, unknown>>;

type Shared = Pick<Context, "connectors" | "clock">;

export interface VendorsNeeds {
  /** The embedding product's OAuth registrations, by connector. */
  clients: Readonly<Record<string, OAuthClient>>;
  /** Other addresses than the manifests', by connector. */
  servers: Readonly<Record<string, ServerOverride>>;
  /** Where vendors send people back. */
  redirectUri: string;
  /** The way to vendors. */
  network: Network;
  /** Where uses of the vendors' limits are counted. */
  counterOf: CounterOf;
}

/** The vendor of a connector, made on first use. @throws HooklineError `not_found` with the nearest name */
export type VendorOf = (connector: string) => Vendor;

/** Makes the vendors of the loaded connectors, each on its first use. */
export function createVendors(context: Shared, needs: VendorsNeeds): VendorOf {
  const vendors = new Map<string, Vendor>();
  return (name) => {
    let vendor = vendors.get(name);
    if (!vendor) vendors.set(name, (vendor = createVendor(findConnector(context.connectors, name), context, needs)));
    return vendor;
  };
}

function findConnector(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const connector = connectors.get(name);
  if (connector) return connector;
  throw new HooklineError("not_found", unknownName("connector", name, connectors.keys()));
}

function createVendor(
  connector: Connector,
  { clock }: Pick<Shared, "clock">,
  needs: VendorsNeeds,
  base?: { vendor: Vendor; inputs: Inputs },
): Vendor {
  const { clients, servers, redirectUri, network, counterOf } = needs;
  const { name, manifest } = connector;
  const fill = (address: string): string => (base ? fillAddress(address, base.inputs) : address);
  const given = Object.hasOwn(servers, name) ? servers[name] : undefined;
  const override = given && filled(given, fill);
  // Of a host that is left to connections, only the one of this connection is allowed.
  const assertHost = hostGuard(name, base ? manifest.allowedHosts.map(fill) : manifest.allowedHosts, override);
  const { server } = manifest;
  const ownUrl = "url" in server ? server.url : `https://${manifest.allowedHosts[0]}`;
  const url = override?.url ?? fill(ownUrl);
  const http = createHttpTransport({ url, assertHost, network });
  const transport =
    "googleapis" in server
      ? createGoogleTransport({ ...server.googleapis, rootUrl: override?.url, assertHost, network })
      : http;
  const classifyToken: Classify = (response) => {
    const matched = connector.errors.some((matcher) => matcher.scope === "token" && matcher.matches(response));
    return matched ? classify(connector.errors, response, "token", clock.now())?.class : undefined;
  };
  const clientOf = (): OAuthClient => {
    if (client) return client;
    throw new HooklineError(
      "invalid_config",
      `clients.${name}: no OAuth client is configured; register one at the vendor and set its id and secret`,
    );
  };
  const shared = { override, network, assertHost, classify: classifyToken, now: () => clock.now() };
  let oauth: OAuth | undefined;
  const authentication = methodsOf(manifest.authentication).find((method) => method.type === "oauth2");
  const templates = [ownUrl, ...manifest.allowedHosts, ...methodsOf(manifest.authentication).flatMap(addressesOf)];
  const addressInputs = placeholdersOf(...templates);
  const client = Object.hasOwn(clients, name) ? clients[name] : undefined;
  const vendor: Vendor = {
    connector,
    transport,
    http,
    url,
    assertHost,
    limits: base?.vendor.limits ?? createLimits(name, manifest.rateLimits ?? [], clock, counterOf),
    grantor: authentication && client && JSON.stringify([authentication.vendor ?? name, client.clientId]),
    clientId: client?.clientId,
    scopes: client?.scopes ?? Object.keys(authentication?.scopes ?? {}),
    scopesOf: (method) => {
      const isOperators = method.type === "clientCredentials" && method.client === "operator";
      const registered = isOperators ? client?.scopes : undefined;
      return Object.keys(("scopes" in method && method.scopes) || {}).filter(
        (scope) => registered?.includes(scope) ?? true,
      );
    },
    oauth: () => {
      if (!authentication) throw new TypeError(`${name} is not connected by OAuth`);
      const { tokenAnswer: answer } = connector.authentication.get("oauth2")!;
      return (oauth ??= createOAuth({
        ...shared,
        connector: name,
        authentication: filled(authentication, fill),
        answer,
        client: clientOf(),
        redirectUri,
      }));
    },
    issue: createIssue({ ...shared, connector, http, clientOf, fill }),
    addressInputs,
    addressFaults: (inputs) => addressFaults(templates, inputs),
    at: (inputs) => {
      if (addressInputs.length === 0) return vendor;
      refuseFaults(name, addressFaults(templates, inputs));
      assertNamedHosts(name, templates, inputs, given?.hosts);
      return createVendor(connector, { clock }, needs, { vendor, inputs });
    },
  };
  return vendor;
}

const ADDRESSES = ["authorizationUrl", "tokenUrl", "refreshUrl", "revokeUrl"] as const;

function addressesOf(method: AuthenticationMethod): string[] {
  const values = method as Partial<Record<(typeof ADDRESSES)[number], string>>;
  return ADDRESSES.flatMap((key) => values[key] ?? []);
}

/** The same with every address filled in. */
function filled<Addresses extends Partial<Record<(typeof ADDRESSES)[number] | "url", string>>>(
  addresses: Addresses,
  fill: (address: string) => string,
): Addresses {
  const keys = [...ADDRESSES, "url"] as const;
  const own = keys.flatMap((key) => (addresses[key] === undefined ? [] : [[key, fill(addresses[key])] as const]));
  return { ...addresses, ...Object.fromEntries(own) };
}

/** A whole host is one that the operator lets connections name. @throws HooklineError `host_not_allowed` */
function assertNamedHosts(
  connector: string,
  templates: readonly string[],
  inputs: Inputs,
  hosts?: readonly string[],
): void {
  for (const name of placeholdersOf(...templates)) {
    const host = String(inputs[name]);
    const isHost = templates.some((template) => isWholeHost(template, name));
    if (!isHost || allowsNamedHost(hosts, host)) continue;
    const remedy = `the operator has to add it to servers.${connector}.hosts`;
    throw new HooklineError(
      "host_not_allowed",
      `${connector}: ${host} is no host that connections may name; ${remedy}`,
    );
  }
}
