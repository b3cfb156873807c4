import { isObject } from "../../core/json.ts";
import { routesOf, type Route } from "../../model/route.ts";
import { nullable, object, text } from "../../model/schema.ts";
import type { FlowsServices } from "../services.ts";

const { publicRoute } = routesOf<FlowsServices>();

/** Hooks of flows: whoever knows the secret may post anything to them. */
export const hookRoutes: Route[] = [
  publicRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/hooks/{id}",
    operationId: "callHook",
    summary: "Starts a run of a flow with a hook trigger; mappings read {body, headers, query} as `trigger`",
    tag: "flows",
    params: { id: "Id of the flow" },
    query: {},
    openQuery: true,
    rawBody: "JSON, a form, or any text.",
    requestHeaders: {
      "X-Hook-Secret": "The hook's secret; instead, it may be a bearer token.",
      "X-Hub-Signature-256": "Or: `sha256=` and the HMAC-SHA256 of the body with the secret, in hex.",
      "Webhook-Signature": "Or: a signature as in Standard Webhooks, with Webhook-Id and Webhook-Timestamp.",
    },
    responses: {
      202: {
        description: "The call is accepted.",
        schema: object("The run.", {
          run: nullable(text("Id of the run; null when the flow's condition does not hold.")),
        }),
      },
    },
    problems: [401, 409, 429, 500, 503],
    handler: async ({ open, params, query, headers, bytes, request }) => {
      const { hooks } = await open();
      const call = { headers, query, bytes: () => bytes(), isParsed: isObject(request.body) };
      return { status: 202, body: await hooks.call(params["id"]!, call) };
    },
  }),
];
