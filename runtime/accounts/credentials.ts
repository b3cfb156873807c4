import type { Authentication, AuthenticationMethod } from "../../schemas/manifest.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject, parseJson } from "../core/json.ts";
import { rememberSecret } from "../core/secrets.ts";
import { connections, type ConnectionRow } from "../model/connections.ts";
import type { TokenResponse } from "./token-endpoint.ts";

/** What a connection proves itself with, as it is sealed in its row. */
export type Credentials =
  | {
      type: "oauth2";
      accessToken: string;
      refreshToken?: string;
      /** When to refresh ahead of the end, milliseconds since the epoch; null when the vendor did not say when it ends. */
      refreshAt: number | null;
      /** Of a derived connection, its id at the vendor: its token is asked for again by it, and not refreshed. */
      derived?: string;
    }
  | { type: "bearer"; token: string }
  | { type: "apiKey"; apiKey: string }
  /** What the manifest fixes is not among them. */
  | { type: "basic"; username?: string; password?: string }
  /** What the manifest's `credentials` declare. */
  | { type: "custom"; given: Record<string, string> }
  | Issued
  | { type: "none" };

/** The ways whose tokens are issued for what was given, rather than granted by a person. */
const ISSUED = ["clientCredentials", "session", "jwtBearer"] as const;

/** What a token is issued for, as often as one is needed. */
export interface Unissued {
  type: (typeof ISSUED)[number];
  /** What the form of the way asks for. */
  given: Record<string, string>;
}

/** The same with the newest token. */
export interface Issued extends Unissued {
  accessToken: string;
  /** As of OAuth. */
  refreshAt: number | null;
}

export type OAuthCredentials = Extract<Credentials, { type: "oauth2" }>;

/** Credentials whose token ends, and can be renewed. */
export type Renewable = OAuthCredentials | Issued;

/** Whether a token can take the place of one that ended or was refused. */
export function isRenewable(credentials: Credentials): credentials is Renewable {
  return "accessToken" in credentials;
}

/** What was given, as expressions read it: of a JSON file, its content. */
export function readable(
  method: AuthenticationMethod,
  given: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const declared = "credentials" in method ? method.credentials.properties : {};
  return Object.fromEntries(
    Object.entries(given).map(([name, text]) => {
      const isFile = Object.hasOwn(declared, name) && declared[name]!.contentMediaType !== undefined;
      return [name, isFile ? parseJson(text) : text];
    }),
  );
}

/** Whether the tokens of a way are issued. */
export function isIssuedType(type: AuthenticationMethod["type"]): type is Unissued["type"] {
  return (ISSUED as readonly string[]).includes(type);
}

/** Whether the tokens of these credentials are issued. */
export function isIssued(credentials: Credentials | Unissued): credentials is Unissued {
  return isIssuedType(credentials.type);
}

/** A connection with its credentials in clear, which could be used a moment ago. */
export interface OpenConnection {
  readonly row: ConnectionRow;
  readonly credentials: Credentials;
}

/** The connection that something is sealed for. */
export type Owned = Pick<ConnectionRow, "id" | "user">;

/** Credentials encrypted for the row of their connection; their texts are kept out of every log. */
export function sealCredentials(vault: Vault, connection: Owned, credentials: Credentials): Uint8Array {
  rememberCredentials(credentials);
  return vault.seal(JSON.stringify(credentials), place(connection));
}

/** @throws HooklineError `decryption_failed` */
export function openCredentials(vault: Vault, connection: Owned, sealed: Uint8Array): Credentials {
  const credentials = JSON.parse(vault.open(sealed, place(connection))) as Credentials;
  rememberCredentials(credentials);
  return credentials;
}

const place = ({ id, user }: Owned): SealContext => connections.placeOf("credentials", [id], user);

/** Keeps the texts of credentials out of every log. A user name is a secret where it stands alone. */
export function rememberCredentials(credentials: Credentials | Unissued): void {
  const isName = (name: string): boolean => name === "username" && "password" in credentials;
  const { given = {}, ...texts } = credentials as { given?: Record<string, string> } & Record<string, unknown>;
  for (const [name, value] of Object.entries({ ...texts, ...given })) {
    if (name !== "type" && !isName(name) && typeof value === "string") rememberText(value);
  }
}

/** A key file is a secret, and so is each long text in it. */
function rememberText(text: string): void {
  rememberSecret(text);
  if (!text.startsWith("{")) return;
  try {
    const file = parseJson(text);
    for (const value of Object.values(isObject(file) ? file : {}))
      if (typeof value === "string" && value.length > LONG) rememberSecret(value);
  } catch {
    // No file: its text is remembered.
  }
}

/** Shorter texts of a file name it: an account, an address, a project. */
const LONG = 200;

/** The ways a manifest offers, best first. */
export function methodsOf(authentication: Authentication): AuthenticationMethod[] {
  return "oneOf" in authentication ? authentication.oneOf : [authentication];
}

/** The way a connection uses. */
export function methodOf(
  authentication: Authentication,
  row: Pick<ConnectionRow, "id" | "authType">,
): AuthenticationMethod {
  const method = methodsOf(authentication).find(({ type }) => type === row.authType);
  if (method) return method;
  throw new HooklineError(
    "conflict",
    `${row.id}: its connector no longer offers ${row.authType}; remove the connection and connect again`,
  );
}

/** The refresh token a connection has, if any. @throws HooklineError `decryption_failed` */
export function refreshTokenOf(
  vault: Vault,
  { credentials, ...connection }: Owned & Pick<ConnectionRow, "credentials">,
): string | undefined {
  const opened = credentials === null ? undefined : openCredentials(vault, connection, credentials);
  return opened?.type === "oauth2" ? opened.refreshToken : undefined;
}

/** The values a manifest reads as `$connection.<name>`; what the vendor told goes before what a person gave. */
export function connectionValues({
  id,
  user,
  inputs,
  captured,
  accountName,
}: Pick<ConnectionRow, "id" | "user" | "inputs" | "captured" | "accountName">): Record<string, unknown> {
  return { ...inputs, ...captured, ...(accountName !== null && { account: accountName }), id, user };
}

const DEFAULT_MARGIN_SECONDS = 300;

/** How tokens of a connection are renewed, as the manifest declares it. */
export interface RefreshPolicy {
  marginSeconds?: number;
  rotates?: boolean;
  reuseGraceSeconds?: number;
}

/**
 * Credentials out of a token answer; `known` is what they had before, or were issued for. The time of renewal is drawn once,
 * between the margin and a fifth more before the end, so that connections made together are not renewed together; short-lived
 * tokens are kept for half their life.
 */
export function credentialsFrom<Known extends Unissued | { type: "oauth2"; refreshToken?: string }>(
  answer: TokenResponse,
  policy: RefreshPolicy | undefined,
  { now, random }: { now: number; random: () => number },
  known: Known,
): { credentials: Extract<Credentials, { type: Known["type"] }>; expiresAt: number | null } {
  const lifetime = answer.expiresIn === null ? null : Math.round(answer.expiresIn * 1000);
  const margin = (policy?.marginSeconds ?? DEFAULT_MARGIN_SECONDS) * 1000 * (1 + random() / 5);
  const { accessToken } = answer;
  const refreshAt = lifetime === null ? null : now + lifetime - Math.min(margin, lifetime / 2);
  const refreshToken = known.type === "oauth2" ? { refreshToken: answer.refreshToken ?? known.refreshToken } : {};
  return {
    credentials: { ...known, accessToken, refreshAt, ...refreshToken } as Extract<Credentials, { type: Known["type"] }>,
    expiresAt: lifetime === null ? null : now + lifetime,
  };
}
