import type { As, AuthenticationMethod } from "../../schemas/manifest.ts";
import { HooklineError } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import { connectionsByIds, type ConnectionRow, type ConnectionView } from "../model/connections.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import type { CarrierOf } from "./carriers.ts";
import { methodsOf } from "./credentials.ts";
import { NOTHING_PROVED, openProofs } from "./proofs.ts";
import { grantedOf, type Bearer, type Granted } from "./scopes.ts";
import type { VendorOf } from "./vendors.ts";
import { viewOf } from "./view.ts";

/** How connections are shown. */
export interface Showing {
  /** Undefined where the connector no longer offers it. */
  methodFor(row: ConnectionRow): AuthenticationMethod | undefined;
  /** One whose parent the caller is shown too, where it is given. */
  view(row: ConnectionRow, parent?: string | null): ConnectionView;
  /** Each with its parent, where the caller is shown that one too. */
  views(rows: readonly ConnectionRow[], scope?: Scope): Promise<ConnectionView[]>;
  /** What it may do, and what its parent does for it. */
  operationsOf(row: ConnectionRow): Promise<{ triggers: Granted; actions: Granted }>;
}

export interface ShowingNeeds {
  vendorOf: VendorOf;
  carrierOf: CarrierOf;
}

/** Makes what shows connections. */
export function createShowing(
  { db, vault }: Pick<Context, "db" | "vault">,
  { vendorOf, carrierOf }: ShowingNeeds,
): Showing {
  const connectorOf = (row: ConnectionRow) => vendorOf(row.connector).connector;
  const methodFor = (row: ConnectionRow): AuthenticationMethod | undefined =>
    methodsOf(connectorOf(row).manifest.authentication).find(({ type }) => type === row.authType);
  const view = (row: ConnectionRow, parent?: string | null): ConnectionView =>
    viewOf(row, methodFor(row), orUnknown(() => openProofs(vault, row)) ?? NOTHING_PROVED, parent);

  const bearerOf = async (row: ConnectionRow, as?: As): Promise<Bearer | { refusal: string }> => {
    try {
      const carrier = await carrierOf(row, as, "This");
      const { scopes, refused } = carrier.row;
      return { scopes, refused, values: carrier.values };
    } catch (error) {
      if (error instanceof HooklineError) return { refusal: error.message };
      throw error;
    }
  };

  return {
    methodFor,
    view,
    views: async (rows, scope = {}) => {
      const ids = new Set(rows.flatMap(({ parent }) => parent ?? []));
      const parents = ids.size === 0 ? [] : await connectionsByIds(db, [...ids]);
      const shown = new Set(parents.filter(({ user }) => isVisible(user, scope)).map(({ id }) => id));
      return rows.map((row) => view(row, row.parent !== null && shown.has(row.parent) ? row.parent : null));
    },
    operationsOf: async (row) => {
      const [own, parent] = [await bearerOf(row), await bearerOf(row, "parent")];
      return grantedOf(connectorOf(row), (as) => (as === undefined ? own : parent));
    },
  };
}

/** What cannot be opened keeps nobody from seeing the rest: undefined. */
export function orUnknown<Opened>(open: () => Opened): Opened | undefined {
  try {
    return open();
  } catch (error) {
    if (error instanceof HooklineError && error.code === "decryption_failed") return undefined;
    throw error;
  }
}
