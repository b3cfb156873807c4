import type { Install } from "../../flows/templates.ts";
import { userNamed } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { adminRoute, created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { listOf, object, ref, text } from "../../model/schema.ts";
import { installTemplate, newTemplate } from "../schemas/flows.ts";
import { inputQuery, parseInput } from "../../model/input-query.ts";

const tag = "flows";
const params = { id: "Id of the template" };

const installedSync = object("The sync that was made.", { sync: text("Id of the sync.") });

export const flowTemplateRoutes: Route[] = [
  userRoute({
    method: "get",
    path: "/v1/flow-templates",
    operationId: "listFlowTemplates",
    summary: "What can be installed: templates of the connectors and of the workspace",
    tag,
    responses: { 200: { description: "All of them.", schema: ref("FlowTemplates") } },
    handler: async ({ services }) => ok({ data: await services.templates.list() }),
  }),
  adminRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/flow-templates",
    operationId: "putFlowTemplate",
    summary: "Adds a template of the workspace, or a new version of one",
    tag,
    body: newTemplate,
    responses: { 201: { description: "The template.", schema: ref("FlowTemplate") } },
    problems: [409],
    handler: async ({ services, body, base }) => {
      const made = await services.templates.put(body);
      return created(`${base}/v1/flow-templates/${made.id}`, made);
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/flow-templates/{id}",
    operationId: "getFlowTemplate",
    summary: "A template",
    tag,
    params,
    responses: { 200: { description: "The template.", schema: ref("FlowTemplate") } },
    handler: async ({ services, params }) => ok(await services.templates.get(params["id"]!)),
  }),
  adminRoute({
    method: "delete",
    path: "/v1/flow-templates/{id}",
    operationId: "deleteFlowTemplate",
    summary: "Removes a template of the workspace; flows made of it stay",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    problems: [409],
    handler: async ({ services, params }) => {
      await services.templates.remove(params["id"]!);
      return noContent;
    },
  }),
  userRoute<unknown, { input?: string }>({
    method: "get",
    path: "/v1/flow-templates/{id}/options/{property}",
    operationId: "listTemplateOptions",
    summary: "The values a property of the form can have, as the vendor lists them now",
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
    handler: async ({ services, principal, params, query }) => {
      const choices = parseInput(query.input);
      const data = await services.templates.options(
        params["id"]!,
        params["property"]!,
        choices,
        scopeOf(principal).user,
      );
      return ok({ data });
    },
  }),
  userRoute<Install>({
    method: "post",
    path: "/v1/flow-templates/{id}/install",
    operationId: "installFlowTemplate",
    summary: "Makes a flow of a template, with connections for its slots and answers to its form",
    tag,
    params,
    body: installTemplate,
    responses: { 201: { description: "The flow, or the sync.", schema: { oneOf: [ref("Flow"), installedSync] } } },
    problems: [409],
    handler: async ({ services, principal, params, body, base }) => {
      userNamed(principal, body.user);
      const made = await services.templates.install(params["id"]!, body, scopeOf(principal).user);
      return "left" in made
        ? created(`${base}/v1/syncs/${made.id}`, { sync: made.id })
        : created(`${base}/v1/flows/${made.id}`, made);
    },
  }),
];
