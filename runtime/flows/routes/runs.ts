import { routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import { replay, runQuery } from "../model/runs.ts";
import type { FlowsServices } from "../services.ts";

const { resource } = routesOf<FlowsServices>();
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
  run.post(
    "replay",
    "replayRun",
    {
      summary: "Runs it again, from the first step or from one that is named",
      body: replay,
      accepts: { description: "The new run.", schema: ref("Run") },
      problems: [409],
    },
    ({ services, body, scope }, id) => services.runs.replay(id, body, scope),
  ),
  run.post(
    "cancel",
    "cancelRun",
    { summary: "Ends a run before its next step", problems: [409] },
    ({ services, scope }, id) => services.runs.cancel(id, scope),
  ),
];
