import { endpointChanges, endpointQuery, newEndpoint, recovery } from "../../model/endpoints.ts";
import { routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const endpoint = routesOf<Services>().resource({ path: "/v1/endpoints", name: "endpoint", tag: "endpoints" });

export const endpointRoutes: Route[] = [
  endpoint.create(
    {
      summary: "Creates an endpoint for webhooks; its secret is shown here and never again",
      answers: { description: "The endpoint with its secret.", schema: ref("NewEndpoint") },
      problems: [409],
    },
    newEndpoint,
    ({ services, body, scope }) => services.endpoints.create(body, scope),
  ),
  endpoint.list({ summary: "Endpoints, oldest first" }, endpointQuery, ({ services, query, scope }) =>
    services.endpoints.list(query, scope),
  ),
  endpoint.get({ summary: "An endpoint" }, ({ services, scope }, id) => services.endpoints.get(id, scope)),
  endpoint.update(
    { summary: "Changes an endpoint; pending retries go to the new URL" },
    endpointChanges,
    ({ services, body, scope }, id) => services.endpoints.update(id, body, scope),
  ),
  endpoint.remove({ summary: "Deletes an endpoint and cancels its pending deliveries" }, ({ services, scope }, id) =>
    services.endpoints.remove(id, scope),
  ),
  endpoint.post(
    "secret/rotate",
    "rotateEndpointSecret",
    {
      summary: "Creates a new secret; the previous one stays valid for 24 hours",
      answers: { description: "The new secret.", schema: ref("RotatedSecret") },
    },
    ({ services, scope }, id) => services.endpoints.rotateSecret(id, scope),
  ),
  endpoint.post(
    "test",
    "testEndpoint",
    {
      summary: "Sends an endpoint.test event at once and shows the result",
      answers: { description: "The attempt.", schema: ref("Attempt") },
    },
    ({ services, scope }, id) => services.endpoints.test(id, scope),
  ),
  endpoint.post(
    "recover",
    "recoverEndpoint",
    {
      summary: "Sends dead and cancelled deliveries since a time again",
      answers: { description: "How many deliveries are sent again.", schema: ref("Recovery") },
      problems: [409],
      body: recovery,
    },
    ({ services, body, scope }, id) => services.endpoints.recover(id, body, scope),
  ),
  endpoint.part(
    "stats",
    "getEndpointStats",
    {
      summary: "Delivery statistics of an endpoint",
      answers: { description: "The statistics.", schema: ref("EndpointStats") },
    },
    ({ services, scope }, id) => services.endpoints.stats(id, scope),
  ),
];
