import { findCarrier } from "../accounts/carriers.ts";
import { assertRequirement } from "../accounts/requirement.ts";
import { scopeRefusal } from "../accounts/scopes.ts";
import { below, notFound, unknownName, type Fault } from "../core/errors.ts";
import { compilePatterns } from "../core/event-patterns.ts";
import type { Context } from "../engine/context.ts";
import { changeOf } from "../manifest/event-types.ts";
import { whereFaults } from "../manifest/where.ts";
import type { CompiledStream, CompiledTrigger, Connector } from "../manifest/connector.ts";
import { findConnection, type ConnectionRow } from "../model/connections.ts";
import { endpoints } from "../model/endpoints.ts";
import { isVisible, type Scope } from "../model/principal.ts";
import type { NewSubscription, SubscriptionChanges } from "../model/subscriptions.ts";
import { connectorOf } from "../read/connector.ts";
import type { Sql } from "../store/database.ts";
import { cronFaults } from "./schedule.ts";

/** What a subscription is about. */
export interface Subject {
  connection: ConnectionRow;
  connector: Connector;
  trigger: CompiledTrigger;
  stream: CompiledStream;
}

/** Seconds between polls that a subscriber may choose at least, unless the manifest says otherwise. */
export const MIN_SECONDS = 60;

/**
 * The subject of a new subscription, or the fault of what does not exist for the caller; nothing when too little is given.
 * @throws HooklineError `conflict` when the connector is not loaded
 */
export async function findSubject(
  sql: Sql,
  connectors: Context["connectors"],
  given: Partial<Pick<NewSubscription, "connection" | "trigger">>,
  scope: Scope,
): Promise<{ subject?: Subject; faults: Fault[] }> {
  if (given.connection === undefined) return { faults: [] };
  const connection = await findConnection(sql, given.connection);
  if (!connection || !isVisible(connection.user, scope)) {
    const { message } = notFound("connection", given.connection);
    return { faults: [{ pointer: "/connection", message }] };
  }
  const connector = connectorOf(connection, connectors);
  if (given.trigger === undefined) return { faults: [] };
  const trigger = connector.triggers.get(given.trigger);
  if (!trigger) {
    const message = unknownName("trigger", given.trigger, connector.triggers.keys());
    return { faults: [{ pointer: "/trigger", message }] };
  }
  return { subject: { connection, connector, trigger, stream: connector.streams.get(trigger.stream)! }, faults: [] };
}

/** What is wrong with choices for a subject. `given` is right in form. */
export async function choiceFaults(
  sql: Sql,
  { connection, trigger, stream }: Subject,
  given: SubscriptionChanges,
  scope: Scope,
): Promise<Fault[]> {
  return [
    ...inputFaults(trigger, given.input),
    ...below("/where", whereFaults(given.where, changeOf(stream.definition, trigger.definition))),
    ...(await endpointFaults(sql, connection, trigger, given.endpoint, scope)),
    ...timingFaults(trigger, given),
  ];
}

function inputFaults(trigger: CompiledTrigger, input: Record<string, unknown> | undefined): Fault[] {
  if (input === undefined) return [];
  return below("/input", trigger.validateInput(input));
}

/** What keeps a subscription from beginning with the records that changed since a time. */
export function firstPollFaults(
  firstPoll: NewSubscription["firstPoll"],
  { name, definition }: CompiledStream,
): Fault[] {
  if (typeof firstPoll !== "object" || definition.records.timestamp !== undefined) return [];
  const message = `records of ${name} do not say when they changed; use "emitAll" or "baseline"`;
  return [{ pointer: "/firstPoll", message }];
}

function timingFaults(trigger: CompiledTrigger, given: SubscriptionChanges): Fault[] {
  const { schedule, everySeconds, timeZone } = given;
  const least = trigger.definition.schedule?.minSeconds ?? MIN_SECONDS;
  const faults: Fault[] = [];
  if (schedule != null && everySeconds != null) {
    faults.push({ pointer: "/everySeconds", message: "choose schedule or everySeconds, not both" });
  } else if (everySeconds != null && everySeconds < least) {
    faults.push({ pointer: "/everySeconds", message: `must be at least ${least} for ${trigger.name}` });
  }
  if (timeZone != null && schedule == null) {
    faults.push({ pointer: "/timeZone", message: "belongs to a schedule; give one, or leave it out" });
  }
  if (schedule != null) faults.push(...cronFaults(schedule, timeZone ?? undefined, least));
  return faults;
}

async function endpointFaults(
  sql: Sql,
  connection: ConnectionRow,
  trigger: CompiledTrigger,
  id: string | null | undefined,
  scope: Scope,
): Promise<Fault[]> {
  if (id == null) return [];
  const endpoint = await endpoints.find(sql, id);
  const takesUser = endpoint && (endpoint.user === null || endpoint.user === connection.user);
  if (!takesUser || !isVisible(endpoint.user, scope)) {
    return [{ pointer: "/endpoint", message: notFound("endpoint", id).message }];
  }
  if (compilePatterns(endpoint.events)(trigger.event)) return [];
  const message = `endpoint ${id} takes ${endpoint.events.join(", ")}, not ${trigger.event}; add it to the endpoint's events`;
  return [{ pointer: "/endpoint", message }];
}

/**
 * Refuses a connection that is of another kind than a stream needs, or was not granted what it needs.
 * @throws HooklineError `conflict`, `scope_missing`, and what {@link findCarrier} throws
 */
export async function assertReadable(sql: Sql, { connection, connector, trigger, stream }: Subject): Promise<void> {
  const what = `${connector.name}/${trigger.name}`;
  const carrier = await findCarrier(sql, connector, connection, stream.as, what);
  assertRequirement(what, stream.requires, carrier.values);
  const refusal = scopeRefusal(`Trigger ${trigger.name}`, stream, carrier.row);
  if (refusal) throw refusal;
}
