import { FUNCTION_FORMATS, formatFunction, type FunctionFormat } from "../../act/function-formats.ts";
import { HooklineError } from "../../core/errors.ts";
import { userNamed } from "../compat.ts";
import { type Principal } from "../../model/principal.ts";
import { ok, userRoute, type Route } from "../compat.ts";
import { anyObject, listOf, name, object, oneOf, ref } from "../../model/schema.ts";
import { runKeyed } from "./actions.ts";

const tag = "functions";
export const userQuery = {
  user: name("Whose connections; an admin names a user, a user token its own or none.", "u_1"),
};

export const functionRoutes: Route[] = [
  userRoute<unknown, { format?: FunctionFormat; user?: string }>({
    method: "get",
    path: "/v1/functions",
    operationId: "listFunctions",
    summary: "Every action of a user's connections, as function definitions for AI agents",
    tag,
    query: { ...userQuery, format: oneOf(FUNCTION_FORMATS, "How they are written; default mcp.") },
    responses: {
      200: {
        description: "All of them.",
        schema: object("All of them.", {
          data: listOf(
            anyObject("As the format has it; values only the vendor knows have `x-dynamic-values`."),
            "By connection.",
          ),
        }),
      },
    },
    handler: async ({ services, principal, query: { format = "mcp", user } }) => {
      const functions = await services.functions.list(agentUser(principal, user));
      return ok({ data: functions.map((one) => formatFunction(one, format)) });
    },
  }),
  userRoute<Record<string, unknown>, { user?: string }>({
    method: "post",
    path: "/v1/functions/{name}/call",
    operationId: "callFunction",
    summary: "Runs the action a function stands for; the body is what the model gave as arguments",
    tag,
    params: { name: "Name of the function" },
    query: userQuery,
    requestHeaders: {
      "Idempotency-Key":
        "The same key with the same request gets the same answer for 24 hours, and the action runs once.",
    },
    body: anyObject("The arguments.", { givenName: "Ada" }),
    responses: { 200: { description: "What it gave.", schema: ref("ActionResult") } },
    problems: [409, 424, 502, 504],
    handler: async (call) => {
      const { services, principal, params, query, body } = call;
      const found = await services.functions.find(agentUser(principal, query.user), params["name"]!);
      return runKeyed(call, { id: found.connection, connector: found.connector, action: found.action }, body);
    },
  }),
];

/** The user whose connections an agent acts through. Throws `invalid_input` when an admin names nobody. */
export function agentUser(principal: Principal, named: string | undefined): string {
  const user = userNamed(principal, named);
  if (user !== undefined) return user;
  const message = "is required with an admin key; name the user whose connections are meant";
  throw new HooklineError("invalid_input", `user: ${message}`, { faults: [{ pointer: "/query/user", message }] });
}
