import type { Authentication, AuthenticationMethod, Oauth2Authentication } from "../../schemas/manifest.ts";
import type { SealContext, Vault } from "../core/crypto.ts";
import { HooklineError, refuseFaults, type Fault } from "../core/errors.ts";
import { joinPointer } from "../core/json.ts";
import { rememberSecret } from "../core/secrets.ts";
import { connections, type ConnectionRow } from "../model/connections.ts";
import type { TokenResponse } from "./oauth.ts";

/** What a connection proves itself with, as it is sealed in its row. */
export type Credentials =
  | {
      type: "oauth2";
      accessToken: string;
      refreshToken?: string;
      /** When to refresh ahead of the end, milliseconds since the epoch; null when the vendor did not say when it ends. */
      refreshAt: number | null;
    }
  | { type: "bearer"; token: string }
  | { type: "apiKey"; apiKey: string }
  | { type: "basic"; username: string; password: string }
  | { type: "none" };

export type OAuthCredentials = Extract<Credentials, { type: "oauth2" }>;

/** A connection with its credentials in clear, which could be used a moment ago. */
export interface OpenConnection {
  readonly row: ConnectionRow;
  readonly credentials: Credentials;
}

/** What each way of authentication asks for; of OAuth, tokens a host already holds. */
const ASKED: Record<Credentials["type"], { required: string[]; optional: string[] }> = {
  oauth2: { required: ["accessToken"], optional: ["refreshToken", "expiresAt"] },
  bearer: { required: ["token"], optional: [] },
  apiKey: { required: ["apiKey"], optional: [] },
  basic: { required: ["username", "password"], optional: [] },
  none: { required: [], optional: [] },
};

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

function rememberCredentials(credentials: Credentials): void {
  for (const [name, value] of Object.entries(credentials)) {
    if (name !== "type" && name !== "username" && typeof value === "string") rememberSecret(value);
  }
}

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

/**
 * The way that credentials handed in are meant for, and their checked form. Without `type`, the first way that asks for
 * exactly what was given.
 * @throws HooklineError `invalid_input` with every fault
 */
export function readCredentials(
  authentication: Authentication,
  given: Record<string, unknown>,
): { method: AuthenticationMethod; credentials: Credentials; expiresAt: number | null } {
  const methods = methodsOf(authentication);
  const { type, ...values } = given;
  const names = methods.map((method) => method.type).join(", ");
  const method =
    type === undefined
      ? (methods.find((candidate) => ASKED[candidate.type].required.every((name) => name in values)) ?? methods[0]!)
      : methods.find((candidate) => candidate.type === type);
  if (!method) {
    const faults = [{ pointer: "/credentials/type", message: `must be one of: ${names}` }];
    throw new HooklineError("invalid_input", `connection/credentials/type: must be one of: ${names}`, { faults });
  }

  const { required, optional } = ASKED[method.type];
  const faults: Fault[] = [];
  for (const name of required) {
    const value = values[name];
    if (typeof value !== "string" || value === "")
      faults.push({ pointer: `/credentials/${name}`, message: "is required, as text" });
    else if (/[\r\n\0]/.test(value))
      faults.push({ pointer: `/credentials/${name}`, message: "must not contain line breaks" });
  }
  for (const name of Object.keys(values)) {
    if (required.includes(name) || optional.includes(name)) continue;
    faults.push({
      pointer: joinPointer("/credentials", name),
      message: `unknown property; ${method.type} takes ${[...required, ...optional].join(", ")}`,
    });
  }
  if (values.refreshToken !== undefined && typeof values.refreshToken !== "string") {
    faults.push({ pointer: "/credentials/refreshToken", message: "must be text" });
  }
  const expiresAt = values.expiresAt === undefined ? null : asTime(values.expiresAt);
  if (Number.isNaN(expiresAt))
    faults.push({ pointer: "/credentials/expiresAt", message: "must be an RFC 3339 time or milliseconds" });
  refuseFaults("connection", faults);
  const { expiresAt: _, ...kept } = values;
  const refreshAt = method.type === "oauth2" ? { refreshAt: expiresAt } : {};
  return { method, credentials: { type: method.type, ...kept, ...refreshAt } as Credentials, expiresAt };
}

/** Whole milliseconds that are a date; `NaN` for anything else. */
function asTime(value: unknown): number {
  return typeof value === "number" || typeof value === "string" ? new Date(value).getTime() : Number.NaN;
}

/** The refresh token a connection has, if any. @throws HooklineError `decryption_failed` */
export function refreshTokenOf(
  vault: Vault,
  { credentials, ...connection }: Owned & Pick<ConnectionRow, "credentials">,
): string | undefined {
  const opened = credentials === null ? undefined : openCredentials(vault, connection, credentials);
  return opened?.type === "oauth2" ? opened.refreshToken : undefined;
}

/** The headers and query parameters that carry credentials. */
export function presentCredentials(
  method: AuthenticationMethod,
  credentials: Credentials,
): { headers: Record<string, string>; query: Record<string, string> } {
  switch (credentials.type) {
    case "oauth2":
      return { headers: { authorization: `Bearer ${credentials.accessToken}` }, query: {} };
    case "bearer":
      return { headers: { authorization: `Bearer ${credentials.token}` }, query: {} };
    case "basic": {
      const pair = Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64");
      rememberSecret(pair);
      return { headers: { authorization: `Basic ${pair}` }, query: {} };
    }
    case "apiKey": {
      if (method.type !== "apiKey") throw new TypeError("Credentials of another way of authentication");
      const value = (method.prefix ?? "") + credentials.apiKey;
      return method.in === "header"
        ? { headers: { [method.name]: value }, query: {} }
        : { headers: {}, query: { [method.name]: value } };
    }
    case "none":
      return { headers: {}, query: {} };
  }
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

/**
 * Credentials out of a token answer. The time of renewal is drawn once, between the margin and a fifth more before the
 * end, so that connections made together are not renewed together; short-lived tokens are kept for half their life.
 */
export function credentialsFrom(
  answer: TokenResponse,
  authentication: Oauth2Authentication,
  { now, random }: { now: number; random: () => number },
  oldRefreshToken?: string,
): { credentials: OAuthCredentials; expiresAt: number | null } {
  const lifetime = answer.expiresIn === null ? null : answer.expiresIn * 1000;
  const margin = (authentication.refresh?.marginSeconds ?? DEFAULT_MARGIN_SECONDS) * 1000 * (1 + random() / 5);
  return {
    credentials: {
      type: "oauth2",
      accessToken: answer.accessToken,
      refreshToken: answer.refreshToken ?? oldRefreshToken,
      refreshAt: lifetime === null ? null : now + lifetime - Math.min(margin, lifetime / 2),
    },
    expiresAt: lifetime === null ? null : now + lifetime,
  };
}
