import { isObject, parseJson } from "../core/json.ts";

/** What an id token has to say to be believed. */
export interface ExpectedIdToken {
  clientId: string;
  /** Origins it may be issued by. */
  issuers: readonly string[];
  /** Milliseconds since the epoch. */
  now: number;
}

/** How far the vendor's clock may be ahead of ours. */
const SKEW_SECONDS = 300;

/**
 * The claims of an id token that came from the token endpoint itself, where TLS proves the issuer in place of its signature
 * (OpenID Connect Core 1.0 §3.1.3.7). Undefined for one that cannot be read, is of another issuer, for another client, or over.
 */
export function idTokenClaims(token: unknown, expected: ExpectedIdToken): Record<string, unknown> | undefined {
  const claims = typeof token === "string" ? payloadOf(token) : undefined;
  if (claims === undefined) return undefined;
  const { iss, aud, azp, exp } = claims;
  if (iss !== undefined && !expected.issuers.includes(originOf(iss))) return undefined;
  if (aud !== undefined && ![aud].flat().includes(expected.clientId)) return undefined;
  if (azp !== undefined && azp !== expected.clientId) return undefined;
  if (exp !== undefined && !(Number(exp) > expected.now / 1000 - SKEW_SECONDS)) return undefined;
  return claims;
}

function payloadOf(token: string): Record<string, unknown> | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims = parseJson(Buffer.from(payload, "base64url").toString());
    return isObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/** Google leaves the scheme out of its name. */
function originOf(issuer: unknown): string {
  const text = String(issuer);
  return URL.parse(text.includes("://") ? text : `https://${text}`)?.origin ?? "";
}
