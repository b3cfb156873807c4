import { recordQuestion, type RecordQuestion } from "../../deliver/explain.ts";
import { eventQuery } from "../../model/events.ts";
import { ok, routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const { resource, userRoute } = routesOf<Services>();
const event = resource({ path: "/v1/events", name: "event", tag: "events" });

export const eventRoutes: Route[] = [
  event.list({ summary: "Events, newest first" }, eventQuery, ({ services, query, scope }) =>
    services.events.list(query, scope),
  ),
  event.get(
    {
      summary: "An event and where it went; a user sees deliveries to their own endpoints",
      answers: { description: "The event with its deliveries.", schema: ref("EventDetails") },
    },
    ({ services, scope }, id) => services.events.get(id, scope),
  ),
  userRoute<unknown, RecordQuestion>({
    method: "get",
    path: "/v1/explain",
    operationId: "explainRecord",
    summary: "Explains one record: whether it is known, since when, which events it had and where they went",
    tag: "events",
    query: recordQuestion,
    responses: { 200: { description: "What is known of the record.", schema: ref("Explanation") } },
    problems: [404],
    handler: async ({ services, query, scope }) => ok(await services.events.explain(query, scope)),
  }),
];
