import * as oauth from "oauth4webapi";
import type { Oauth2Authentication } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { AssertHost, ServerOverride } from "../vendor/hosts.ts";
import {
  clientProof,
  createTokenEndpoint,
  isOverriddenLoopback,
  type TokenEndpoint,
  type TokenResponse,
} from "./token-endpoint.ts";
import type { Classify } from "./token-error.ts";

/** The embedding product's registration at a vendor. */
export interface OAuthClient {
  clientId: string;
  clientSecret?: string;
  /** The scopes that are registered for it: no other is ever asked for. Default all of the manifest. */
  scopes?: readonly string[];
}

export interface OAuthOptions {
  connector: string;
  authentication: Oauth2Authentication;
  override?: ServerOverride;
  client: OAuthClient;
  /** Where the vendor sends people back. */
  redirectUri: string;
  network: Network;
  assertHost: AssertHost;
  /** What an error answer of the token endpoint means to the manifest. */
  classify: Classify;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The OAuth 2.0 conversation with one vendor. Token calls throw {@link TokenError}, `network` or `timeout`. */
export interface OAuth {
  /** RFC 6749 §4.1.1 with PKCE (RFC 7636), asking for `scopes`. `further` parameters go before the manifest's. */
  authorizationUrl(
    state: string,
    verifier: string,
    scopes: readonly string[],
    further?: Record<string, string>,
  ): Promise<string>;
  /**
   * Redeems the code of a callback whose state has been checked.
   * @throws HooklineError `connection_rejected` when it is an error or of another issuer
   */
  exchange(callback: URLSearchParams, verifier: string): Promise<TokenResponse>;
  refresh(refreshToken: string): Promise<TokenResponse>;
  /** RFC 7009. False when the vendor has no address for it, or does not take it; a token that is dead already is revoked. */
  revoke(token: string): Promise<boolean>;
}

/** Makes the OAuth client of one connector. */
export function createOAuth(options: OAuthOptions): OAuth {
  const { connector, authentication, override, client, redirectUri, network, assertHost } = options;
  const authorizationUrl = override?.authorizationUrl ?? authentication.authorizationUrl;
  const tokenUrl = override?.tokenUrl ?? authentication.tokenUrl;
  // An overridden connector never gives its tokens to the real vendor.
  const revokeUrl = override?.tokenUrl === undefined ? authentication.revokeUrl : override.revokeUrl;
  const issuer = new URL(authorizationUrl).origin;
  const server: oauth.AuthorizationServer = { issuer, token_endpoint: tokenUrl, revocation_endpoint: revokeUrl };
  const registration: oauth.Client = { client_id: client.clientId };
  if (client.clientSecret !== undefined) rememberSecret(client.clientSecret);
  const proof = clientProof(authentication, client.clientSecret);
  // A connector may be pointed at a double that issues what the vendor would.
  const issuers = [authorizationUrl, tokenUrl, authentication.authorizationUrl].map((url) => new URL(url).origin);

  const shared = {
    connector,
    network,
    assertHost,
    classify: options.classify,
    now: options.now,
    owner: "operator",
  } as const;
  const endpoint = createTokenEndpoint({ ...shared, isInsecure: isOverriddenLoopback(override?.tokenUrl) });
  const call = (make: Parameters<TokenEndpoint["call"]>[0], read: Parameters<TokenEndpoint["call"]>[1]) =>
    endpoint.call(make, read, { clientId: client.clientId, issuers }, authentication.tokenParams);

  return {
    authorizationUrl: async (state, verifier, scopes, further) => {
      const url = new URL(authorizationUrl);
      const pkce =
        authentication.pkce === false
          ? {}
          : { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: "S256" };
      const parameters = {
        ...authentication.authorizationParams,
        ...further,
        response_type: "code",
        client_id: client.clientId,
        redirect_uri: redirectUri,
        ...(scopes.length > 0 && { scope: scopes.join(" ") }),
        state,
        ...pkce,
      };
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
      return url.href;
    },
    exchange: async (callback, verifier) => {
      const checked = checkCallback(connector, server, registration, callback);
      // A token endpoint may quote what it was sent.
      for (const secret of [checked.get("code"), verifier]) if (secret) rememberSecret(secret);
      const pkce = authentication.pkce === false ? oauth.nopkce : verifier;
      return call(
        (settings) =>
          oauth.authorizationCodeGrantRequest(server, registration, proof, checked, redirectUri, pkce, settings),
        (response) => oauth.processAuthorizationCodeResponse(server, registration, response),
      );
    },
    refresh: (refreshToken) =>
      call(
        (settings) => oauth.refreshTokenGrantRequest(server, registration, proof, refreshToken, settings),
        (response) => oauth.processRefreshTokenResponse(server, registration, response),
      ),
    revoke: async (token) => {
      if (revokeUrl === undefined) return false;
      const response = await oauth.revocationRequest(server, registration, proof, token, {
        [oauth.allowInsecureRequests]: isOverriddenLoopback(override?.revokeUrl),
        [oauth.customFetch]: endpoint.post,
      });
      return response.ok || (await response.text()).includes('"invalid_token"');
    },
  };
}

/** State is compared by the caller, who finds it by its hash; `iss` is RFC 9207. */
function checkCallback(
  connector: string,
  server: oauth.AuthorizationServer,
  client: oauth.Client,
  callback: URLSearchParams,
): URLSearchParams {
  const iss = callback.get("iss");
  if (iss !== null && URL.parse(iss)?.origin !== server.issuer) {
    throw new HooklineError(
      "connection_rejected",
      `${connector}: the callback comes from another issuer; connect again`,
    );
  }
  const rest = new URLSearchParams(callback);
  rest.delete("iss");
  try {
    return oauth.validateAuthResponse(server, client, rest, oauth.skipStateCheck);
  } catch {
    const denied = callback.get("error") === "access_denied";
    const what = denied ? "access was not granted" : "the vendor refused the authorization";
    throw new HooklineError("connection_rejected", `${connector}: ${what}; connect again and agree to what is asked`, {
      data: { error: denied ? "access_denied" : "authorization_error" },
    });
  }
}
