import { compilePatterns } from "../core/event-patterns.ts";
import { newId } from "../core/ids.ts";
import { Lru } from "../core/lru.ts";
import type { Context } from "../engine/context.ts";
import type { NewJob } from "../engine/engine.ts";
import type { Target } from "../engine/module.ts";
import { conditionOf } from "../manifest/conditions.ts";
import { insertDeliveries } from "../model/deliveries.ts";
import { activeEndpoints, endpoints, type EndpointRecord } from "../model/endpoints.ts";
import { storeNewEvents, type Emit, type EventRecord, type NewEvent } from "../model/events.ts";
import type { Sql } from "../store/database.ts";
import { parkedEvents, type ParkedEvent } from "../model/parked-events.ts";
import { dataText } from "./body.ts";
import { deliverJob } from "./jobs.ts";

export interface DispatchOptions extends Pick<Context, "clock"> {
  engine: Pick<Context["engine"], "enqueue">;
  log: Pick<Context["log"], "warn">;
  /** The modules' kinds of targets; those of modules opened later may be added until the engine starts. */
  targets: readonly Target[];
}

/** Targets without a module that are remembered, so that each is logged once. */
const MOST_LOGGED = 1000;

/**
 * Stores events that are not stored yet and decides, in the same transaction, who gets each: the target or endpoint its
 * subscription names, otherwise every active endpoint of its user and of the workspace that wants events of its type.
 * An endpoint's `where` holds for all of them; data on which it cannot be evaluated does not match, and is logged. An event
 * for a target whose module is left out is parked.
 */
export function createDispatch({ engine, clock, log, targets }: DispatchOptions): Emit {
  const logged = new Lru<string, true>(MOST_LOGGED);

  const logParked = (target: string): void => {
    if (logged.get(target) !== undefined) return;
    logged.set(target, true);
    log.warn({ target }, "the module of a subscription's target is not loaded; its events wait until it is");
  };

  return async (tx, given) => {
    if (given.length === 0) return;
    const made = given.map(toRecord);
    const records = await storeNewEvents(tx, made);
    const events = records === made ? given : records.map((record) => given[made.indexOf(record)]!);
    const receiversOf = await loadReceivers(tx, events, log);
    const deliveries: { id: string; event: string; endpoint: string }[] = [];
    const jobs: NewJob[] = [];
    const parked: ParkedEvent[] = [];
    for (const [index, event] of events.entries()) {
      const record = records[index]!;
      const target = event.target.flow;
      if (target !== undefined) {
        const kind = targets.find(({ prefix }) => target.startsWith(prefix));
        if (kind) jobs.push(kind.job(target, event, record.id));
        else parked.push({ id: record.id, target, position: record.position });
      } else {
        for (const endpoint of receiversOf(event)) {
          const id = newId("dlv");
          deliveries.push({ id, event: record.id, endpoint: endpoint.id });
          jobs.push(deliverJob({ id, stream: event.stream, recordKey: event.recordKey }, endpoint));
        }
      }
    }
    await parkedEvents.insert(tx, ...parked);
    for (const { target } of parked) logParked(target);
    await insertDeliveries(tx, deliveries, clock.now());
    await engine.enqueue(tx, jobs);
  };
}

function toRecord(event: NewEvent): EventRecord {
  return {
    id: event.id,
    position: newId("pos"),
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
  log: DispatchOptions["log"],
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

function whereOf({ id, where }: EndpointRecord, log: DispatchOptions["log"]): Receiver["wantsData"] {
  if (where === null) return () => true;
  const warn = (problem: string): void => {
    log.warn({ endpoint: id, where, problem }, "the where of an endpoint is as no new one may be; correct it");
  };
  return (data) => {
    try {
      return conditionOf(where, warn)(data);
    } catch (error) {
      log.warn({ endpoint: id, error }, "the where of an endpoint cannot be evaluated; the event is not sent to it");
      return false;
    }
  };
}
