import { HooklineError, nearest } from "../core/errors.ts";
import type { CompiledAction, Connector } from "../manifest/connector.ts";
import type { Connections } from "../accounts/connections.ts";
import { nameFunctions } from "./function-names.ts";
import { inputSchemaOf } from "./function-schemas.ts";
import { missingScopes } from "../accounts/scopes.ts";
import type { ConnectionView } from "../model/connections.ts";

/** An action of one connection, told the way AI agents take functions. */
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

/** What a user's connections can do, as functions. */
export interface Functions {
  /** Every action of the user's active connections that was granted its scopes, in the order of connections and manifests. */
  list(user: string): Promise<AgentFunction[]>;
  /** @throws HooklineError `not_found` with the nearest name */
  find(user: string, name: string): Promise<AgentFunction>;
}

export interface FunctionsOptions {
  connections: Pick<Connections, "list">;
  connectors: ReadonlyMap<string, Connector>;
}

const PAGE = 200;

export function createFunctions({ connections, connectors }: FunctionsOptions): Functions {
  const activeOf = async (user: string): Promise<ConnectionView[]> => {
    const found: ConnectionView[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await connections.list({ user, status: "active", limit: PAGE, cursor });
      found.push(...page.data);
      if (page.nextCursor === null) return found;
      cursor = page.nextCursor;
    }
  };

  const list = async (user: string): Promise<AgentFunction[]> => {
    const usable = (await activeOf(user)).filter(({ connector }) => connectors.has(connector));
    return nameFunctions(usable).flatMap(({ connection, nameOf }) => {
      const actions = [...connectors.get(connection.connector)!.actions.values()];
      return actions
        .filter((action) => missingScopes(action.scopes, connection.scopes).length === 0)
        .map((action) => functionOf(connection, action, nameOf));
    });
  };

  return {
    list,
    find: async (user, name) => {
      const functions = await list(user);
      const found = functions.find((candidate) => candidate.name === name);
      if (found) return found;
      const near = nearest(
        name,
        functions.map((candidate) => candidate.name),
      );
      const remedy = near === undefined ? "list the functions to see which there are" : `did you mean "${near}"?`;
      throw new HooklineError("not_found", `There is no function "${name}"; ${remedy}`);
    },
  };
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
