import type { RunFilter } from "../../flows/model/runs.ts";
import { cutPage, pageOf, pageQuery, readPage, type PageQuery } from "../compat.ts";
import { userNamed } from "../compat.ts";
import { scopeOf } from "../../model/principal.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { name, oneOf, pageSchema, ref } from "../../model/schema.ts";
import { replayRun } from "../schemas/flows.ts";

const tag = "flows";
const params = { id: "Id of the run" };

export const runRoutes: Route[] = [
  userRoute<unknown, PageQuery & RunFilter>({
    method: "get",
    path: "/v1/runs",
    operationId: "listRuns",
    summary: "Runs, newest first",
    tag,
    query: {
      ...pageQuery,
      flow: name("Only of this flow."),
      user: name("Only of this user's flows."),
      status: oneOf(["queued", "running", "waiting", "succeeded", "failed", "cancelled"], "Only these."),
    },
    responses: { 200: { description: "A page.", schema: pageSchema("Run") } },
    handler: async ({ services, principal, query: { limit, cursor, user, ...filter } }) => {
      const page = readPage({ limit, cursor });
      const scoped = { ...filter, user: userNamed(principal, user) };
      return ok(pageOf(cutPage(await services.runs.list(scoped, page.cursor, page.limit + 1), page.limit)));
    },
  }),
  userRoute({
    method: "get",
    path: "/v1/runs/{id}",
    operationId: "getRun",
    summary: "A run: each step's input, output, error and time",
    tag,
    params,
    responses: { 200: { description: "The run.", schema: ref("RunDetails") } },
    handler: async ({ services, principal, params }) =>
      ok(await services.runs.get(params["id"]!, scopeOf(principal).user)),
  }),
  userRoute<{ from?: string }>({
    method: "post",
    path: "/v1/runs/{id}/replay",
    operationId: "replayRun",
    summary: "Runs it again, from the first step or from one that is named",
    tag,
    params,
    body: replayRun,
    responses: { 202: { description: "The new run.", schema: ref("Run") } },
    problems: [409],
    handler: async ({ services, principal, params, body: { from } }) => ({
      status: 202,
      body: await services.runs.replay(params["id"]!, from, scopeOf(principal).user),
    }),
  }),
  userRoute({
    method: "post",
    path: "/v1/runs/{id}/cancel",
    operationId: "cancelRun",
    summary: "Ends a run before its next step",
    tag,
    params,
    responses: { 200: { description: "The run.", schema: ref("Run") } },
    problems: [409],
    handler: async ({ services, principal, params }) =>
      ok(await services.runs.cancel(params["id"]!, scopeOf(principal).user)),
  }),
];
