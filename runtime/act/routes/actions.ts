import { inputQuery, inQuery, parseInput } from "../../model/input-query.ts";
import { ok, type Route } from "../../model/route.ts";
import { listOf, object, ref } from "../../model/schema.ts";
import { actionInput } from "../model/actions.ts";
import { keyHeader, keyOf, userRoute, vendorProblems } from "./services.ts";

const tag = "connections";

export const actionRoutes: Route[] = [
  userRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/connections/{id}/actions/{action}",
    operationId: "runAction",
    summary: "Runs an action at the vendor; the body is its input",
    tag,
    params: { id: "Id of the connection", action: "Key of the action in the manifest" },
    requestHeaders: keyHeader,
    body: actionInput,
    responses: { 200: { description: "The result.", schema: ref("ActionResult") } },
    problems: vendorProblems,
    handler: async ({ services, params, body, scope, ...call }) =>
      ok(await services.actions.run(params["id"]!, params["action"]!, body, keyOf(call), scope)),
  }),
  userRoute<unknown, { input?: string }>({
    method: "get",
    path: "/v1/connections/{id}/options/{target}/{property}",
    operationId: "listOptions",
    summary: "Values that a property of an action's or trigger's input can have, as the vendor lists them now",
    tag,
    params: {
      id: "Id of the connection",
      target: "Key of the action or trigger",
      property: "Name of the input property",
    },
    query: { input: inputQuery },
    responses: {
      200: {
        description: "The choices.",
        schema: object("All choices.", { data: listOf(ref("Option"), "In the vendor's order.") }),
      },
    },
    problems: vendorProblems,
    handler: async ({ services, params, query, scope }) => {
      const input = parseInput(query.input);
      const list = () => services.actions.options(params["id"]!, params["target"]!, params["property"]!, input, scope);
      return ok({ data: await inQuery(list, "/query/input") });
    },
  }),
];
