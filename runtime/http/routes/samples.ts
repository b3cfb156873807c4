import { inputQuery, inQuery, parseInput } from "../../model/input-query.ts";
import { ok, routesOf, type Route } from "../../model/route.ts";
import { ref } from "../../model/schema.ts";
import type { Services } from "../services.ts";

const { userRoute } = routesOf<Services>();

export const sampleRoutes: Route[] = [
  userRoute<unknown, { live?: boolean; input?: string }>({
    method: "get",
    path: "/v1/connections/{id}/triggers/{trigger}/sample",
    operationId: "getTriggerSample",
    summary: "Examples of the records of a trigger: up to three real ones, or the manifest's sample",
    tag: "connections",
    params: { id: "Id of the connection", trigger: "Key of the trigger in the manifest" },
    query: {
      live: {
        type: "boolean",
        description: "Whether to read from the vendor now. Nothing that polls remember changes.",
      },
      input: inputQuery,
    },
    responses: { 200: { description: "The examples.", schema: ref("Sample") } },
    problems: [409, 424, 502, 504],
    handler: async ({ services, scope, params: { id = "", trigger = "" }, query }) => {
      const options = { live: query.live, input: parseInput(query.input) };
      return ok(await inQuery(() => services.samples.get(id, trigger, options, scope)));
    },
  }),
];
