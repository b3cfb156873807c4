import type { InputOf } from "../../model/input.ts";
import { inQuery } from "../../model/input-query.ts";
import { ok, type Route } from "../../model/route.ts";
import { anyObject, listOf, object, ref } from "../../model/schema.ts";
import { actionInput } from "../model/actions.ts";
import { agentQuery, agentUser, functionQuery } from "../model/functions.ts";
import { keyHeader, keyOf, userRoute, vendorProblems } from "./services.ts";

const tag = "functions";

export const functionRoutes: Route[] = [
  userRoute<unknown, InputOf<typeof functionQuery>>({
    method: "get",
    path: "/v1/functions",
    operationId: "listFunctions",
    summary: "Every action of a user's connections, as function definitions for AI agents",
    tag,
    query: functionQuery,
    responses: {
      200: {
        description: "The functions.",
        schema: object("All functions.", {
          data: listOf(
            anyObject("As the format has it; values only the vendor knows have `x-dynamic-values`."),
            "By connection.",
          ),
        }),
      },
    },
    handler: async ({ services, query, scope }) => ok(await inQuery(() => services.functions.list(query, scope))),
  }),
  userRoute<Record<string, unknown>, InputOf<typeof agentQuery>>({
    method: "post",
    path: "/v1/functions/{name}/call",
    operationId: "callFunction",
    summary: "Runs the action of a function; the body is the arguments that the model gave",
    tag,
    params: { name: "Name of the function" },
    query: agentQuery,
    requestHeaders: keyHeader,
    body: actionInput,
    responses: { 200: { description: "The result.", schema: ref("ActionResult") } },
    problems: vendorProblems,
    handler: async ({ services, params, query, body, scope, ...call }) => {
      const user = await inQuery(() => agentUser(query.user, scope));
      return ok(await services.functions.call(params["name"]!, body, { ...keyOf(call), user }, scope));
    },
  }),
];
