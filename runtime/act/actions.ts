import { HooklineError, unknownName, type Fault } from "../core/errors.ts";
import type { Log } from "../core/log.ts";
import type { CompiledAction, CompiledStep, Connector } from "../manifest/connector.ts";
import type { Getter } from "../manifest/expressions.ts";
import type { ClientOf, VendorClient } from "../accounts/client.ts";
import type { VariablesOf } from "../accounts/variables.ts";
import { errorClass, VendorError } from "../vendor/errors.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import type { VendorResponse } from "../vendor/response.ts";
import { KeyedMutex } from "./mutex.ts";
import { runKey } from "./run-key.ts";

export interface ActionsOptions {
  openClient: ClientOf;
  variablesOf: VariablesOf;
  log: Log;
}

export interface ActionResult {
  output: unknown;
  /** Where the output differs from the manifest's description; the output is given as it came. */
  warnings?: Fault[];
}

export type RunAction = (
  connection: string,
  action: string,
  input: unknown,
  options?: RunOptions,
) => Promise<ActionResult>;

export interface RunOptions {
  signal?: AbortSignal;
  /**
   * Runs of one action of one connection with equal seeds are the same run to a vendor that lets clients choose ids; see
   * {@link runKey}. Nothing is stored: every run is done. Default a random one.
   */
  keySeed?: string;
  /** How often the connection had been moved when the work began: another account than the one of that time gets nothing. */
  moves?: number;
  /** Takes the place of the action's own result, with the same scope; its value is not checked. */
  result?: Getter;
}

/**
 * Makes the function that runs one action of a connection.
 * @throws HooklineError `not_found` (action), `invalid_input` with every fault, `scope_missing`, `conflict` (a connection
 *   of the wrong kind) and `account_moved` before any call; and what {@link VendorClient.send} throws
 */
export function createRunAction({ openClient, variablesOf, log }: ActionsOptions): RunAction {
  const serially = new KeyedMutex();
  return async (connection, name, input, { signal, keySeed, moves, result } = {}) => {
    const own = await openClient(connection, moves);
    const action = findAction(own.connector, name);
    const faults = action.validateInput(input);
    if (faults.length > 0) throw inputRefused(own.connector, name, faults);
    const client = await own.as(action.as, `${own.connector.name}.${name}`);
    assertUsable(client, action);
    const { workspace, user } = await variablesOf(client.user, action);
    const run = { key: runKey(connection, name, keySeed) };
    const scope = { input, connection: client.values, workspace: { vars: workspace }, user: { vars: user }, run };
    const work = () => runSteps(client, { ...action, result: result ?? action.result }, scope, signal);
    const output = action.serial ? await serially.run(connection, work) : await work();
    const mismatches = result ? [] : (action.validateOutput?.(output) ?? []);
    if (mismatches.length === 0) return { output: output ?? null };
    log.warn({ connection, action: name, mismatches }, "an output differs from its schema");
    return { output: output ?? null, warnings: mismatches };
  };
}

/**
 * The action of this name.
 * @throws HooklineError `not_found` with the nearest name
 */
export function findAction(connector: Connector, name: string): CompiledAction {
  const action = connector.actions.get(name);
  if (action) return action;
  throw new HooklineError("not_found", `${connector.name}: ${unknownName("action", name, connector.actions.keys())}`);
}

/** An input that its action refuses. */
export function inputRefused({ name }: Connector, action: string, faults: Fault[]): HooklineError {
  return new HooklineError("invalid_input", `${name}.${action}: the input does not match its schema: see errors`, {
    faults,
  });
}

/**
 * Refuses an action that the connection is not of the kind for, whatever it may be granted, or was not granted.
 * @throws HooklineError `conflict`, `scope_missing`
 */
export function assertUsable(client: VendorClient, action: CompiledAction): void {
  const { name, requires } = action;
  assertRequirement(`${client.connector.name}.${name}`, requires, client.values);
  client.requireScopes(action, `Action ${name}`);
}

async function runSteps(
  client: VendorClient,
  action: CompiledAction,
  given: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<unknown> {
  const steps: Record<string, VendorResponse> = {};
  const again = new Map<string, number>();
  let response: VendorResponse | undefined;
  for (let index = 0; index < action.steps.length; index++) {
    const step = action.steps[index]!;
    const scope = { ...given, steps };
    if (step.when && !step.when(scope)) continue;
    try {
      response = await runStep(client, action, step, scope, signal);
      steps[step.id] = response;
    } catch (error) {
      if (error instanceof VendorError && step.accept.includes(error.class)) {
        response = steps[step.id] = { status: error.status, headers: {}, body: null, url: "" };
        continue;
      }
      const back = stepBack(action, step, error, again);
      if (back === undefined) throw error;
      index = back - 1;
    }
  }
  return action.result({ ...given, steps, response });
}

/** Which step to start again from after this failure; undefined when it stands. */
function stepBack(
  action: CompiledAction,
  { id, retry }: CompiledStep,
  error: unknown,
  again: Map<string, number>,
): number | undefined {
  const used = again.get(id) ?? 0;
  if (!retry || errorClass(error) !== retry.on || used >= retry.max) return undefined;
  again.set(id, used + 1);
  return action.steps.findIndex((step) => step.id === retry.from);
}

function runStep(
  client: VendorClient,
  operation: CompiledAction,
  { request, reads }: CompiledStep,
  scope: Record<string, unknown>,
  signal?: AbortSignal,
): Promise<VendorResponse> {
  const { idempotency, retry } = operation;
  return client.send(request(scope), {
    scope: "action",
    operation,
    kind: reads ? "read" : "write",
    idempotency: reads ? "natural" : idempotency,
    retry,
    signal,
  });
}
