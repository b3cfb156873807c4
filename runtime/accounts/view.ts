import type { AuthenticationMethod } from "../../schemas/manifest.ts";
import { isObject } from "../core/json.ts";
import type { ConnectionRow, ConnectionStatus } from "../model/connections.ts";

/** A connection as it is shown: never a secret. Times are RFC 3339. */
export interface ConnectionView {
  id: string;
  connector: string;
  user: string;
  status: ConnectionStatus;
  label: string | null;
  /** Without those the manifest marks `writeOnly`. */
  inputs: Record<string, unknown>;
  authType: ConnectionRow["authType"];
  /** Granted OAuth scopes. */
  scopes: string[];
  /** Scopes the manifest asks for that were not granted. */
  missingScopes: string[];
  error: { code: string; message: string; at: string } | null;
  createdAt: string;
  updatedAt: string;
}

export function viewOf(row: ConnectionRow, method: AuthenticationMethod | undefined): ConnectionView {
  const requested = method?.type === "oauth2" ? Object.keys(method.scopes) : [];
  return {
    id: row.id,
    connector: row.connector,
    user: row.user,
    status: row.status,
    label: row.label,
    inputs: withoutWriteOnly(row.inputs, method?.connectionInput),
    authType: row.authType,
    scopes: row.scopes,
    missingScopes: row.scopes.length === 0 ? [] : requested.filter((scope) => !row.scopes.includes(scope)),
    error: row.error && { ...row.error, at: rfc3339(row.error.at) },
    createdAt: rfc3339(row.createdAt),
    updatedAt: rfc3339(row.updatedAt),
  };
}

function withoutWriteOnly(inputs: Record<string, unknown>, schema: object | undefined): Record<string, unknown> {
  const properties = schema && "properties" in schema && isObject(schema.properties) ? schema.properties : {};
  const hidden = (name: string): boolean => isObject(properties[name]) && properties[name].writeOnly === true;
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !hidden(name)));
}

function rfc3339(time: number): string {
  return new Date(time).toISOString();
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Google ends refresh tokens that were not used for six months; told a month before. */
const UNUSED_DAYS = 150;
/** Google keeps at most 100 live refresh tokens per account and client, and ends the oldest silently. */
const MANY_CONNECTIONS = 90;

/** What threatens a connection although it works. `sameAccount`: active connections of the connector to the same account. */
export function warningsOf(row: ConnectionRow, sameAccount: number, now: number): string[] {
  const warnings: string[] = [];
  if (row.authType !== "oauth2" || row.status !== "active") return warnings;
  if (row.expiresAt !== null && now - row.expiresAt > UNUSED_DAYS * DAY_MS) {
    warnings.push(
      `The refresh token has not been used since ${rfc3339(row.expiresAt)}; vendors end unused ones, Google after six months`,
    );
  }
  if (sameAccount >= MANY_CONNECTIONS) {
    warnings.push(
      `${sameAccount} connections lead to this account; Google ends the oldest refresh token above 100, remove some`,
    );
  }
  return warnings;
}
