import { HooklineError } from "../core/errors.ts";
import type { As } from "../../schemas/manifest.ts";
import type { CompiledAction, Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";

/** An OAuth scope an operation needs, or several alternatives, of which the one that allows least stands first. */
export type NeededScope = string | readonly string[];

/** An operation of a connector, as far as scopes are concerned. */
export interface Operation {
  operation: "action" | "stream";
  name: string;
  scopes: readonly NeededScope[];
}

/** Which operations a connection may run, by name, as far as its granted scopes are known. */
export interface Granted {
  granted: string[];
  /** With the scopes to ask for. */
  missing: { name: string; scopes: string[] }[];
  /** Keys, private tokens and tokens that were granted elsewhere do not say what they allow. */
  unknown: string[];
  /** Those that are for connections of another kind, with what they need. */
  unsuited: { name: string; message: string }[];
}

/** What is known of the scopes of a connection. */
type Known = Pick<ConnectionRow, "scopes" | "refused">;
type Holder = Known & Pick<ConnectionRow, "id" | "authType" | "parent">;

/** The scopes to ask for beside those that are held, so that all needs are met: of alternatives, the first that may be asked for. */
export function scopesToAsk(
  needed: readonly NeededScope[],
  held: readonly string[],
  mayAsk: (scope: string) => boolean = () => true,
): string[] {
  const asked = new Set(held);
  // What has fewer alternatives may be one of the alternatives of others.
  const inOrder = needed.map((scope) => [scope].flat()).toSorted((a, b) => a.length - b.length);
  for (const alternatives of inOrder) {
    if (alternatives.some((scope) => asked.has(scope))) continue;
    const least = alternatives.find(mayAsk);
    if (least !== undefined) asked.add(least);
  }
  return [...asked].slice(new Set(held).size);
}

/** Under what an operation is noted that the vendor has refused. */
export function keyOf({ operation, name }: Pick<Operation, "operation" | "name">): string {
  return `${operation}/${name}`;
}

/**
 * Why a connection cannot do an operation: it was not granted its scopes, or the vendor has refused it for want of one since the last
 * consent. Undefined when nothing speaks against it, as for one whose way of authentication knows no scopes: that has granted none
 * and lacks none. `what` begins the message: "Trigger contact_created".
 */
export function scopeRefusal(what: string, operation: Operation, holder: Holder): HooklineError | undefined {
  const scopes = scopesLacking(operation, holder);
  if (scopes === undefined) return undefined;
  const { id, authType, scopes: granted, parent } = holder;
  const missing = granted.length === 0 ? [] : ungranted(operation.scopes, granted);
  const named = missing.map((scope) => [scope].flat().join(" or "));
  const why =
    named.length > 0
      ? `needs ${named.join(", ")}, which connection ${id} was not granted`
      : `needs a scope that connection ${id} does not have, as the vendor has answered`;
  if (authType !== "oauth2") {
    const test = `POST /v1/connections/${id}/test`;
    return new HooklineError(
      "scope_missing",
      `${what} ${why}; allow it at the vendor, then test the connection: ${test}`,
      {
        data: { scopes },
      },
    );
  }
  // A derived connection has what its parent was granted.
  const reconnect = `POST /v1/connections/${parent ?? id}/reconnect`;
  const body = scopes.length === 0 ? "" : ` ${JSON.stringify({ scopes })}`;
  return new HooklineError("scope_missing", `${what} ${why}; ask for it: ${reconnect}${body}`, {
    data: { scopes, reconnect },
  });
}

/**
 * The same before an operation begins, of what a connection does by itself: what its parent does for it is looked at when that is
 * opened.
 */
export function ownScopeRefusal(
  what: string,
  operation: Operation & { as: As | undefined },
  holder: Holder,
): HooklineError | undefined {
  return operation.as === undefined || holder.parent === null ? scopeRefusal(what, operation, holder) : undefined;
}

/** The scopes to ask for before an operation can be done; undefined when nothing that is known speaks against it. */
export function scopesLacking(operation: Operation, { scopes, refused }: Known): string[] | undefined {
  const missing = scopes.length === 0 ? [] : ungranted(operation.scopes, scopes);
  const taught = refused?.[keyOf(operation)];
  if (missing.length === 0 && taught === undefined) return undefined;
  return [...new Set([...scopesToAsk(missing, scopes), ...(taught ?? [])])];
}

/**
 * The scopes to ask for when the vendor has refused an operation for want of one: those that it names (RFC 6750 §3), else those of the
 * operation that were not granted, else all that it needs, for the vendor may have taken some back.
 */
export function scopesRefused(
  { scopes: needed }: Operation,
  { scopes }: Known,
  wwwAuthenticate: string | undefined,
): string[] {
  const named = /\bscope="([^"]*)"/.exec(wwwAuthenticate ?? "")?.[1];
  if (named) return named.split(" ").filter(Boolean);
  const missing = ungranted(needed, scopes);
  return missing.length > 0 ? scopesToAsk(missing, scopes) : scopesToAsk(needed, []);
}

/** Who carries operations, as far as it matters to whether they may be run; or why nobody does. */
export type Bearer = Known & { values: Readonly<Record<string, unknown>> };

/** What a connection may do of its connector's triggers and actions. `bearerOf`: who carries what is declared so, or why nobody can. */
export function grantedOf(
  { triggers, actions, streams }: Connector,
  bearerOf: (as: As | undefined) => Bearer | { refusal: string },
): { triggers: Granted; actions: Granted } {
  const sort = (operations: (readonly [name: string, operation: Operation & Needing])[]): Granted => {
    const sorted: Granted = { granted: [], missing: [], unknown: [], unsuited: [] };
    for (const [name, operation] of operations) {
      const bearer = bearerOf(operation.as);
      const message = "refusal" in bearer ? bearer.refusal : refusalOf(operation.requires, bearer);
      if (message !== undefined || "refusal" in bearer) {
        sorted.unsuited.push({ name, message: message! });
        continue;
      }
      const lacking = scopesLacking(operation, bearer);
      if (lacking !== undefined) sorted.missing.push({ name, scopes: lacking });
      else if (operation.scopes.length === 0 || bearer.scopes.length > 0) sorted.granted.push(name);
      else sorted.unknown.push(name);
    }
    return sorted;
  };
  return {
    triggers: sort([...triggers.values()].map(({ name, stream }) => [name, streams.get(stream)!] as const)),
    actions: sort([...actions.values()].map((action) => [action.name, action] as const)),
  };
}

type Needing = Pick<CompiledAction, "scopes" | "requires" | "as">;

const refusalOf = (requires: Needing["requires"], { values }: Bearer): string | undefined =>
  requires === undefined || requires.holds(values) ? undefined : requires.message;

function ungranted(needed: readonly NeededScope[], granted: readonly string[]): NeededScope[] {
  const given = new Set(granted);
  return needed.filter((scope) => ![scope].flat().some((one) => given.has(one)));
}
