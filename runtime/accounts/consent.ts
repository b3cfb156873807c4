import { refuseFaults, unknownName, type Fault } from "../core/errors.ts";
import type { Connector } from "../manifest/connector.ts";
import type { ConnectionRow } from "../model/connections.ts";
import { methodsOf } from "./credentials.ts";
import { scopesToAsk, type NeededScope } from "./scopes.ts";
import type { Vendor } from "./vendors.ts";

/** What a connection is to be good for: scopes, and names of triggers and actions. */
export interface Wish {
  scopes?: readonly string[];
  triggers?: readonly string[];
  actions?: readonly string[];
}

export interface ConsentNeeds {
  /** What is asked for when nothing is wished; see `consent` of the options. */
  consent: "least" | "all";
  /** What the subscriptions, flows and syncs of a connection need. */
  scopesInUse: (row: ConnectionRow) => Promise<readonly NeededScope[]>;
}

/** Decides what a person is asked for. */
export interface Consent {
  /** For connections without OAuth, which ask nobody. @throws HooklineError `invalid_input` with every fault */
  check(vendor: Vendor, wish: Wish): void;
  /**
   * What the connection was granted before (or asked for, when nothing was granted yet), what it is used for, what is wished for, and what connecting needs; nothing that is
   * not registered for the client.
   * @throws HooklineError `invalid_input` with every fault
   */
  scopesFor(vendor: Vendor, row: ConnectionRow, wish: Wish): Promise<string[]>;
}

/** Makes what decides about scopes. */
export function createConsent({ consent, scopesInUse }: ConsentNeeds): Consent {
  return {
    check: ({ connector }, wish) => {
      const scopes = (wish.scopes ?? []).map((_, i) => ({
        pointer: `/scopes/${i}`,
        message: "is only for OAuth: credentials have the scopes that they have",
      }));
      refuseFaults("connection", [...scopes, ...[...needsOf(connector, wish)].flatMap(({ fault }) => fault ?? [])]);
    },
    scopesFor: async (vendor, row, wish) => {
      refuseFaults("connection", [...wishFaults(vendor, wish)]);
      const { connector, scopes: registered } = vendor;
      const named = [...(wish.scopes ?? []), ...[...needsOf(connector, wish)].flatMap(({ needed }) => needed)];
      const isConnected = row.credentials !== null;
      // Where nobody knows what was granted, asking for less could take something away.
      const isUnknown = isConnected && row.scopes.length === 0;
      if (named.length === 0 && (consent === "all" || isUnknown)) return [...registered];

      const { connectScopes, scopes } = oauthOf(connector)!;
      // A manifest that does not say what connecting needs may need all of it, unless somebody says what for.
      const connecting = connectScopes ?? (named.length > 0 ? [] : Object.keys(scopes));
      const used = isConnected ? await scopesInUse(row) : [];
      const mayAsk = (scope: string): boolean => registered.includes(scope);
      // Where the vendor did not say what it granted, it may be all that was asked for.
      const before = (isConnected && !isUnknown ? row.scopes : (row.asked ?? [])).filter(mayAsk);
      const asked = new Set([...before, ...scopesToAsk([...named, ...used, ...connecting], before, mayAsk)]);
      return registered.filter((scope) => asked.has(scope));
    },
  };
}

function oauthOf({ manifest }: Connector) {
  return methodsOf(manifest.authentication).find((method) => method.type === "oauth2");
}

/** What each wished operation needs, or that it does not exist. */
function* needsOf(
  { triggers, actions, streams }: Connector,
  wish: Wish,
): Generator<{ pointer: string; needed: readonly NeededScope[]; fault?: Fault }> {
  for (const [i, name] of (wish.triggers ?? []).entries()) {
    const pointer = `/triggers/${i}`;
    const trigger = triggers.get(name);
    if (trigger) yield { pointer, needed: streams.get(trigger.stream)!.scopes };
    else yield { pointer, needed: [], fault: { pointer, message: unknownName("trigger", name, triggers.keys()) } };
  }
  for (const [i, name] of (wish.actions ?? []).entries()) {
    const pointer = `/actions/${i}`;
    const action = actions.get(name);
    if (action) yield { pointer, needed: action.scopes };
    else yield { pointer, needed: [], fault: { pointer, message: unknownName("action", name, actions.keys()) } };
  }
}

function* wishFaults({ connector, scopes: registered }: Vendor, wish: Wish): Generator<Fault> {
  const declared = Object.keys(oauthOf(connector)!.scopes);
  const elsewhere = `clients.${connector.name}.scopes does not have; register it at the vendor and add it there`;
  for (const [i, scope] of (wish.scopes ?? []).entries()) {
    const pointer = `/scopes/${i}`;
    if (registered.includes(scope)) continue;
    if (declared.includes(scope)) yield { pointer, message: `is a scope that ${elsewhere}` };
    else yield { pointer, message: unknownName("scope", scope, [...declared, ...registered]) };
  }
  for (const { pointer, needed, fault } of needsOf(connector, wish)) {
    if (fault) yield fault;
    for (const alternatives of needed.map((scope) => [scope].flat())) {
      if (alternatives.some((scope) => registered.includes(scope))) continue;
      yield { pointer, message: `needs ${alternatives.join(" or ")}, which ${elsewhere}` };
    }
  }
}
