import type { DeliveryStatus } from "../../model/deliveries.ts";
import { pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { name, oneOf, pageSchema, ref } from "../../model/schema.ts";

const tag = "deliveries";
const params = { id: "Id of the delivery" };
const delivery = { 200: { description: "The delivery.", schema: ref("Delivery") } };

export const deliveryRoutes: Route[] = [
  userRoute<unknown, PageQuery & { status?: DeliveryStatus; endpoint?: string; event?: string }>({
    method: "get",
    path: "/v1/deliveries",
    operationId: "listDeliveries",
    summary: "Deliveries, newest first; a user's are those to their own endpoints",
    tag,
    query: {
      ...pageQuery,
      status: oneOf(["pending", "delivered", "dead", "cancelled"], "Only in this state."),
      endpoint: name("Only to this endpoint."),
      event: name("Only of this event."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Delivery") } },
    handler: async ({ services, principal, query: { limit, cursor, ...filter } }) =>
      ok(pageOf(await services.deliveries.list({ ...filter, ...readPage({ limit, cursor }) }, scopeOf(principal)))),
  }),
  userRoute({
    method: "get",
    path: "/v1/deliveries/{id}",
    operationId: "getDelivery",
    summary: "A delivery with every attempt",
    tag,
    params,
    responses: delivery,
    handler: async ({ services, principal, params }) =>
      ok(await services.deliveries.get(params["id"]!, scopeOf(principal))),
  }),
  userRoute({
    method: "post",
    path: "/v1/deliveries/{id}/retry",
    operationId: "retryDelivery",
    summary: "Sends it again now, whatever became of it",
    tag,
    params,
    responses: delivery,
    problems: [409],
    handler: async ({ services, principal, params }) =>
      ok(await services.deliveries.retry(params["id"]!, scopeOf(principal))),
  }),
];
