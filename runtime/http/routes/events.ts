import { HooklineError } from "../../core/errors.ts";
import { eventById, listEvents, type EventRecord } from "../../model/events.ts";
import { knownByKeys } from "../../model/known.ts";
import { streamsOfConnection, type StreamRecord } from "../../model/streams.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf, type Principal } from "../../model/principal.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { name, pageSchema, ref, time } from "../../model/schema.ts";
import type { Services } from "../services.ts";
import { eventView, isoTime } from "../view.ts";

const tag = "events";
const MOST_DELIVERIES = 100;
const MOST_EVENTS = 20;

export const eventRoutes: Route[] = [
  userRoute<unknown, PageQuery & { type?: string; connection?: string; user?: string; since?: string }>({
    method: "get",
    path: "/v1/events",
    operationId: "listEvents",
    summary: "Events, newest first",
    tag,
    query: {
      ...pageQuery,
      type: name("Only of this type.", "contact.created"),
      connection: name("Only of this connection."),
      user: name("Only this user's."),
      since: time("Only those detected at or after this time."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Event") } },
    handler: async ({ services, principal, query: { limit, cursor, since, user, ...filter } }) => {
      const page = readPage({ limit, cursor });
      const scoped = {
        ...filter,
        user: userNamed(principal, user),
        since: since === undefined ? undefined : Date.parse(since),
      };
      const { data, nextCursor } = cutPage(
        await listEvents(services.db, scoped, page.cursor, page.limit + 1),
        page.limit,
      );
      return ok(pageOf({ data: data.map(eventView), nextCursor }));
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/events/{id}",
    operationId: "getEvent",
    summary: "An event and where it went; a user sees deliveries to their own endpoints",
    tag,
    params: { id: "Id of the event" },
    responses: { 200: { description: "The event.", schema: ref("EventDetails") } },
    handler: async ({ services, principal, params }) => {
      const event = await eventById(services.db, params["id"]!);
      const { user } = scopeOf(principal);
      if (!event || (user !== undefined && event.user !== user)) {
        throw new HooklineError("not_found", `event ${params["id"]!}: there is none; list the events to find it`);
      }
      return ok(await withDeliveries(services, principal, event));
    },
  }),
  userRoute<unknown, { connection: string; stream: string; key: string }>({
    method: "get",
    path: "/v1/explain",
    operationId: "explainRecord",
    summary: "For one record: whether it is known, since when, what was told of it and where that went",
    tag,
    query: {
      connection: name("Id of the connection."),
      stream: name("Key of the stream.", "contacts"),
      key: name("The record's primary key.", "people/c1"),
    },
    requiredQuery: ["connection", "stream", "key"],
    responses: { 200: { description: "What is known.", schema: ref("Explanation") } },
    problems: [404],
    handler: async ({ services, principal, query }) => {
      const { id } = await services.accounts.get(query.connection, scopeOf(principal));
      const streams = (await streamsOfConnection(services.db, id)).filter(({ stream }) => stream === query.stream);
      const reads = await Promise.all(streams.map((stream) => explain(services, principal, stream, query.key)));
      return ok({ connection: id, stream: query.stream, key: query.key, reads, reason: reasonOf(streams, reads) });
    },
  }),
];

async function withDeliveries({ deliveries }: Services, principal: Principal, event: EventRecord): Promise<object> {
  const { data } = await deliveries.list({ event: event.id, limit: MOST_DELIVERIES }, scopeOf(principal));
  return { ...eventView(event), deliveries: data };
}

interface Read {
  input: Record<string, unknown>;
  known: boolean;
  seenAt: string | null;
  lastPollAt: string | null;
  nextPollAt: string | null;
  events: object[];
}

async function explain(services: Services, principal: Principal, stream: StreamRecord, key: string): Promise<Read> {
  const known = (await knownByKeys(services.db, stream.id, [key])).get(key);
  const events = await listEvents(services.db, { stream: stream.id, recordKey: key }, undefined, MOST_EVENTS);
  return {
    input: stream.input,
    known: known !== undefined,
    seenAt: isoTime(known?.seen ?? null),
    lastPollAt: isoTime(stream.lastPollAt),
    nextPollAt: isoTime(stream.nextPollAt),
    events: await Promise.all(events.map((event) => withDeliveries(services, principal, event))),
  };
}

function reasonOf(streams: readonly StreamRecord[], reads: readonly Read[]): string {
  if (streams.length === 0) return "No subscription of this connection reads this stream; make one.";
  if (reads.some(({ events }) => events.length > 0))
    return "It changed while somebody was subscribed; its events say the rest.";
  if (reads.some(({ known }) => known))
    return "It is known and has not changed, in a way a trigger tells of, since the first poll.";
  if (streams.every(({ baselinedAt }) => baselinedAt === null)) return "The first poll has not ended yet.";
  return "No poll has seen it: it does not exist, was deleted, or lies outside of what the stream lists.";
}
