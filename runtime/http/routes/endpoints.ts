import type { EndpointChange, NewEndpoint } from "../../deliver/endpoints.ts";
import { pageOf, pageQuery, readPage, type PageQuery } from "../paging.ts";
import { scopeOf, userNamed } from "../principal.ts";
import { created, noContent, ok, userRoute, type Route } from "../route.ts";
import { name, object, pageSchema, ref, time } from "../schemas/build.ts";
import { endpointChanges, newEndpoint } from "../schemas/deliveries.ts";

const tag = "endpoints";
const params = { id: "Id of the endpoint" };

export const endpointRoutes: Route[] = [
  userRoute<NewEndpoint>({
    method: "post",
    path: "/v1/endpoints",
    operationId: "createEndpoint",
    summary: "Registers a URL for webhooks; its secret is shown here and never again",
    tag,
    body: newEndpoint,
    responses: { 201: { description: "The endpoint with its secret.", schema: ref("NewEndpoint") } },
    handler: async ({ services, principal, body, base }) => {
      const made = await services.endpoints.create({ ...body, user: userNamed(principal, body.user) });
      return created(`${base}/v1/endpoints/${made.id}`, made);
    },
  }),
  userRoute<unknown, PageQuery & { user?: string }>({
    method: "get",
    path: "/v1/endpoints",
    operationId: "listEndpoints",
    summary: "Endpoints, oldest first",
    tag,
    query: { ...pageQuery, user: name("Only this user's.") },
    responses: { 200: { description: "A page.", schema: pageSchema("Endpoint") } },
    handler: async ({ services, principal, query: { user, ...page } }) =>
      ok(pageOf(await services.endpoints.list(readPage(page), { user: userNamed(principal, user) }))),
  }),
  userRoute({
    method: "get",
    path: "/v1/endpoints/{id}",
    operationId: "getEndpoint",
    summary: "An endpoint",
    tag,
    params,
    responses: { 200: { description: "The endpoint.", schema: ref("Endpoint") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.endpoints.get(params["id"]!, scopeOf(principal))),
  }),
  userRoute<EndpointChange>({
    method: "patch",
    path: "/v1/endpoints/{id}",
    operationId: "updateEndpoint",
    summary: "Changes an endpoint; retries on their way go to the new URL",
    tag,
    params,
    body: endpointChanges,
    responses: { 200: { description: "The endpoint.", schema: ref("Endpoint") } },
    handler: async ({ services, principal, params, body }) =>
      ok(await services.endpoints.update(params["id"]!, body, scopeOf(principal))),
  }),
  userRoute({
    method: "delete",
    path: "/v1/endpoints/{id}",
    operationId: "deleteEndpoint",
    summary: "Forgets an endpoint, and cancels what it was still to get",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    handler: async ({ services, principal, params }) => {
      await services.endpoints.remove(params["id"]!, scopeOf(principal));
      return noContent;
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/endpoints/{id}/secret/rotate",
    operationId: "rotateEndpointSecret",
    summary: "Makes a new secret; the one before stays valid for 24 hours",
    tag,
    params,
    responses: { 200: { description: "The new secret.", schema: ref("RotatedSecret") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.endpoints.rotateSecret(params["id"]!, scopeOf(principal))),
  }),
  userRoute({
    method: "post",
    path: "/v1/endpoints/{id}/test",
    operationId: "testEndpoint",
    summary: "Sends an endpoint.test event at once and tells what came of it",
    tag,
    params,
    responses: { 200: { description: "The attempt.", schema: ref("Attempt") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.endpoints.test(params["id"]!, scopeOf(principal))),
  }),
  userRoute<{ since: string }>({
    method: "post",
    path: "/v1/endpoints/{id}/recover",
    operationId: "recoverEndpoint",
    summary: "Sends dead and cancelled deliveries since a time again",
    tag,
    params,
    body: object("From when.", { since: time("Deliveries made at or after this time.") }),
    responses: { 200: { description: "How many.", schema: ref("Recovery") } },
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.endpoints.recover(params["id"]!, new Date(body.since), scopeOf(principal))),
  }),
  userRoute({
    method: "get",
    path: "/v1/endpoints/{id}/stats",
    operationId: "getEndpointStats",
    summary: "How an endpoint fares",
    tag,
    params,
    responses: { 200: { description: "In numbers.", schema: ref("EndpointStats") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.endpoints.stats(params["id"]!, scopeOf(principal))),
  }),
];
