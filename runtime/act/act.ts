import type { Accounts } from "../accounts/accounts.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import type { Context } from "../engine/context.ts";
import type { Scope } from "../model/principal.ts";
import { createRunAction, findAction, type ActionResult, type RunAction } from "./actions.ts";
import { callerOf, createOnce, type IdempotencyOptions } from "./idempotency.ts";
import { actionInput } from "./model/actions.ts";
import { createListOptions, type Option } from "./options.ts";
import { createPassthrough, type PassthroughAnswer, type PassthroughRequest } from "./passthrough.ts";

/** What can be done through a connection besides reading it. Connections that the scope does not show are `not_found`. */
export interface Actions {
  /**
   * Runs an action.
   * @throws HooklineError `not_found`, `invalid_input` with every fault, `scope_missing`, `conflict`, `reauth_required`,
   *   `vendor_error`, `rate_limited`, `network`, `timeout`; `idempotency_conflict` for an idempotency key that is in use
   */
  run(
    connection: string,
    action: string,
    input?: unknown,
    options?: IdempotencyOptions & { signal?: AbortSignal },
    scope?: Scope,
  ): Promise<ActionResult>;
  /** The same without idempotency keys and scope, for work that keeps account of its own progress. */
  perform: RunAction;
  /**
   * The values that a property of an action's or trigger's input can have, as the vendor lists them now; `a.b` is the property
   * `b` of `a`, or of each item of `a`. `input` is what has been filled in so far.
   * @throws HooklineError `not_found` for an unknown target or property, `invalid_input` when a value is missing that the
   *   property depends on; and what running the listing action throws
   */
  options(
    connection: string,
    target: string,
    property: string,
    input?: Record<string, unknown>,
    scope?: Scope,
  ): Promise<Option[]>;
  /**
   * Sends a request to the vendor with a connection's credentials and gives its answer of any status, unread. Waits within the
   * vendor's limits; never follows a redirect; without a body, expired credentials are renewed and used at once.
   * @throws HooklineError `invalid_url` (a target outside the vendor's API), `invalid_input` (method), `too_large`, `not_found`,
   *   `conflict`, `account_moved`, `reauth_required`, `rate_limited` before any call; `network`, `timeout`
   */
  passthrough(connection: string, request: PassthroughRequest, scope?: Scope): Promise<PassthroughAnswer>;
}

/** What actions need of accounts. */
export type ActAccounts = Pick<Accounts, "get" | "list" | "client" | "vendorOf" | "tokens" | "network">;

/** Makes the service of actions. */
export function createActions(
  context: Pick<Context, "db" | "vault" | "clock" | "log">,
  { accounts, variablesOf }: { accounts: ActAccounts; variablesOf: VariablesOf },
): Actions {
  const once = createOnce(context);
  const perform = createRunAction({ openClient: accounts.client, variablesOf, log: context.log });
  const listOptions = createListOptions(accounts.client, variablesOf, perform);
  const passthrough = createPassthrough(context, accounts);
  const assertVisible = async (connection: string, scope: Scope): Promise<void> => {
    if (scope.user !== undefined) await accounts.get(connection, scope);
  };

  return {
    run: async (connection, name, given = {}, { signal, idempotencyKey, onReplay } = {}, scope = {}) => {
      const input = actionInput.check(given);
      if (idempotencyKey === undefined) {
        await assertVisible(connection, scope);
        return perform(connection, name, input, { signal });
      }
      const { id, user, connector } = await accounts.get(connection, scope);
      const { idempotency, steps } = findAction(accounts.vendorOf(connector).connector, name);
      const request = { id, action: name, input };
      const kind = { repeatable: idempotency !== "none", calls: steps.length, status: 200 };
      const keySeed = JSON.stringify([callerOf(scope), idempotencyKey]);
      const of = { user, connection: id };
      return once({ scope, of, idempotencyKey, onReplay, request, ...kind }, () =>
        perform(connection, name, input, { signal, keySeed }),
      );
    },
    perform,
    options: async (connection, target, property, input = {}, scope = {}) => {
      await assertVisible(connection, scope);
      return listOptions(connection, target, property, actionInput.check(input));
    },
    passthrough: async (connection, request, scope = {}) => {
      await assertVisible(connection, scope);
      return passthrough(connection, request);
    },
  };
}
