import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { rememberSecret } from "../core/secrets.ts";
import type { Context } from "../engine/context.ts";
import type { CompiledDerivation } from "../manifest/connector.ts";
import type { Scope } from "../manifest/expressions.ts";
import { unexpectedAnswer } from "../manifest/select.ts";
import { findConnection, type ConnectionRow, type LostReason } from "../model/connections.ts";
import { errorOfToken, VendorError } from "../vendor/errors.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { hasMoved } from "./carriers.ts";
import type { ClientOf, VendorClient } from "./client.ts";
import { connectionValues, type OpenConnection } from "./credentials.ts";
import { secondsIn } from "./lifetime.ts";
import type { Operation } from "./scopes.ts";
import type { TokenResponse } from "./token-endpoint.ts";
import type { VendorOf } from "./vendors.ts";

/** Reads a list of a connection to its end. @throws HooklineError what a request and an answer of another shape throw */
export type ReadAll = (
  client: VendorClient,
  list: CompiledDerivation["list"],
  given: { scope: Scope; operation: Operation; signal: AbortSignal },
) => Promise<readonly unknown[]>;

/** What a connection can be derived for. */
export interface Offer {
  /** Its id at the vendor. */
  id: string;
  label: string | null;
}

/** A connection that others are derived from, open. */
export interface Parent {
  row: ConnectionRow;
  client: VendorClient;
  derivation: CompiledDerivation;
  /** Public name of the OAuth client at the vendor. */
  clientId: string;
}

/** A token for a derived connection. */
export type Minted = TokenResponse & Required<Pick<TokenResponse, "scopes">>;

/** The tokens of derived connections: asked for with their parent's, whenever one is needed. */
export interface Minting {
  /**
   * Opens a connection to derive others from it.
   * @throws HooklineError `conflict` for one that none can be derived from, `scope_missing`, `invalid_config`, and what opening throws
   */
  open(row: ConnectionRow): Promise<Parent>;
  /** All that the vendor lists, by id. @throws HooklineError when the list cannot be had whole, in its declared shape */
  list(parent: Parent): Promise<ReadonlyMap<string, Offer>>;
  /**
   * A token for what is named; it has the scopes of the parent unless the vendor says which it has.
   * @throws NotInstalled when the vendor refuses one and lists it no longer; `unexpected_answer` for an answer without a token, or
   *   whose token is for something else; what the request throws
   */
  mint(parent: Parent, id: string): Promise<Minted>;
  /**
   * Another token for a derived connection.
   * @throws HooklineError `reauth_required` with the reason why there is none any more; what {@link mint} throws, never as a
   *   {@link VendorError}
   */
  renew(child: OpenConnection): Promise<Minted>;
}

/** What the vendor gives no token for, and lists no longer. */
export class NotInstalled extends HooklineError {
  constructor(connector: string, id: string, cause?: unknown) {
    const message = `${connector}: the vendor does not list ${id} as installed; install the app there, and derive the connection again`;
    super("not_found", message, { cause });
    this.name = "NotInstalled";
  }
}

/** Milliseconds in which a list has to come to its end; with a mint before it, less than half the lease of a renewal. */
const LIST_DEADLINE_MS = 60_000;

const GONE: Record<Exclude<LostReason, "refresh_unknown">, string> = {
  uninstalled:
    "the vendor gives no token for it any more, and does not list it as installed; install the app there again, and derive it again",
  parent_lost:
    "the connection it was derived from has lost its grant; once that one is reconnected, this one works again by itself",
  parent_removed:
    "the connection it was derived from was removed; connect that account again, and derive this one from it",
  parent_moved:
    "the connection it was derived from leads to another account now; connect the first account again, and derive this one from it",
};

/** The end of a derived connection's grant. */
export function gone(id: string, reason: keyof typeof GONE, cause?: unknown): HooklineError {
  return new HooklineError("reauth_required", `${id}: ${GONE[reason]}`, { cause, data: { reason } });
}

