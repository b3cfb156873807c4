import { connectionValues } from "../accounts/credentials.ts";
import { resolveConnection, type Asker } from "../accounts/resolve.ts";
import { movesOf } from "../accounts/moved.ts";
import { ownScopeRefusal } from "../accounts/scopes.ts";
import { findAction, type RunAction } from "../act/actions.ts";
import { HooklineError, type Fault } from "../core/errors.ts";
import type { Context } from "../engine/context.ts";
import type { Scope } from "../manifest/expressions.ts";
import { attemptAsync } from "./attempt.ts";
import type { CompiledStep, CompiledWork } from "./definition.ts";
import { callHttp, type HttpInput } from "./http-call.ts";

/** A step that is ready to be done: what it takes is known. */
export interface Call {
  /** The connection it runs with. */
  connection: string | undefined;
  input: unknown;
  /** Whether doing it twice is harmless, with the same key. */
  repeatable: boolean;
  /** What is wrong with the input; empty where nothing says what it must be. */
  faults(): Fault[];
  /** @throws HooklineError for every failure of the world */
  run(signal: AbortSignal, key: string): Promise<unknown>;
}

/**
 * Renders what a step takes.
 * @throws HooklineError `not_found` and `conflict` for its connection, `invalid_expression`
 */
export type PrepareCall = (step: CompiledStep, scope: Scope, asker: Asker) => Promise<Call>;

/** Why a step cannot be done for want of a scope, as far as that is known before it is rendered. */
export type RefusalOf = (step: CompiledStep, asker: Asker) => Promise<HooklineError | undefined>;

type CallContext = Pick<Context, "db" | "connectors" | "network"> & { runAction: RunAction };

/** Makes the function that renders steps into calls of actions and of URLs. */
export function createPrepareCall(context: CallContext): PrepareCall {
  return async (step, scope, asker) => {
    const { work } = step;
    if (work.kind === "action") return prepareAction(context, work, scope, asker);
    if (work.kind === "http") return prepareHttp(context, step.timeoutMs, work, scope);
    throw new TypeError(`Step ${step.id} is a delay: it makes no call`);
  };
}

/** Makes the function that looks for steps whose connection was not granted what they need. */
export function createRefusalOf({ db, connectors }: Pick<CallContext, "db" | "connectors">): RefusalOf {
  return async ({ work }, asker) => {
    if (work.kind !== "action") return undefined;
    const found = await attemptAsync(() => resolveConnection(db, work.connection, asker));
    // What else is wrong is said when it is the step's turn.
    if ("error" in found) return undefined;
    const action = connectors.get(found.value.connector)?.actions.get(work.action);
    return action && ownScopeRefusal(`Action ${action.name}`, action, found.value);
  };
}

async function prepareAction(
  { db, connectors, runAction }: CallContext,
  work: CompiledWork & { kind: "action" },
  scope: Scope,
  asker: Asker,
): Promise<Call> {
  const row = await resolveConnection(db, work.connection, asker);
  const connector = connectors.get(row.connector);
  if (!connector) {
    const message = `Connection ${row.id} is of ${row.connector}, which this runtime has not loaded; load that connector`;
    throw new HooklineError("conflict", message);
  }
  const action = findAction(connector, work.action);
  const input = work.input({ ...scope, connection: connectionValues(row) });
  return {
    connection: row.id,
    input,
    repeatable: action.idempotency !== "none",
    faults: () => action.validateInput(input),
    run: async (signal, keySeed) =>
      (await runAction(row.id, work.action, input, { signal, keySeed, moves: movesOf(row) })).output,
  };
}

function prepareHttp(
  { network }: CallContext,
  deadlineMs: number,
  work: CompiledWork & { kind: "http" },
  scope: Scope,
): Call {
  const input = work.request(scope) as HttpInput;
  return {
    connection: undefined,
    input,
    repeatable: work.idempotent,
    faults: () => [],
    run: (signal, key) => callHttp(network, input, { key, deadlineMs, signal }),
  };
}
