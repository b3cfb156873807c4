import { noContent, routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import { dryRunInput } from "../model/dry-runs.ts";
import { flowCall, flowChanges, flowQuery, newFlow } from "../model/flows.ts";
import { flowRunQuery } from "../model/runs.ts";
import { choices } from "../model/templates.ts";
import type { FlowsServices } from "../services.ts";

const { resource, userRoute } = routesOf<FlowsServices>();
const tag = "flows";
const flow = resource({ path: "/v1/flows", name: "flow", tag });
const params = { id: "Id of the flow" };

/** Routes of flows. */
export const flowRoutes: Route[] = [
  flow.create(
    {
      summary: "Checks a flow and starts it; an error names every fault with its place and remedy",
      answers: { description: "The flow; with the secret of its hook, if it has one.", schema: ref("Flow") },
      problems: [404, 409],
    },
    newFlow,
    ({ services, body, scope }) => services.flows.create(body, scope),
  ),
  flow.list({ summary: "Flows, oldest first" }, flowQuery, ({ services, query, scope }) =>
    services.flows.list(query, scope),
  ),
  flow.get({ summary: "A flow" }, ({ services, scope }, id) => services.flows.get(id, scope)),
  flow.update(
    {
      summary: "Changes, pauses (enabled: false) or resumes a flow; runs under way keep their version",
      problems: [409],
    },
    flowChanges,
    ({ services, body, scope }, id) => services.flows.update(id, body, scope),
  ),
  flow.remove({ summary: "Ends a flow and deletes it with its runs" }, ({ services, scope }, id) =>
    services.flows.remove(id, scope),
  ),
  flow.post(
    "test",
    "testFlow",
    {
      summary: "Shows what a flow would do with a sample, without calling a vendor",
      answers: { description: "The steps as they would be done.", schema: ref("DryRun") },
      problems: [409],
      body: dryRunInput,
    },
    ({ services, body, scope }, id) => services.flows.test(id, body, scope),
  ),
  userRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/flows/{id}/runs",
    operationId: "callFlow",
    summary: "Starts a run of a flow with a call trigger; mappings read the body as `trigger`",
    tag,
    params,
    body: flowCall,
    responses: {
      202: { description: "The run, which begins as soon as a slot is free.", schema: ref("Run") },
      204: { description: "The flow's condition does not hold for the body." },
    },
    problems: [409],
    handler: async ({ services, scope, params, body }) => {
      const run = await services.flows.call(params["id"]!, body, scope);
      return run === undefined ? noContent : { status: 202, body: run };
    },
  }),
  flow.listPart(
    "runs",
    "listFlowRuns",
    { summary: "The runs of a flow, newest first", schema: "Run" },
    flowRunQuery,
    ({ services, query, scope }, id) => services.runs.listOf(id, query, scope),
  ),
  flow.post(
    "hook/rotate",
    "rotateHookSecret",
    { summary: "Makes a new secret for a flow's hook; the old one is invalid at once", problems: [409] },
    ({ services, scope }, id) => services.flows.rotateHookSecret(id, scope),
  ),
  flow.part(
    "upgrade",
    "previewUpgrade",
    {
      summary: "Shows what an upgrade to its template's present version would change",
      answers: { description: "The differences.", schema: ref("Upgrade") },
      problems: [409],
    },
    ({ services, scope }, id) => services.templates.preview(id, {}, scope),
  ),
  flow.post(
    "upgrade",
    "upgradeFlow",
    {
      summary: "Upgrades a flow to its template's present version, with other connections and answers if wanted",
      problems: [409],
      body: choices,
    },
    ({ services, body, scope }, id) => services.templates.upgrade(id, body, scope),
  ),
];
