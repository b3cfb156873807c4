import { HooklineError } from "../core/errors.ts";
import type { As } from "../../schemas/manifest.ts";
import type { CompiledAction, Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";

/** An OAuth scope an operation needs, or several alternatives, of which the one that allows least stands first. */
export type NeededScope = string | readonly string[];

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

type Holder = Pick<ConnectionRow, "id" | "scopes" | "parent">;

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

/**
 * Why a connection cannot do what needs these scopes; undefined when it can, and for one whose way of authentication knows no
 * scopes: that has granted none and lacks none. `what` begins the message: "Trigger contact_created".
 */
export function scopeRefusal(
  what: string,
  needed: readonly NeededScope[],
  { id, scopes: granted, parent }: Holder,
): HooklineError | undefined {
  const missing = granted.length === 0 ? [] : ungranted(needed, granted);
  if (missing.length === 0) return undefined;
  const scopes = scopesToAsk(missing, granted);
  const named = missing.map((scope) => [scope].flat().join(" or ")).join(", ");
  // A derived connection has what its parent was granted.
  const reconnect = `POST /v1/connections/${parent ?? id}/reconnect`;
  return new HooklineError(
    "scope_missing",
    `${what} needs ${named}, which connection ${id} was not granted; ask for it: ${reconnect} ${JSON.stringify({ scopes })}`,
    { data: { scopes, reconnect } },
  );
}

/** Whether nothing that is known of a connection's scopes speaks against an operation. */
export function mayRun(needed: readonly NeededScope[], { scopes }: Pick<Holder, "scopes">): boolean {
  return scopes.length === 0 || ungranted(needed, scopes).length === 0;
}

/** Who carries operations, as far as it matters to whether they may be run; or why nobody does. */
export type Bearer = Pick<ConnectionRow, "scopes"> & { values: Readonly<Record<string, unknown>> };

/** What a connection may do of its connector's triggers and actions. `bearerOf`: who carries what is declared so, or why nobody can. */
export function grantedOf(
  { triggers, actions, streams }: Connector,
  bearerOf: (as: As | undefined) => Bearer | { refusal: string },
): { triggers: Granted; actions: Granted } {
  const sort = (needs: [name: string, needed: Needing][]): Granted => {
    const sorted: Granted = { granted: [], missing: [], unknown: [], unsuited: [] };
    for (const [name, { scopes: needed, requires, as }] of needs) {
      const bearer = bearerOf(as);
      const message = "refusal" in bearer ? bearer.refusal : refusalOf(requires, bearer);
      if (message !== undefined || "refusal" in bearer) {
        sorted.unsuited.push({ name, message: message! });
        continue;
      }
      const { scopes } = bearer;
      if (needed.length === 0 || (scopes.length > 0 && mayRun(needed, { scopes }))) sorted.granted.push(name);
      else if (scopes.length === 0) sorted.unknown.push(name);
      else sorted.missing.push({ name, scopes: scopesToAsk(needed, scopes) });
    }
    return sorted;
  };
  return {
    triggers: sort([...triggers.values()].map(({ name, stream }) => [name, streams.get(stream)!])),
    actions: sort([...actions.values()].map((action) => [action.name, action])),
  };
}

type Needing = Pick<CompiledAction, "scopes" | "requires" | "as">;

const refusalOf = (requires: Needing["requires"], { values }: Bearer): string | undefined =>
  requires === undefined || requires.holds(values) ? undefined : requires.message;

function ungranted(needed: readonly NeededScope[], granted: readonly string[]): NeededScope[] {
  const given = new Set(granted);
  return needed.filter((scope) => ![scope].flat().some((one) => given.has(one)));
}
