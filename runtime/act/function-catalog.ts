import { connectionsByIds, type ConnectionRow, type ConnectionView } from "../model/connections.ts";
import { connectionValues } from "../accounts/credentials.ts";
import { scopesLacking } from "../accounts/scopes.ts";
import { HooklineError, unknownName } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { CompiledAction } from "../manifest/connector.ts";
import type { ActAccounts } from "./act.ts";
import { nameFunctions } from "./function-names.ts";
import { inputSchemaOf } from "./function-schemas.ts";

/** An action of one connection, described the way AI agents take functions. */
export interface AgentFunction {
  /** `<connector>-<action>`, with a part of the connection's id behind it when a user has several of the connector. */
  name: string;
  connection: string;
  connector: string;
  action: string;
  title: string;
  description: string;
  /** JSON Schema of an object. Properties with values that only the vendor knows have `x-dynamic-values`. */
  inputSchema: Record<string, unknown>;
  /** In the words of the Model Context Protocol. */
  annotations: {
    title: string;
    /** Changes nothing. */
    readOnlyHint: boolean;
    /** May change or remove what there is; false when it only adds. */
    destructiveHint: boolean;
    /** The same call again changes nothing more. */
    idempotentHint: boolean;
    /** Deals with things outside of Hookline. */
    openWorldHint: true;
  };
}

/** What the connections of users can do, as functions. */
export interface Catalog {
  /** Every action of the user's active connections that was granted its scopes, in the order of connections and manifests. */
  list(user: string): Promise<AgentFunction[]>;
  /** Also one that is not listed for want of a scope: whoever runs it is told which. @throws HooklineError `not_found` with the nearest name */
  find(name: string, user: string): Promise<AgentFunction>;
}

const PAGE = 200;

/** Makes the catalog of the functions that a user's connections offer. */
export function createCatalog(
  { db, connectors }: Pick<Context, "db" | "connectors">,
  accounts: Pick<ActAccounts, "list">,
): Catalog {
  const activeOf = async (user: string): Promise<ConnectionView[]> => {
    const found: ConnectionView[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await accounts.list({ user, status: "active", limit: PAGE, cursor });
      found.push(...page.data);
      if (page.nextCursor === null) return found;
      cursor = page.nextCursor;
    }
  };

  /** Of all actions, with whether each was granted. */
  const all = async (user: string): Promise<{ one: AgentFunction; isGranted: boolean }[]> => {
    const loaded = (await activeOf(user)).filter(({ connector }) => connectors.has(connector));
    const rows = await connectionsByIds(
      db,
      loaded.map(({ id }) => id),
    );
    const known = new Map(rows.map((row) => [row.id, row]));
    return nameFunctions(loaded).flatMap(({ connection, nameOf }) => {
      const row = known.get(connection.id);
      if (!row) return [];
      return [...connectors.get(connection.connector)!.actions.values()].map((action) => ({
        one: functionOf(connection, action, nameOf),
        isGranted: isOffered(action, row),
      }));
    });
  };

  return {
    list: async (user) => (await all(user)).flatMap(({ one, isGranted }) => (isGranted ? [one] : [])),
    find: async (name, user) => {
      const functions = await all(user);
      const found = functions.find(({ one }) => one.name === name);
      if (found) return found.one;
      const names = functions.flatMap(({ one, isGranted }) => (isGranted ? [one.name] : []));
      throw new HooklineError("not_found", unknownName("function", name, names));
    },
  };
}

/** Whether nothing that is known of a connection speaks against an action; what its parent does for it is looked at when it runs. */
function isOffered(action: CompiledAction, row: ConnectionRow): boolean {
  if (action.as !== undefined && row.parent !== null) return true;
  return scopesLacking(action, row) === undefined && (action.requires?.holds(connectionValues(row)) ?? true);
}

function functionOf(
  { id, connector, label }: ConnectionView,
  { name: action, definition, idempotency }: CompiledAction,
  nameOf: (action: string) => string,
): AgentFunction {
  const { title, description, kind, input } = definition;
  const readOnly = kind === "get" || kind === "search" || kind === "list";
  const account = label === null ? "" : ` Account: ${label}.`;
  return {
    name: nameOf(action),
    connection: id,
    connector,
    action,
    title,
    description: `${description ?? `${title}.`}${account}`,
    inputSchema: inputSchemaOf(input, nameOf),
    annotations: {
      title,
      readOnlyHint: readOnly,
      destructiveHint: !readOnly && kind !== "create",
      idempotentHint: readOnly || idempotency !== "none",
      openWorldHint: true,
    },
  };
}
