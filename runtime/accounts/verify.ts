import type { Clock } from "../core/clock.ts";
import { storableText } from "../core/json.ts";
import { HooklineError } from "../core/errors.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { connectionValues, type Credentials } from "./credentials.ts";
import { classify, VendorError } from "../vendor/errors.ts";
import { callVendor } from "./call.ts";
import type { Vendor } from "./vendors.ts";

/** What a real request with the credentials says about the account. */
export interface Verified {
  /** How the vendor calls the account; null when the manifest does not say where that stands. */
  account: string | null;
  /** Values captured from the test's response, for ways of authentication without a token answer. */
  captured: Record<string, unknown>;
}

/**
 * Proves credentials by the manifest's test request, where it has one.
 * @throws HooklineError `connection_rejected` when the vendor does not accept them, or what the request threw
 */
export async function verify(
  vendor: Vendor,
  row: ConnectionRow,
  credentials: Credentials,
  clock: Clock,
): Promise<Verified> {
  const { connector } = vendor;
  const authentication = connector.authentication.get(row.authType);
  if (!authentication?.test) {
    const account = authentication?.label?.({ connection: connectionValues(row) });
    return { account: storableText(account ?? "") || null, captured: {} };
  }
  const request = authentication.test({ connection: connectionValues(row) });
  const response = await callVendor(vendor, { row, credentials }, request);
  const fault = classify(connector.errors, response, "action", clock.now());
  if (fault) {
    const error = new VendorError(`${connector.name}: testing the credentials`, response, fault);
    if (fault.class !== "authExpired" && fault.class !== "authRevoked") throw error;
    throw new HooklineError(
      "connection_rejected",
      `${connector.name}: the vendor does not accept the credentials; check them and try again`,
      { data: error.data },
    );
  }
  const captured: Record<string, unknown> = {};
  if (row.authType !== "oauth2") {
    for (const [name, read] of authentication.capture) {
      const value = read(response);
      if (value !== undefined) captured[name] = value;
    }
  }
  const account = authentication.label?.({ response, connection: { ...connectionValues(row), ...captured } });
  return { account: storableText(account ?? "") || null, captured };
}

/** A connection is called as its account, unless a person gave it another label. */
export function relabel(row: Pick<ConnectionRow, "label" | "account">, account: string | null): string | null {
  return row.label === null || row.label === row.account ? (account ?? row.label) : row.label;
}