/** Makes the service that asks for the tokens of derived connections. */
export function createMinting(
  { db }: Pick<Context, "db">,
  { vendorOf, clientOf, readAll }: { vendorOf: VendorOf; clientOf: ClientOf; readAll: ReadAll },
): Minting {
  const open = async (row: ConnectionRow): Promise<Parent> => {
    const { clientId, connector } = vendorOf(row.connector);
    const derivation = connector.authentication.get(row.authType)?.derivation;
    if (row.parent !== null || !derivation?.isParent(connectionValues(row))) {
      const what = derivation ? "it is not of the kind that others are derived from" : "its connector derives none";
      throw new HooklineError("conflict", `${row.id}: no connection can be derived from it: ${what}`);
    }
    if (clientId === undefined) {
      const remedy = "no OAuth client is configured; register one at the vendor and set its id and secret";
      throw new HooklineError("invalid_config", `clients.${row.connector}: ${remedy}`);
    }
    const client = await clientOf(row);
    client.requireScopes(operationOf(derivation), "Deriving connections");
    return { row, client, derivation, clientId };
  };

  const list = async ({ client, derivation, clientId }: Parent): Promise<ReadonlyMap<string, Offer>> => {
    const scope = { connection: client.values, client: { id: clientId } };
    const signal = AbortSignal.timeout(LIST_DEADLINE_MS);
    const { list: listing, itemOf } = derivation;
    const found = await readAll(client, listing, { scope, operation: operationOf(derivation), signal });
    return new Map(found.flatMap((item) => itemOf(item) ?? []).map((offer) => [offer.id, offer]));
  };

  const ask = async ({ client, derivation, clientId }: Parent, id: string): Promise<VendorResponse> => {
    const operation = operationOf(derivation);
    const request = derivation.token({ connection: client.values, client: { id: clientId }, derived: { id } });
    // Each answer is a token of its own: to ask again takes nothing away.
    return client.send(request, { scope: "action", kind: "write", operation, idempotency: "natural" });
  };

  const mint = async (parent: Parent, id: string): Promise<Minted> => {
    let response: VendorResponse;
    try {
      response = await ask(parent, id);
    } catch (error) {
      const isRefused = error instanceof VendorError && isRefusal(error);
      if (isRefused && !(await list(parent)).has(id)) throw new NotInstalled(parent.row.connector, id, error);
      throw error;
    }
    const token = tokenOf(response, parent.derivation, id);
    return { ...token, scopes: token.scopes ?? [...parent.row.scopes] };
  };

  return {
    open,
    list,
    mint,
    renew: async ({ row, credentials }) => {
      if (credentials.type !== "oauth2" || !credentials.derived) throw new TypeError(`${row.id} is not derived`);
      const parent = await findConnection(db, row.parent ?? "");
      if (!parent) throw gone(row.id, "parent_removed");
      if (hasMoved(parent, row)) throw gone(row.id, "parent_moved");
      try {
        return await mint(await open(parent), credentials.derived);
      } catch (error) {
        if (error instanceof NotInstalled) throw gone(row.id, "uninstalled", error);
        if (error instanceof HooklineError && error.code === "reauth_required")
          throw gone(row.id, "parent_lost", error);
        const failure = error instanceof VendorError ? errorOfToken(error) : error;
        throw parent.user === row.user ? failure : withoutId(failure, parent.id);
      }
    },
  };
}

/** What went wrong with a parent, for somebody who is not shown it. */
function withoutId(error: unknown, parent: string): unknown {
  if (!(error instanceof HooklineError) || !JSON.stringify([error.message, error.data]).includes(parent)) return error;
  const { code, message, retry, data } = error;
  const { reconnect: _, ...rest } = data;
  return new HooklineError(code, message.replaceAll(parent, "{parent}"), { cause: error, retry, data: rest });
}

/** Deriving, as far as its scopes are concerned. */
const operationOf = ({ scopes }: CompiledDerivation): Operation => ({ operation: "action", name: "derive", scopes });

/** Not about what was asked for: whose token it was asked with, or how often. */
const NOT_ABOUT_IT = new Set<VendorError["class"]>(["authRevoked", "scopeMissing", "rateLimited", "quotaExceeded"]);

/** Whether the vendor says that it gives no token. */
function isRefusal({ status, class: errorClass }: VendorError): boolean {
  return status >= 400 && status < 500 && !NOT_ABOUT_IT.has(errorClass);
}

/** @throws HooklineError `unexpected_answer` unless a token is there, for what was asked */
function tokenOf(response: VendorResponse, { isFor, proof }: CompiledDerivation, id: string): TokenResponse {
  const { status, headers, body } = response;
  const { access_token: accessToken, expires_in: lifetime, scope } = isObject(body) ? body : {};
  if (typeof accessToken !== "string" || accessToken === "")
    throw unexpectedAnswer(response, "no token", ["$response.body#/access_token"]);
  rememberSecret(accessToken);
  if (!isFor(response, id)) throw unexpectedAnswer(response, `a token that is not for ${id}`, [proof]);
  return {
    accessToken,
    expiresIn: secondsIn(lifetime),
    scopes: scopesOf(scope),
    response: { status, headers, body },
  };
}

function scopesOf(scope: unknown): string[] | undefined {
  if (Array.isArray(scope)) return scope.filter((one) => typeof one === "string");
  return typeof scope === "string" ? scope.split(/[\s,]+/).filter(Boolean) : undefined;
}
