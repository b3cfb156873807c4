import type { AuthenticationMethod } from "../../schemas/manifest.ts";
import { isObject } from "../core/json.ts";
import { isoTime } from "../core/time.ts";
import type { Credentials } from "./credentials.ts";
import type { Identity } from "./proofs.ts";
import { connections, type ConnectionRow, type ConnectionView } from "../model/connections.ts";

/** A connection as it is shown, `parent` to those who may see it, without the inputs that the manifest marks `writeOnly`. */
export function viewOf(
  row: ConnectionRow,
  method: AuthenticationMethod | undefined,
  { account }: Identity,
  parent: string | null = null,
): ConnectionView {
  const [id] = Object.values(account);
  const asked = row.asked ?? (method?.type === "oauth2" ? Object.keys(method.scopes) : []);
  return {
    ...connections.view(row),
    account: id === undefined ? null : { id, label: row.label },
    inputs: withoutWriteOnly(row.inputs, method?.connectionInput),
    parent,
    missingScopes: row.scopes.length === 0 ? [] : asked.filter((scope) => !row.scopes.includes(scope)),
  };
}

function withoutWriteOnly(inputs: Record<string, unknown>, schema: object | undefined): Record<string, unknown> {
  const properties = schema && "properties" in schema && isObject(schema.properties) ? schema.properties : {};
  const hidden = (name: string): boolean => isObject(properties[name]) && properties[name].writeOnly === true;
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !hidden(name)));
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** How long before a vendor ends an unused refresh token people are warned. */
const WARNED_DAYS = 30;
/** The part of the most connections of one account from which on people are warned. */
const NEARLY_FULL = 0.9;

/** What is looked at for warnings. */
interface Threatened {
  credentials: Credentials | undefined;
  /** How many connections hold the same grant. */
  sameGrant: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * What threatens a connection although it works, by what it holds and by what its manifest declares of refresh tokens.
 */
export function warningsOf(
  row: ConnectionRow,
  method: AuthenticationMethod | undefined,
  { credentials, sameGrant, now }: Threatened,
): string[] {
  if (method?.type !== "oauth2" || row.status !== "active" || row.parent !== null) return [];
  const { unusedDays, maxPerAccount } = method.refresh ?? {};
  const warnings: string[] = [];
  if (credentials?.type === "oauth2" && credentials.refreshToken === undefined && row.expiresAt !== null) {
    warnings.push(
      `The vendor gave no refresh token: the connection ends at ${isoTime(row.expiresAt)}. Reconnect it and agree to all that ` +
        "is asked, or remove the product from the account's permissions first.",
    );
  }
  if (unusedDays !== undefined && row.expiresAt !== null) {
    const endsAt = row.expiresAt + unusedDays * DAY_MS;
    if (now >= endsAt - Math.min(WARNED_DAYS, unusedDays / 2) * DAY_MS) {
      warnings.push(
        `The refresh token has not been used since ${isoTime(row.expiresAt)}; the vendor ends one that is unused for ` +
          `${unusedDays} days. Test the connection to use it.`,
      );
    }
  }
  if (maxPerAccount !== undefined && sameGrant >= Math.ceil(maxPerAccount * NEARLY_FULL)) {
    warnings.push(
      `${sameGrant} connections lead to this account; above ${maxPerAccount} the vendor ends the oldest refresh token. ` +
        "Remove connections that are not needed.",
    );
  }
  return warnings;
}
