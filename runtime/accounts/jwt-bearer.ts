import { createPrivateKey, randomUUID, type JsonWebKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import * as oauth from "oauth4webapi";
import type { JwtBearerAuthentication } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { connectionValues, readable } from "./credentials.ts";
import { tokenParams, tokenServer, variantOf, type IssueNeeds } from "./issuing.ts";
import { createTokenEndpoint, type TokenResponse } from "./token-endpoint.ts";
import { TokenError } from "./token-error.ts";

const GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEFAULT_LIFETIME_SECONDS = 300;
/** So long ago a statement is made, for a vendor whose clock is behind. */
export const BACKDATED_SECONDS = 30;
/** A clock that is further away is told by its answer, and its time is taken once. */
const SKEW_MS = BACKDATED_SECONDS * 1000;

/** RFC 7523 §2.1: a statement that is signed with the key of a service account becomes a token. */
export async function issueToAccount(
  needs: IssueNeeds,
  method: JwtBearerAuthentication,
  row: ConnectionRow,
  given: Readonly<Record<string, string>>,
): Promise<TokenResponse> {
  const { connector, now } = needs;
  const { statement } = connector.authentication.get(method.type)!;
  const scopes = (row.asked ?? Object.keys(method.scopes ?? {})).join(method.scopeSeparator ?? " ");
  const scope = {
    credentials: readable(method, given),
    connection: connectionValues(row),
    ...(scopes !== "" && { scopes }),
  };
  const claims = { aud: needs.fill(method.tokenUrl), ...(statement!.claims(scope) as Record<string, unknown>) };
  const header = statement!.header?.(scope) as Record<string, string> | undefined;
  const key = privateKey(row.connector, method, statement!.key(scope));
  const { server, isInsecure } = tokenServer(needs, method.tokenUrl);
  const endpoint = createTokenEndpoint({
    ...needs,
    connector: row.connector,
    isInsecure,
    variant: variantOf(needs, method),
    owner: "connection",
  });
  // Whoever signs needs no client: this one is never sent.
  const client: oauth.Client = { client_id: method.type };

  const ask = async (time: number): Promise<TokenResponse> => {
    const assertion = await sign(claims, header, method, key, time);
    const parameters = tokenParams(needs, row);
    parameters.set("assertion", assertion);
    return endpoint.call(
      (settings) => oauth.genericTokenEndpointRequest(server, client, () => {}, GRANT, parameters, settings),
      (response) => oauth.processGenericTokenEndpointResponse(server, client, response),
      { clientId: client.client_id, issuers: [server.issuer] },
    );
  };

  const time = now();
  try {
    return await ask(time);
  } catch (error) {
    const theirs = error instanceof TokenError && error.grantGone ? error.date : undefined;
    if (theirs === undefined || Math.abs(theirs - time) <= SKEW_MS) throw error;
    return ask(theirs);
  }
}

async function sign(
  claims: Record<string, unknown>,
  header: Record<string, string> | undefined,
  { algorithm, lifetimeSeconds = DEFAULT_LIFETIME_SECONDS }: JwtBearerAuthentication,
  key: KeyObject,
  time: number,
): Promise<string> {
  const iat = Math.floor(time / 1000) - BACKDATED_SECONDS;
  const statement = new SignJWT(claims)
    .setProtectedHeader({ typ: "JWT", ...header, alg: algorithm })
    .setIssuedAt(iat)
    .setExpirationTime(iat + lifetimeSeconds)
    .setJti(randomUUID());
  const signed = await statement.sign(key);
  rememberSecret(signed);
  return signed;
}

const KEY_TYPES: Record<JwtBearerAuthentication["algorithm"], string> = {
  RS256: "rsa",
  PS256: "rsa",
  ES256: "prime256v1",
  ES384: "secp384r1",
  EdDSA: "ed25519",
};

/** RFC 7518 §3.3 and §3.5 allow none below. */
const SHORTEST_RSA_BITS = 2048;

/** The key in a PEM text as people paste it: indented, on one line, with its line breaks written as `\n`, or among certificates. */
function pemOf(given: string): string {
  const text = given.replaceAll("\\n", "\n");
  const [, label, base64] = /-----BEGIN ((?:[A-Z]+ )*PRIVATE KEY)-----([\w+/=\s]+)-----END \1-----/.exec(text) ?? [];
  const lines = base64?.replaceAll(/\s/g, "").match(/.{1,64}/g);
  return lines ? [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n") : text;
}

/** A key as people paste it: PEM or a JWK. */
function privateKey(connector: string, { algorithm, key: place }: JwtBearerAuthentication, given: unknown): KeyObject {
  let key: KeyObject | undefined;
  try {
    const jwk = isObject(given)
      ? given
      : typeof given === "string" && given.trimStart().startsWith("{")
        ? JSON.parse(given)
        : undefined;
    if (jwk !== undefined) key = createPrivateKey({ key: jwk as JsonWebKey, format: "jwk" });
    else if (typeof given === "string" && given !== "") key = createPrivateKey(pemOf(given));
  } catch {
    // What cannot be read is said below, without what it is.
  }
  const kind = key?.asymmetricKeyDetails?.namedCurve ?? key?.asymmetricKeyType;
  const bits = key?.asymmetricKeyDetails?.modulusLength ?? SHORTEST_RSA_BITS;
  const isFit = kind === KEY_TYPES[algorithm];
  if (key && isFit && bits >= SHORTEST_RSA_BITS) return key;
  const what = isFit
    ? `is a key of ${bits} bits, which is too short; make one of ${SHORTEST_RSA_BITS} or more`
    : key
      ? `is a key of another kind (${kind})`
      : "is not a private key in PEM or JWK without a passphrase";
  throw new HooklineError(
    "invalid_input",
    `${connector}: ${place.slice(1)} ${what}; ${algorithm} needs a private key of ${KEY_TYPES[algorithm]}`,
  );
}
