import type { ErrorClass } from "../../schemas/manifest.ts";
import type { Clock } from "../core/clock.ts";
import { HooklineError, isStoreTrouble } from "../core/errors.ts";
import { storableText } from "../core/json.ts";
import type { CompiledAuthentication } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { classify, VendorError } from "../vendor/errors.ts";
import { callVendor } from "./call.ts";
import { connectionValues, isRenewable, type Credentials, type OpenConnection } from "./credentials.ts";
import { identityOf, type Evidence, type Identity } from "./proofs.ts";
import type { Vendor } from "./vendors.ts";

/** What a real request with the credentials proves. */
export interface Verified {
  /** How the vendor calls the account; null when the manifest does not say where that stands, or nothing was answered there. */
  name: string | null;
  /** Values captured from the test's response, for ways of authentication without a token answer. */
  captured: Record<string, unknown>;
  /** By the test's answer and the token endpoint's. */
  identity: Identity;
  /** Why the test proves nothing, where it may another time; undefined once the vendor has accepted the credentials. */
  failure: HooklineError | undefined;
}

/**
 * Proves credentials by the manifest's test request, where it has one. That they lack a scope proves them too: the vendor
 * knows them. `token`: what the token endpoint has just answered.
 * @throws HooklineError `connection_rejected` when the vendor does not accept them
 */
export async function verify(
  vendor: Vendor,
  row: ConnectionRow,
  credentials: Credentials,
  clock: Clock,
  token?: Evidence["token"],
): Promise<Verified> {
  const { connector } = vendor;
  const authentication = connector.authentication.get(row.authType);
  const asked: Outcome = authentication?.test ? await ask(vendor, row, credentials, authentication.test, clock) : {};
  const { response, failure } = asked;
  const captured: Record<string, unknown> = {};
  if (!isRenewable(credentials) && response) {
    for (const [name, read] of authentication!.capture) {
      const value = read(response);
      if (value !== undefined) captured[name] = value;
    }
  }
  const known = { ...row.captured, ...captured };
  const label = authentication?.label?.({ response, connection: { ...connectionValues(row), ...captured } });
  // Where the test lacks its scope, the id token may still say it (OpenID Connect Core 1.0 §5.1).
  const email = token?.claims["email"];
  return {
    name: nameFrom(label) ?? (typeof email === "string" ? nameFrom(email) : null),
    captured,
    identity: identityOf(authentication, { response, token, connection: known }),
    failure,
  };
}

/**
 * Proves what a connection has; an access token that the vendor says has expired is renewed, once, where `renew` is given.
 * @throws HooklineError what {@link verify} and the renewal throw
 */
export async function verifyStored(
  vendor: Vendor,
  opened: OpenConnection,
  renew: ((rejected: number) => Promise<OpenConnection>) | undefined,
  clock: Clock,
): Promise<OpenConnection & Verified> {
  const { row, credentials } = opened;
  try {
    return { ...opened, ...(await verify(vendor, row, credentials, clock)) };
  } catch (error) {
    if (!isRenewable(credentials) || !renew || !(error instanceof Rejected) || error.class !== "authExpired")
      throw error;
    const renewed = await renew(row.version);
    return { ...renewed, ...(await verify(vendor, renewed.row, renewed.credentials, clock)) };
  }
}

/** Characters of the longest name of an account; what is longer is cut. */
const LONGEST_NAME = 255;

function nameFrom(text = ""): string | null {
  const name = storableText(text).trim().slice(0, LONGEST_NAME);
  // A half character is left out with its other half.
  return name.replace(/[\ud800-\udbff]$/, "") || null;
}

/** The vendor's word against the credentials. */
class Rejected extends HooklineError {
  readonly class: ErrorClass;

  constructor(connector: string, error: VendorError) {
    const message = `${connector}: the vendor does not accept the credentials; check them and try again`;
    super("connection_rejected", message, { data: error.data });
    this.class = error.class;
  }
}

/** Neither without a scope that the test needs. */
type Outcome = { response?: VendorResponse; failure?: HooklineError };

async function ask(
  vendor: Vendor,
  row: ConnectionRow,
  credentials: Credentials,
  test: NonNullable<CompiledAuthentication["test"]>,
  clock: Clock,
): Promise<Outcome> {
  const { connector } = vendor;
  let response: VendorResponse;
  try {
    response = await callVendor(vendor, { row, credentials }, test({ connection: connectionValues(row) }));
  } catch (error) {
    if (error instanceof HooklineError && !isStoreTrouble(error)) return { failure: error };
    throw error;
  }
  const fault = classify(connector.errors, response, "action", clock.now());
  if (!fault) return isSuccess(response) ? { response } : { failure: provesNothing(connector.name, response) };
  if (fault.class === "scopeMissing") return {};
  const error = new VendorError(`${connector.name}: testing the credentials`, response, fault);
  if (fault.class !== "authExpired" && fault.class !== "authRevoked") return { failure: error };
  throw new Rejected(connector.name, error);
}

/** A 304 is about a copy that somebody has, and nobody has one of a test. */
function isSuccess({ status }: VendorResponse): boolean {
  return status >= 200 && status < 300;
}

function provesNothing(connector: string, { status }: VendorResponse): HooklineError {
  const message = `${connector}: testing the credentials: the vendor answered ${status}, which proves nothing; try again later`;
  return new HooklineError("vendor_error", message, { retry: {} });
}

/**
 * A connection is called as its account, unless a person gave it another label. Without a name, it keeps the one it had; one
 * that was `moved` to another account has none then.
 */
export function renamed(
  row: Pick<ConnectionRow, "label" | "accountName">,
  name: string | null,
  moved = false,
): Pick<ConnectionRow, "label" | "accountName"> {
  const accountName = name ?? (moved ? null : row.accountName);
  const isOwn = row.label !== null && row.label !== row.accountName;
  return { accountName, label: isOwn ? row.label : accountName };
}
