import type { DryRunInput } from "../../flows/dry-run.ts";
import type { FlowChanges, NewFlow } from "../../flows/flows.ts";
import type { Choices } from "../../flows/templates.ts";
import type { RunFilter } from "../../flows/model/runs.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf, type Principal } from "../../model/principal.ts";
import { created, noContent, ok, userRoute, type Route } from "../compat.ts";
import { anyObject, name, oneOf, pageSchema, ref } from "../../model/schema.ts";
import { dryRunInput, flowChanges, newFlow, upgradeFlow } from "../schemas/flows.ts";

const tag = "flows";
const params = { id: "Id of the flow" };
const flow = { 200: { description: "The flow.", schema: ref("Flow") } };

/** The user who asks; undefined for an admin. */
const asker = (principal: Principal): string | undefined => scopeOf(principal).user;

export const flowRoutes: Route[] = [
  userRoute<NewFlow>({
    method: "post",
    path: "/v1/flows",
    operationId: "createFlow",
    summary: "Checks a flow and sets it to work; every fault is named with its place and remedy",
    tag,
    body: newFlow,
    responses: { 201: { description: "The flow; with the secret of its hook, if it has one.", schema: ref("Flow") } },
    problems: [404, 409],
    handler: async ({ services, principal, body, base }) => {
      userNamed(principal, body.user);
      const made = await services.flows.create(body, asker(principal));
      return created(`${base}/v1/flows/${made.id}`, made);
    },
  }),
  userRoute<unknown, PageQuery & { user?: string; status?: "active" | "paused" | "broken" }>({
    method: "get",
    path: "/v1/flows",
    operationId: "listFlows",
    summary: "Flows, oldest first",
    tag,
    query: {
      ...pageQuery,
      user: name("Only this user's."),
      status: oneOf(["active", "paused", "broken"], "Only these."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Flow") } },
    handler: async ({ services, principal, query: { limit, cursor, user, status } }) => {
      const page = readPage({ limit, cursor });
      const filter = { user: userNamed(principal, user), status };
      return ok(pageOf(cutPage(await services.flows.list(filter, page.cursor, page.limit + 1), page.limit)));
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/flows/{id}",
    operationId: "getFlow",
    summary: "A flow",
    tag,
    params,
    responses: flow,
    handler: async ({ services, principal, params }) => ok(await services.flows.get(params["id"]!, asker(principal))),
  }),
  userRoute<FlowChanges>({
    method: "patch",
    path: "/v1/flows/{id}",
    operationId: "updateFlow",
    summary: "Changes, pauses (enabled: false) or resumes a flow; runs under way keep their version",
    tag,
    params,
    body: flowChanges,
    responses: flow,
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.flows.update(params["id"]!, body, asker(principal))),
  }),
  userRoute({
    method: "delete",
    path: "/v1/flows/{id}",
    operationId: "deleteFlow",
    summary: "Ends a flow and forgets its runs",
    tag,
    params,
    responses: { 204: { description: "It is gone." } },
    handler: async ({ services, principal, params }) => {
      await services.flows.remove(params["id"]!, asker(principal));
      return noContent;
    },
  }),
  userRoute<DryRunInput>({
    method: "post",
    path: "/v1/flows/{id}/test",
    operationId: "testFlow",
    summary: "What a flow would do with a sample; nobody is called",
    tag,
    params,
    body: dryRunInput,
    responses: { 200: { description: "Its steps as they would be done.", schema: ref("DryRun") } },
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.flows.test(params["id"]!, body, asker(principal))),
  }),
  userRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/flows/{id}/runs",
    operationId: "callFlow",
    summary: "Starts a run of a flow with a call trigger; mappings read the body as `trigger`",
    tag,
    params,
    body: anyObject("Anything.", { email: "ada@example.com" }),
    responses: {
      202: { description: "The run, which begins as soon as a slot is free.", schema: ref("Run") },
      204: { description: "The flow's condition does not hold for it." },
    },
    problems: [409],
    handler: async ({ services, principal, params, body }) => {
      const run = await services.flows.call(params["id"]!, body, asker(principal));
      return run === undefined ? noContent : { status: 202, body: run };
    },
  }),
  userRoute<unknown, PageQuery & Pick<RunFilter, "status">>({
    method: "get",
    path: "/v1/flows/{id}/runs",
    operationId: "listFlowRuns",
    summary: "The runs of a flow, newest first",
    tag,
    params,
    query: {
      ...pageQuery,
      status: oneOf(["queued", "running", "waiting", "succeeded", "failed", "cancelled"], "Only these."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Run") } },
    handler: async ({ services, principal, params, query: { limit, cursor, status } }) => {
      const page = readPage({ limit, cursor });
      const { id } = await services.flows.get(params["id"]!, asker(principal));
      return ok(
        pageOf(cutPage(await services.runs.list({ flow: id, status }, page.cursor, page.limit + 1), page.limit)),
      );
    },
  }),
  userRoute({
    method: "post",
    path: "/v1/flows/{id}/hook/rotate",
    operationId: "rotateHookSecret",
    summary: "A new secret for a flow's hook; the old one is worthless at once",
    tag,
    params,
    responses: flow,
    problems: [409],
    handler: async ({ services, principal, params }) =>
      ok(await services.flows.rotateHookSecret(params["id"]!, asker(principal))),
  }),
  userRoute({
    method: "get",
    path: "/v1/flows/{id}/upgrade",
    operationId: "previewUpgrade",
    summary: "What an upgrade to its template's present version would change",
    tag,
    params,
    responses: { 200: { description: "The differences.", schema: ref("Upgrade") } },
    problems: [409],
    handler: async ({ services, principal, params }) =>
      ok(await services.templates.preview(params["id"]!, {}, asker(principal))),
  }),
  userRoute<Choices>({
    method: "post",
    path: "/v1/flows/{id}/upgrade",
    operationId: "upgradeFlow",
    summary: "Makes a flow what its template is now, with other connections and answers if wanted",
    tag,
    params,
    body: upgradeFlow,
    responses: flow,
    problems: [409],
    handler: async ({ services, principal, params, body }) =>
      ok(await services.templates.upgrade(params["id"]!, body, asker(principal))),
  }),
];
