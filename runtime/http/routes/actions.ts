import type { Services } from "../services.ts";
import { findAction } from "../../act/actions.ts";
import { once } from "../idempotency.ts";
import { scopeOf, type Principal } from "../../model/principal.ts";
import { ok, userRoute, type Call, type Reply, type Route } from "../compat.ts";
import { anyObject, listOf, object, ref } from "../../model/schema.ts";
import { findConnector } from "./connectors.ts";
import { inputQuery, parseInput } from "./input.ts";

const tag = "connections";
const vendorProblems = [409, 424, 502, 504];

export const actionRoutes: Route[] = [
  userRoute<Record<string, unknown>>({
    method: "post",
    path: "/v1/connections/{id}/actions/{action}",
    operationId: "runAction",
    summary: "Runs an action at the vendor; the body is its input",
    tag,
    params: { id: "Id of the connection", action: "Key of the action in the manifest" },
    requestHeaders: {
      "Idempotency-Key":
        "The same key with the same request gets the same answer for 24 hours, and the action runs once.",
    },
    body: anyObject("The action's input, as the manifest describes it.", { givenName: "Ada" }),
    responses: { 200: { description: "What it gave.", schema: ref("ActionResult") } },
    problems: vendorProblems,
    handler: runAction,
  }),
  userRoute<unknown, { input?: string }>({
    method: "get",
    path: "/v1/connections/{id}/options/{target}/{property}",
    operationId: "listOptions",
    summary: "The values a property of an action's or trigger's input can have, as the vendor lists them now",
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
        schema: object("All of them.", { data: listOf(ref("Option"), "In the vendor's order.") }),
      },
    },
    problems: vendorProblems,
    handler: async ({ services, principal, params, query }) => {
      const { id } = await services.accounts.get(params["id"]!, scopeOf(principal));
      return ok({
        data: await services.actions.options(id, params["target"]!, params["property"]!, parseInput(query.input)),
      });
    },
  }),
];

async function runAction(call: Call<Services, Record<string, unknown>>): Promise<Reply> {
  const { services, principal, params, body } = call;
  const { id, connector } = await services.accounts.get(params["id"]!, scopeOf(principal));
  return runKeyed(call, { id, connector, action: params["action"]! }, body);
}

/** Runs an action of a connection, once for all requests with the same `Idempotency-Key`. */
export async function runKeyed(
  { services, principal, headers }: Pick<Call<Services>, "services" | "principal" | "headers">,
  { id, connector, action }: { id: string; connector: string; action: string },
  input: Record<string, unknown>,
): Promise<Reply> {
  const run = async (): Promise<Reply> => {
    const { output = null, warnings } = await services.actions.run(id, action, input);
    return ok({ output, warnings });
  };
  const key = headers["idempotency-key"];
  if (key === undefined) return run();
  const { idempotency, steps } = findAction(findConnector(services.connectors, connector), action);
  const keyed = { scope: callerOf(principal), key: String(key), request: { id, action, input } };
  return once(services, { ...keyed, repeatable: idempotency !== "none", calls: steps.length }, run);
}

/** Two callers never share a key. */
export function callerOf(principal: Principal): string {
  return principal.role === "admin" ? "admin" : `user:${principal.user}`;
}
