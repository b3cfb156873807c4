import * as oauth from "oauth4webapi";
import { HooklineError } from "../core/errors.ts";
import { isObject, jsonText, parseJson } from "../core/json.ts";
import type { Network } from "../core/network.ts";
import type { NetworkResponse } from "../core/network-exchange.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { CompiledTokenAnswer } from "../manifest/compiled.ts";
import type { Scope } from "../manifest/expressions.ts";
import type { AssertHost } from "../vendor/hosts.ts";
import { idTokenClaims, type ExpectedIdToken } from "./id-token.ts";
import { lifetimeOf, secondsIn } from "./lifetime.ts";
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
  /** What the vendor does otherwise than the standard. */
  variant: TokenVariant;
}

/** How the requests and answers of a token endpoint differ from the standard. */
export interface TokenVariant {
  tokenRequest?: "form" | "json";
  scopeSeparator?: string;
  parameterNames?: Readonly<Record<string, string | undefined>>;
  /** Where the answer has what the standard has elsewhere. */
  answer?: CompiledTokenAnswer;
}

/** Parameters as the vendor calls them. */
export function renamedParameters(
  parameters: URLSearchParams,
  names: TokenVariant["parameterNames"] = {},
): URLSearchParams {
  const nameOf = (name: string): string => (Object.hasOwn(names, name) ? names[name] : undefined) ?? name;
  return new URLSearchParams([...parameters].map(([name, value]): [string, string] => [nameOf(name), value]));
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
        [oauth.customFetch]: async (url, init) => level((raw = await post(options, url, init)), options),
      };
      try {
        const response = await make(settings);
        // Some say with a 200 what went wrong, and may say it beside a token.
        if (options.classify(partsOf(raw!)) !== undefined) throw tokenError(options, raw, undefined);
        return toTokenResponse(await read(response), raw!, options, { ...issued, now: options.now() });
      } catch (error) {
        if (error instanceof HooklineError) throw error;
        throw tokenError(options, raw, error);
      }
    },
    post: async (address, init) => level(await post(options, address, init), options),
  };
}

async function post(
  { network, assertHost, variant }: TokenEndpointOptions,
  address: string,
  init: { headers: Record<string, string>; body: URLSearchParams },
): Promise<NetworkResponse> {
  const url = new URL(address);
  assertHost(url);
  const parameters = renamedParameters(init.body, variant.parameterNames);
  const isJson = variant.tokenRequest === "json";
  return network.request(url, {
    method: "POST",
    headers: isJson ? { ...init.headers, "content-type": "application/json" } : init.headers,
    body: isJson ? JSON.stringify(asObject(parameters)) : parameters.toString(),
    deadlineMs: TOKEN_DEADLINE_MS,
    noticesSending: true,
    maxBytes: MAX_TOKEN_RESPONSE_BYTES,
  });
}

/** A parameter that stands several times becomes a list. */
function asObject(parameters: URLSearchParams): Record<string, string | string[]> {
  const names = [...new Set(parameters.keys())];
  return Object.fromEntries(
    names.map((name) => {
      const values = parameters.getAll(name);
      return [name, values.length === 1 ? values[0]! : values];
    }),
  );
}

/** An answer as the manifest's expressions read it; a body that is not JSON is text. */
function partsOf({ status, headers, body }: NetworkResponse): {
  status: number;
  headers: Record<string, string>;
  body: unknown;
} {
  const text = jsonText(body);
  try {
    return { status, headers, body: parseJson(text) };
  } catch {
    return { status, headers, body: text };
  }
}
/** Types of tokens that are worth nothing without a proof that is sent with them (RFC 9449, and older ones). */
const PROVED_TYPES = /^(dpop|mac|pop|hok)$/i;

/**
 * What vendors vary, levelled for the strict reading that follows: any 2xx, missing and odd token types, lifetimes and scopes. Of
 * rotating refresh tokens, an answer that is refused for such a thing would be the end of the grant. The `id_token` is read apart, for
 * the same reason. Repeated or challenging headers are left out.
 */
function level(raw: NetworkResponse, { variant, now }: Pick<TokenEndpointOptions, "variant" | "now">): Response {
  const succeeded = raw.status >= 200 && raw.status < 300;
  const parts = partsOf(raw);
  const { body } = parts;
  if (isObject(body) && succeeded) {
    delete body.id_token;
    if (variant.answer) place(body, variant.answer, parts, now());
    if (typeof body.token_type !== "string" || !PROVED_TYPES.test(body.token_type)) body.token_type = "Bearer";
    const seconds = secondsIn(body.expires_in);
    if (seconds === null) delete body.expires_in;
    else body.expires_in = seconds;
    if (typeof body.refresh_token !== "string" || body.refresh_token === "") delete body.refresh_token;
    if (Array.isArray(body.scope)) {
      const separator = variant.scopeSeparator ?? " ";
      body.scope = body.scope.filter((one) => typeof one === "string").join(separator);
    }
    if (typeof body.scope !== "string") delete body.scope;
  }
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Response(text, {
    status: succeeded ? 200 : Math.max(raw.status, 300),
    headers: { "content-type": "application/json" },
  });
}

/** Puts what is declared elsewhere where the standard has it. What is not there is nowhere: another value would be of something else. */
function place(
  body: Record<string, unknown>,
  { accessToken, refreshToken, scope, lifetime }: CompiledTokenAnswer,
  response: ReturnType<typeof partsOf>,
  now: number,
): void {
  const answer = { response: { ...response, body: structuredClone(body) } };
  const put = (name: string, read: ((answer: Scope) => unknown) | undefined): void => {
    if (!read) return;
    const value = read(answer) ?? undefined;
    if (value === undefined) delete body[name];
    else body[name] = Number.isSafeInteger(value) ? String(value) : value;
  };
  put("access_token", accessToken);
  put("refresh_token", refreshToken);
  put("scope", scope);
  // What type the vendor calls it says nothing of a token that the manifest names.
  if (accessToken) body.token_type = "Bearer";
  if (lifetime) body.expires_in = lifetimeOf(lifetime, answer, now);
}

function toTokenResponse(
  body: oauth.TokenEndpointResponse,
  raw: NetworkResponse,
  { variant: { scopeSeparator = " " } }: Pick<TokenEndpointOptions, "variant">,
  expected: ExpectedIdToken,
): TokenResponse {
  rememberSecret(body.access_token);
  if (body.refresh_token !== undefined) rememberSecret(body.refresh_token);
  return {
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
    expiresIn: body.expires_in ?? null,
    scopes:
      body.scope === undefined
        ? undefined
        : body.scope
            .replaceAll(scopeSeparator, " ")
            .split(/[\s,]+/)
            .filter(Boolean),
    claims: idTokenClaims((parseJson(jsonText(raw.body)) as { id_token?: unknown }).id_token, expected),
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
