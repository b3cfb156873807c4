import type * as oauth from "oauth4webapi";
import type { Network } from "../core/network.ts";
import type { Connector } from "../manifest/connector.ts";
import { toText } from "../manifest/expressions.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { AssertHost, ServerOverride } from "../vendor/hosts.ts";
import { connectionValues } from "./credentials.ts";
import type { Transport } from "../vendor/transports/transport.ts";
import type { OAuthClient } from "./oauth.ts";
import { isOverriddenLoopback } from "./token-endpoint.ts";
import type { Classify } from "./token-error.ts";

/** What the ways share whose tokens are issued for what was given. */
export interface IssueNeeds {
  connector: Connector;
  override: ServerOverride | undefined;
  /** The operator's client. @throws HooklineError `invalid_config` without one */
  clientOf: () => OAuthClient;
  /** What carries a login. */
  http: Transport;
  network: Network;
  assertHost: AssertHost;
  /** What an error answer of the token endpoint means to the manifest. */
  classify: Classify;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The token endpoint of a manifest, or the one that stands for it. */
export function tokenServer(
  { override }: Pick<IssueNeeds, "override">,
  tokenUrl: string,
): { server: oauth.AuthorizationServer; isInsecure: boolean } {
  const url = override?.tokenUrl ?? tokenUrl;
  return {
    server: { issuer: new URL(url).origin, token_endpoint: url },
    isInsecure: isOverriddenLoopback(override?.tokenUrl),
  };
}

/** Further parameters that the manifest declares; a list is the same parameter several times. */
export function tokenParams({ connector }: Pick<IssueNeeds, "connector">, row: ConnectionRow): URLSearchParams {
  const declared = connector.authentication.get(row.authType)?.tokenParams?.({ connection: connectionValues(row) });
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(declared ?? {}))
    for (const item of [value].flat()) if (toText(item) !== "") parameters.append(name, toText(item));
  return parameters;
}
