import { userRoute, type Route } from "../compat.ts";
import { anyObject } from "../../model/schema.ts";
import { agentUser, userQuery } from "./functions.ts";

export const mcpRoutes: Route[] = [
  userRoute<unknown, { user?: string }>({
    method: "post",
    path: "/mcp",
    operationId: "sendMcpMessage",
    summary: "Model Context Protocol, streamable HTTP without sessions: every action of a user's connections as a tool",
    tag: "functions",
    query: userQuery,
    body: anyObject("A JSON-RPC message.", { jsonrpc: "2.0", id: 1, method: "tools/list" }),
    responses: {
      200: { description: "The answer.", schema: anyObject("A JSON-RPC response.") },
      202: { description: "A notification was taken." },
      default: { description: "The message is none of this protocol.", schema: anyObject("A JSON-RPC error.") },
    },
    handler: async ({ services, principal, query, headers, body }) => {
      const { status, body: answer } = await services.mcp({ user: agentUser(principal, query.user), headers, body });
      return answer === undefined
        ? { status }
        : { status, body: answer, headers: { "content-type": "application/json" } };
    },
  }),
];
