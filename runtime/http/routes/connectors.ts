import { HooklineError, nearest } from "../../core/errors.ts";
import type { Connector } from "../../manifest/connector.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { pageOf } from "../compat.ts";
import { pageSchema, ref } from "../../model/schema.ts";

export const connectorRoutes: Route[] = [
  userRoute({
    method: "get",
    path: "/v1/connectors",
    operationId: "listConnectors",
    summary: "The connectors this runtime has loaded",
    tag: "connectors",
    responses: { 200: { description: "All of them, on one page.", schema: pageSchema("Connector") } },
    handler: ({ services }) => ok(pageOf({ data: [...services.connectors.values()].map(summaryOf), nextCursor: null })),
  }),
  userRoute({
    method: "get",
    path: "/v1/connectors/{name}",
    operationId: "getConnector",
    summary: "A connector's manifest, bundled",
    tag: "connectors",
    params: { name: "Name of the connector" },
    responses: { 200: { description: "The manifest.", schema: ref("Manifest") } },
    handler: ({ services, params }) => ok(findConnector(services.connectors, params["name"]!).manifest),
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

/** Throws `not_found` with the nearest name. */
export function findConnector(connectors: ReadonlyMap<string, Connector>, name: string): Connector {
  const found = connectors.get(name);
  if (found) return found;
  const near = nearest(name, connectors.keys());
  const remedy = near === undefined ? "GET /v1/connectors lists all" : `did you mean "${near}"?`;
  throw new HooklineError("not_found", `connector ${name}: there is none; ${remedy}`);
}
