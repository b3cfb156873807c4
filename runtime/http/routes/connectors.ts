import type { Connector } from "../../manifest/connector.ts";
import { ok, routesOf, type Route } from "../../model/route.ts";
import { pageSchema, ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const { userRoute } = routesOf<Services>();

export const connectorRoutes: Route[] = [
  userRoute({
    method: "get",
    path: "/v1/connectors",
    operationId: "listConnectors",
    summary: "The connectors this runtime has loaded",
    tag: "connectors",
    responses: { 200: { description: "All of them, on one page.", schema: pageSchema("Connector") } },
    handler: ({ services }) => ok({ data: [...services.connectors.values()].map(summaryOf), nextCursor: null }),
  }),
  userRoute({
    method: "get",
    path: "/v1/connectors/{name}",
    operationId: "getConnector",
    summary: "A connector's manifest, bundled",
    tag: "connectors",
    params: { name: "Name of the connector" },
    responses: { 200: { description: "The manifest.", schema: ref("Manifest") } },
    handler: ({ services, params }) => ok(services.accounts.vendorOf(params["name"]!).connector.manifest),
  }),
];

function summaryOf({ manifest, triggers, actions }: Connector): object {
  const { name, version, title, description, documentation, categories = [] } = manifest;
  const inShort = (items: Connector["triggers"] | Connector["actions"]): object[] =>
    [...items.values()].map(({ name, definition }) => ({
      name,
      title: definition.title,
      description: definition.description,
    }));
  return {
    name,
    version,
    title,
    description,
    documentation,
    categories,
    triggers: inShort(triggers),
    actions: inShort(actions),
  };
}
