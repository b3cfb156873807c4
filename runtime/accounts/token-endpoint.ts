import * as oauth from "oauth4webapi";
import { HooklineError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import type { Network } from "../core/network.ts";
import type { NetworkResponse } from "../core/network-exchange.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { AssertHost } from "../vendor/hosts.ts";
import { idTokenClaims, type ExpectedIdToken } from "./id-token.ts";
import { tokenError, type Classify, type Owner } from "./token-error.ts";

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

export interface TokenEndpointOptions {
  connector: string;
  network: Network;
  assertHost: AssertHost;
  /** What an error answer means to the manifest. */
  classify: Classify;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Whether plain http is allowed, for a double on this machine. */
  isInsecure: boolean;
  /** Who has to put it right that the client is refused. */
  owner: Owner;
}

/** One token endpoint. Calls throw {@link TokenError}, `network` or `timeout`. */
export interface TokenEndpoint {
  /** Makes a request and reads its answer, both by oauth4webapi. `issued`: whose tokens an id token may be of. */
  call(
    make: (settings: oauth.TokenEndpointRequestOptions) => Promise<Response>,
    read: (response: Response) => Promise<oauth.TokenEndpointResponse>,
    issued: Omit<ExpectedIdToken, "now">,
    params?: oauth.TokenEndpointRequestOptions["additionalParameters"],
  ): Promise<TokenResponse>;
  /** The same without a token in the answer. */
  post(address: string, init: { headers: Record<string, string>; body: URLSearchParams }): Promise<Response>;
}

/** Long, for an answer that is given up may be the only refresh token that counts; less than half the lease of a renewal. */
export const TOKEN_DEADLINE_MS = 90_000;
const MAX_TOKEN_RESPONSE_BYTES = 256 * 1024;

/** Makes what talks to one token endpoint. */
export function createTokenEndpoint(options: TokenEndpointOptions): TokenEndpoint {
  return {
    call: async (make, read, issued, params) => {
      let raw: NetworkResponse | undefined;
      const settings: oauth.TokenEndpointRequestOptions = {
        additionalParameters: params,
        [oauth.allowInsecureRequests]: options.isInsecure,
        [oauth.customFetch]: async (url, init) => level((raw = await post(options, url, init))),
      };
      try {
        return toTokenResponse(await read(await make(settings)), raw!, { ...issued, now: options.now() });
      } catch (error) {
        if (error instanceof HooklineError) throw error;
        throw tokenError(options, raw, error);
      }
    },
    post: async (address, init) => level(await post(options, address, init)),
  };
}

async function post(
  { network, assertHost }: TokenEndpointOptions,
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

/** How a client proves itself. */
export function clientProof(
  { clientAuthentication }: { clientAuthentication?: "body" | "basic" },
  secret: string | undefined,
): oauth.ClientAuth {
  if (secret === undefined) return oauth.None();
  return clientAuthentication === "basic" ? oauth.ClientSecretBasic(secret) : oauth.ClientSecretPost(secret);
}

/** Plain http is for a vendor's double on this machine only. */
export function isOverriddenLoopback(url: string | undefined): boolean {
  return url !== undefined && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(new URL(url).hostname);
}
