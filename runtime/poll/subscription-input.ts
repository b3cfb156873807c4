import { missingScopes } from "../accounts/scopes.ts";
import { HooklineError, nearest, type Fault } from "../core/errors.ts";
import { compilePatterns } from "../core/event-patterns.ts";
import type { CompiledStream, CompiledTrigger, Connector } from "../manifest/connector.ts";
import { compileCondition } from "../manifest/jmespath.ts";
import type { ConnectionRow } from "../model/connections.ts";
import type { Tx } from "../store/database.ts";
import { endpoints } from "../model/endpoints.ts";
import type { FirstPoll } from "../model/subscriptions.ts";

/** @throws HooklineError `invalid_input` with the nearest name */
export function findTrigger(connector: Connector, name: string): CompiledTrigger {
  const trigger = connector.triggers.get(name);
  if (trigger) return trigger;
  const near = nearest(name, connector.triggers.keys());
  const message = `${connector.name} has no trigger "${name}"${near ? `; did you mean "${near}"?` : ""}`;
  throw new HooklineError("invalid_input", message, { faults: [{ pointer: "/trigger", message }] });
}

/** Smallest interval a subscriber may choose. */
export const minSeconds = (trigger: CompiledTrigger): number => trigger.definition.schedule?.minSeconds ?? 60;

/** Faults of a part, with the pointer of the whole. */
export const at = (pointer: string, faults: readonly Fault[]): Fault[] =>
  faults.map((fault) => ({ ...fault, pointer: pointer + fault.pointer }));

/** @throws HooklineError `invalid_input` when there is a fault */
export function refuse(faults: Fault[], message: string): void {
  if (faults.length > 0) throw new HooklineError("invalid_input", `${message}: ${faults[0]!.message}`, { faults });
}

/** Whether a `where` parses and reads only what it may. */
export function conditionFaults(where: string | undefined): Fault[] {
  if (where === undefined) return [];
  try {
    compileCondition(where, ["record", "resource", "previous", "input"]);
    return [];
  } catch (error) {
    return [{ pointer: "/where", message: (error as Error).message }];
  }
}

/** Whether a first poll can begin as asked. */
export function firstPollFaults(firstPoll: FirstPoll | undefined, stream: CompiledStream): Fault[] {
  if (typeof firstPoll !== "object") return [];
  if (Number.isNaN(Date.parse(firstPoll.since))) {
    return [
      { pointer: "/firstPoll/since", message: `"${firstPoll.since}" is not a time; write it as 2026-01-31T00:00:00Z` },
    ];
  }
  if (stream.definition.records.timestamp === undefined) {
    const message = `records of ${stream.name} do not say when they changed; use "emitAll" or "baseline"`;
    return [{ pointer: "/firstPoll", message }];
  }
  return [];
}

/** Whether what is said of when to poll fits together. */
export function intervalFaults(
  given: { schedule?: string; everySeconds?: number; timeZone?: string },
  trigger: CompiledTrigger,
): Fault[] {
  if (given.schedule !== undefined && given.everySeconds !== undefined) {
    return [{ pointer: "/everySeconds", message: "choose schedule or everySeconds, not both" }];
  }
  if (given.everySeconds !== undefined && given.everySeconds < minSeconds(trigger)) {
    return [{ pointer: "/everySeconds", message: `must be at least ${minSeconds(trigger)} for ${trigger.name}` }];
  }
  if (given.timeZone !== undefined && given.schedule === undefined) {
    return [{ pointer: "/timeZone", message: "belongs to a schedule; give one, or leave it out" }];
  }
  return [];
}

/** @throws HooklineError `scope_missing` */
export function assertScopes(connection: ConnectionRow, stream: CompiledStream, trigger: CompiledTrigger): void {
  const missing = missingScopes(stream.scopes, connection.scopes);
  if (missing.length === 0) return;
  throw new HooklineError(
    "scope_missing",
    `Trigger ${trigger.name} needs ${missing.join(", ")}, which connection ${connection.id} was not granted; reconnect and grant it`,
    { data: { missing } },
  );
}

/** Whether its events can go where it says. */
export async function targetFaults(
  tx: Tx,
  given: { endpoint?: string; flow?: string; connection: string },
  connection: ConnectionRow,
  trigger: CompiledTrigger,
): Promise<Fault[]> {
  if (given.endpoint !== undefined && given.flow !== undefined) {
    return [
      { pointer: "/flow", message: "a subscription has an endpoint or a flow, not both; make two subscriptions" },
    ];
  }
  if (given.endpoint === undefined) return [];
  const endpoint = await endpoints.find(tx, given.endpoint);
  if (!endpoint || (endpoint.user !== null && endpoint.user !== connection.user)) {
    return [{ pointer: "/endpoint", message: `there is no endpoint ${given.endpoint}` }];
  }
  if (!compilePatterns(endpoint.events)(trigger.event)) {
    const message = `endpoint ${endpoint.id} takes ${endpoint.events.join(", ")}, not ${trigger.event}; add it to the endpoint's events`;
    return [{ pointer: "/endpoint", message }];
  }
  return [];
}
