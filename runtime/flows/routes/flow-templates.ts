import { inputQuery, inQuery, parseInput } from "../../model/input-query.ts";
import { created, noContent, ok, routesOf, type Route } from "../../model/route.ts";
import { listOf, object, pageSchema, ref, text } from "../../model/schema.ts";
import { installation, newTemplate, type Installation } from "../model/templates.ts";
import type { FlowsServices } from "../services.ts";

const { adminRoute, resource, userRoute } = routesOf<FlowsServices>();
const tag = "flows";
const path = "/v1/flow-templates";
const params = { id: "Id of the flow template" };
const template = { description: "The template.", schema: ref("FlowTemplate") };

/** Routes of templates. */
export const flowTemplateRoutes: Route[] = [
  userRoute({
    method: "get",
    path,
    operationId: "listFlowTemplates",
    summary: "Templates of the connectors and of the workspace",
    tag,
    responses: { 200: { description: "All of them.", schema: pageSchema("FlowTemplate") } },
    handler: async ({ services, scope }) => ok(await services.templates.list(scope)),
  }),
  adminRoute<Record<string, unknown>>({
    method: "post",
    path,
    operationId: "putFlowTemplate",
    summary: "Adds a template of the workspace, or a new version of one",
    tag,
    body: newTemplate,
    responses: { 201: template },
    problems: [409],
    handler: async ({ services, scope, body, base }) => {
      const made = await services.templates.put(body, scope);
      return created(`${base}${path}/${made.id}`, made);
    },
  }),
  resource({ path, name: "flow template", tag }).get({ summary: "A template" }, ({ services, scope }, id) =>
    services.templates.get(id, scope),
  ),
  adminRoute({
    method: "delete",
    path: `${path}/{id}`,
    operationId: "deleteFlowTemplate",
    summary: "Removes a template of the workspace; flows made from it stay",
    tag,
    params,
    responses: { 204: { description: "The template is gone." } },
    problems: [409],
    handler: async ({ services, scope, params }) => {
      await services.templates.remove(params["id"]!, scope);
      return noContent;
    },
  }),
  userRoute<unknown, { input?: string }>({
    method: "get",
    path: `${path}/{id}/options/{property}`,
    operationId: "listTemplateOptions",
    summary: "The values that a property of the form can have, as the vendor lists them now",
    tag,
    params: { ...params, property: "Name of the property" },
    query: { input: { ...inputQuery, description: "{connections, setup} chosen so far, as JSON text." } },
    responses: {
      200: {
        description: "The choices.",
        schema: object("All of them.", { data: listOf(ref("Option"), "In the vendor's order.") }),
      },
    },
    problems: [409, 424, 502, 504],
    handler: async ({ services, scope, params, query }) => {
      const chosen = parseInput(query.input);
      const list = () => services.templates.options(params["id"]!, params["property"]!, chosen, scope);
      return ok({ data: await inQuery(list, "/query/input") });
    },
  }),
  userRoute<Installation>({
    method: "post",
    path: `${path}/{id}/install`,
    operationId: "installFlowTemplate",
    summary: "Makes a flow from a template, with connections for its slots and answers to its form",
    tag,
    params,
    body: installation,
    responses: {
      201: {
        description: "The flow, or the sync.",
        schema: { oneOf: [ref("Flow"), object("The sync.", { sync: text("Id of the sync.") })] },
      },
    },
    problems: [409],
    handler: async ({ services, scope, params, body, base }) => {
      const made = await services.templates.install(params["id"]!, body, scope);
      return "left" in made
        ? created(`${base}/v1/syncs/${made.id}`, { sync: made.id })
        : created(`${base}/v1/flows/${made.id}`, made);
    },
  }),
];
