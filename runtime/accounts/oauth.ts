import * as oauth from "oauth4webapi";
import type { Oauth2Authentication } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import type { Network, NetworkResponse } from "../core/network.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { AssertHost, ServerOverride } from "../vendor/hosts.ts";
import { idTokenClaims, type ExpectedIdToken } from "./id-token.ts";
import { tokenError, type Classify } from "./token-error.ts";

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

/** A token endpoint's answer, its variants levelled. */
export interface TokenResponse {
  accessToken: string;
  /** Absent when the vendor keeps the old one valid. */
  refreshToken?: string;
  /** Seconds; null when the vendor did not say, or said nothing sensible. */
  expiresIn: number | null;
  /** Granted scopes; undefined when the vendor did not say: then as requested (RFC 6749 §5.1). */
  scopes?: string[];
  /** What a believed id token says (OpenID Connect); undefined without one. */
  claims?: Record<string, unknown>;
  /** The answer itself, for captured values. */
  response: { status: number; headers: Record<string, string>; body: unknown };
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

/** Long, for an answer that is given up may be the only refresh token that counts; less than half the lease of a renewal. */
export const TOKEN_DEADLINE_MS = 90_000;
const MAX_TOKEN_RESPONSE_BYTES = 256 * 1024;

/** Makes the OAuth client of one connector. */
export function createOAuth(options: OAuthOptions): OAuth {
  const { connector, authentication, override, client, redirectUri } = options;
  const authorizationUrl = override?.authorizationUrl ?? authentication.authorizationUrl;
  const tokenUrl = override?.tokenUrl ?? authentication.tokenUrl;
  // An overridden connector never gives its tokens to the real vendor.
  const revokeUrl = override?.tokenUrl === undefined ? authentication.revokeUrl : override.revokeUrl;
  const issuer = new URL(authorizationUrl).origin;
  const server: oauth.AuthorizationServer = { issuer, token_endpoint: tokenUrl, revocation_endpoint: revokeUrl };
  const registration: oauth.Client = { client_id: client.clientId };
  if (client.clientSecret !== undefined) rememberSecret(client.clientSecret);
  const proof = clientProof(authentication, client);
  // A connector may be pointed at a double that issues what the vendor would.
  const issuers = [authorizationUrl, tokenUrl, authentication.authorizationUrl].map((url) => new URL(url).origin);

  const call = async (
    make: (settings: oauth.TokenEndpointRequestOptions) => Promise<Response>,
    read: (response: Response) => Promise<oauth.TokenEndpointResponse>,
  ): Promise<TokenResponse> => {
    let raw: NetworkResponse | undefined;
    const settings: oauth.TokenEndpointRequestOptions = {
      additionalParameters: authentication.tokenParams,
      [oauth.allowInsecureRequests]: isOverriddenLoopback(override?.tokenUrl),
      [oauth.customFetch]: async (url, init) => level((raw = await post(options, url, init))),
    };
    try {
      const expected = { clientId: client.clientId, issuers, now: options.now() };
      return toTokenResponse(await read(await make(settings)), raw!, expected);
    } catch (error) {
      if (error instanceof HooklineError) throw error;
      throw tokenError(connector, raw, error, options.classify);
    }
  };

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
        [oauth.customFetch]: async (url, init) => level(await post(options, url, init)),
      });
      return response.ok || (await response.text()).includes('"invalid_token"');
    },
  };
}

function clientProof(authentication: Oauth2Authentication, client: OAuthClient): oauth.ClientAuth {
  if (client.clientSecret === undefined) return oauth.None();
  return authentication.clientAuthentication === "basic"
    ? oauth.ClientSecretBasic(client.clientSecret)
    : oauth.ClientSecretPost(client.clientSecret);
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

async function post(
  { network, assertHost }: OAuthOptions,
  address: string,
  init: { headers: Record<string, string>; body: URLSearchParams },
): Promise<NetworkResponse> {
  const url = new URL(address);
  assertHost(url);
  return network.request(url, {
    method: "POST",
    headers: init.headers,
    body: init.body.toString(),
    deadlineMs: TOKEN_DEADLINE_MS,
    noticesSending: true,
    maxBytes: MAX_TOKEN_RESPONSE_BYTES,
  });
}

/**
 * What vendors vary, levelled for the strict reading that follows: any 2xx, a missing token type, odd lifetimes. The
 * `id_token` is read apart, for a strange one is no reason to refuse the tokens. Repeated or challenging headers are left out.
 */
function level(raw: NetworkResponse): Response {
  const succeeded = raw.status >= 200 && raw.status < 300;
  let text = raw.body.toString();
  try {
    const body = parseJson(text);
    if (isObject(body) && succeeded) {
      delete body.id_token;
      body.token_type ??= "Bearer";
      const seconds = Number(body.expires_in);
      if (seconds > 0 && Number.isFinite(seconds)) body.expires_in = seconds;
      else delete body.expires_in;
      if (body.refresh_token === null || body.refresh_token === "") delete body.refresh_token;
      if (Array.isArray(body.scope)) body.scope = body.scope.join(" ");
      text = JSON.stringify(body);
    }
  } catch {
    // Not JSON: the reader says so.
  }
  return new Response(text, {
    status: succeeded ? 200 : Math.max(raw.status, 300),
    headers: { "content-type": "application/json" },
  });
}

function toTokenResponse(
  body: oauth.TokenEndpointResponse,
  raw: NetworkResponse,
  expected: ExpectedIdToken,
): TokenResponse {
  rememberSecret(body.access_token);
  if (body.refresh_token !== undefined) rememberSecret(body.refresh_token);
  return {
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
    expiresIn: body.expires_in ?? null,
    scopes: body.scope === undefined ? undefined : body.scope.split(/[\s,]+/).filter(Boolean),
    claims: idTokenClaims((parseJson(raw.body.toString()) as { id_token?: unknown }).id_token, expected),
    response: { status: raw.status, headers: raw.headers, body },
  };
}

/** Plain http is for a vendor's double on this machine only. */
function isOverriddenLoopback(url: string | undefined): boolean {
  return url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
