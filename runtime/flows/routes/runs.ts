import { routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import { replay, runQuery, type Replay } from "../model/runs.ts";
import type { FlowsServices } from "../services.ts";

const { resource, userRoute } = routesOf<FlowsServices>();
const tag = "flows";
const run = resource({ path: "/v1/runs", name: "run", tag });

/** Routes of runs. */
export const runRoutes: Route[] = [
  run.list({ summary: "Runs, newest first" }, runQuery, ({ services, query, scope }) =>
    services.runs.list(query, scope),
  ),
  run.get(
    {
      summary: "A run with the input, output, error and time of each step",
      answers: { description: "The run.", schema: ref("RunDetails") },
    },
    ({ services, scope }, id) => services.runs.get(id, scope),
  ),
  userRoute<Replay>({
    method: "post",
    path: "/v1/runs/{id}/replay",
    operationId: "replayRun",
    summary: "Runs it again, from the first step or from one that is named",
    tag,
    params: { id: "Id of the run" },
    body: replay,
    responses: { 202: { description: "The new run.", schema: ref("Run") } },
    problems: [409],
    handler: async ({ services, scope, params, body }) => ({
      status: 202,
      body: await services.runs.replay(params["id"]!, body, scope),
    }),
  }),
  run.post(
    "cancel",
    "cancelRun",
    { summary: "Ends a run before its next step", problems: [409] },
    ({ services, scope }, id) => services.runs.cancel(id, scope),
  ),
];
