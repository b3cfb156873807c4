import type { InputOf } from "../model/input.ts";
import type { Scope } from "../model/principal.ts";
import type { Actions } from "./act.ts";
import type { ActionResult } from "./actions.ts";
import type { Catalog } from "./function-catalog.ts";
import { formatFunction } from "./function-formats.ts";
import type { IdempotencyOptions } from "./idempotency.ts";
import { agentUser, functionQuery } from "./model/functions.ts";

/** What the connections of a user can do, as functions of AI agents. */
export interface Functions {
  /**
   * Every action of the user's active connections that was granted its scopes, in one format.
   * @throws HooklineError `invalid_input`, `forbidden`
   */
  list(query?: InputOf<typeof functionQuery>, scope?: Scope): Promise<{ data: object[] }>;
  /**
   * Runs the action of a function. `args` are the arguments that the model gave.
   * @throws HooklineError `invalid_input`, `forbidden`, `not_found` with the nearest name; and like {@link Actions.run}
   */
  call(
    name: string,
    args?: Record<string, unknown>,
    options?: IdempotencyOptions & { user?: string; signal?: AbortSignal },
    scope?: Scope,
  ): Promise<ActionResult>;
}

/** Makes the service of functions. */
export function createFunctions(catalog: Catalog, actions: Pick<Actions, "run">): Functions {
  return {
    list: async (query = {}, scope = {}) => {
      const { user, format = "mcp" } = functionQuery.check(query);
      const functions = await catalog.list(agentUser(user, scope));
      return { data: functions.map((one) => formatFunction(one, format)) };
    },
    call: async (name, args, { user, ...options } = {}, scope = {}) => {
      const { connection, action } = await catalog.find(name, agentUser(user, scope));
      return actions.run(connection, action, args, options, scope);
    },
  };
}
