import type { Clock } from "../core/clock.ts";
import { newId } from "../core/ids.ts";
import type { Log } from "../core/log.ts";
import type { Engine, NewJob } from "../engine/engine.ts";
import type { Sql } from "../store/database.ts";
import { insertDeliveries } from "../model/deliveries.ts";
import { activeEndpoints, endpoints, type EndpointRecord } from "../model/endpoints.ts";
import { insertEvents, type Emit, type EventRecord, type NewEvent } from "../model/events.ts";
import { dataText } from "./body.ts";
import { deliverJob } from "./jobs.ts";
import { compilePatterns } from "../core/event-patterns.ts";
import { compileWhere } from "./where.ts";

export interface DispatchOptions {
  engine: Pick<Engine, "enqueue">;
  clock: Clock;
  log: Pick<Log, "warn">;
}

/**
 * Stores events and decides, in the same transaction, who gets each: the flow, sync or endpoint its subscription names,
 * otherwise every active endpoint of its user and of the workspace that wants events of its type.
 * An endpoint's `where` holds for all of them; data it cannot be evaluated on does not match, and is logged.
 */
export function createDispatch({ engine, clock, log }: DispatchOptions): Emit {
  return async (tx, events) => {
    if (events.length === 0) return;
    const now = clock.now();
    const records = events.map(toRecord);
    const receiversOf = await loadReceivers(tx, events, log);
    const deliveries: { id: string; event: string; endpoint: string }[] = [];
    const jobs: NewJob[] = [];
    for (const [index, event] of events.entries()) {
      const record = records[index]!;
      const { flow } = event.target;
      if (flow !== undefined) jobs.push(flow.startsWith("sync_") ? syncJob(flow, event) : flowJob(flow, record.id));
      else {
        for (const endpoint of receiversOf(event)) {
          const id = newId("dlv");
          deliveries.push({ id, event: record.id, endpoint: endpoint.id });
          jobs.push(deliverJob({ id, stream: event.stream, recordKey: event.recordKey }, endpoint));
        }
      }
    }
    await insertEvents(tx, records);
    await insertDeliveries(tx, deliveries, now);
    await engine.enqueue(tx, jobs);
  };
}

function flowJob(flow: string, event: string): NewJob {
  return { queue: "flow", data: { flow, event }, group: flow };
}

/** A sync is told which record changed, once for all changes it has not looked at yet; what happened it sees for itself. */
function syncJob(sync: string, { connection, recordKey }: NewEvent): NewJob {
  return {
    queue: "sync",
    data: { sync, connection, record: recordKey },
    group: sync,
    unique: `${sync}:${connection}:${recordKey}`,
  };
}

function toRecord(event: NewEvent): EventRecord {
  return {
    id: newId("evt"),
    type: event.type,
    connection: event.connection,
    user: event.user,
    subscription: event.subscription,
    stream: event.stream,
    recordKey: event.recordKey,
    sequence: event.sequence,
    createdAt: event.at,
    data: dataText(event.data),
  };
}

/** An endpoint with its filters compiled. */
interface Receiver {
  endpoint: EndpointRecord;
  wantsType: (type: string) => boolean;
  wantsData: (data: Record<string, unknown>) => boolean;
}

/** Loads the endpoints these events may go to, once, and returns who gets an event. */
async function loadReceivers(
  sql: Sql,
  events: readonly NewEvent[],
  log: Pick<Log, "warn">,
): Promise<(event: NewEvent) => EndpointRecord[]> {
  const named = new Set<string>();
  const users = new Set<string>();
  let broadcast = false;
  for (const { target, user } of events) {
    if (target.flow !== undefined) continue;
    if (target.endpoint !== undefined) named.add(target.endpoint);
    else {
      broadcast = true;
      if (user !== null) users.add(user);
    }
  }
  const compile = (endpoint: EndpointRecord): Receiver => ({
    endpoint,
    wantsType: compilePatterns(endpoint.events),
    wantsData: whereOf(endpoint, log),
  });
  const own = await endpoints.byIds(sql, [...named]);
  const byId = new Map(own.filter(({ status }) => status === "active").map((one) => [one.id, compile(one)]));
  const all = broadcast ? (await activeEndpoints(sql, [...users])).map(compile) : [];

  return ({ target, type, user, data }) => {
    const receiver = target.endpoint === undefined ? undefined : byId.get(target.endpoint);
    const candidates =
      target.endpoint === undefined
        ? all.filter(({ endpoint, wantsType }) => (endpoint.user === null || endpoint.user === user) && wantsType(type))
        : receiver === undefined
          ? []
          : [receiver];
    return candidates.filter(({ wantsData }) => wantsData(data)).map(({ endpoint }) => endpoint);
  };
}

function whereOf(endpoint: EndpointRecord, log: Pick<Log, "warn">): Receiver["wantsData"] {
  if (endpoint.where === null) return () => true;
  const matches = compileWhere(endpoint.where);
  return (data) => {
    try {
      return matches(data);
    } catch (error) {
      log.warn(
        { endpoint: endpoint.id, error },
        "the where of an endpoint cannot be evaluated; the event is not sent to it",
      );
      return false;
    }
  };
}
