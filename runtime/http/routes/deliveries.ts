import { deliveryQuery } from "../../model/deliveries.ts";
import { routesOf, type Route } from "../../model/route.ts";
import type { Services } from "../services.ts";

const delivery = routesOf<Services>().resource({ path: "/v1/deliveries", name: "delivery", tag: "deliveries" });

export const deliveryRoutes: Route[] = [
  delivery.list(
    { summary: "Deliveries, newest first; a user sees those to their own endpoints" },
    deliveryQuery,
    ({ services, query, scope }) => services.deliveries.list(query, scope),
  ),
  delivery.get({ summary: "A delivery with every attempt" }, ({ services, scope }, id) =>
    services.deliveries.get(id, scope),
  ),
  delivery.post(
    "retry",
    "retryDelivery",
    { summary: "Sends a delivery again now, whatever its status", problems: [409] },
    ({ services, scope }, id) => services.deliveries.retry(id, scope),
  ),
];
