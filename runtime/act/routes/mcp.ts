import { type Route } from "../../model/route.ts";
import { anyObject } from "../../model/schema.ts";
import { inQuery } from "../../model/input-query.ts";
import { mcpMessage } from "../mcp.ts";
import { agentQuery, agentUser } from "../model/functions.ts";
import { userRoute } from "./services.ts";

const error = anyObject("A JSON-RPC error.");

export const mcpRoutes: Route[] = [
  userRoute<unknown, { user?: string }>({
    method: "post",
    path: "/mcp",
    operationId: "sendMcpMessage",
    summary: "Model Context Protocol, streamable HTTP without sessions: every action of a user's connections as a tool",
    tag: "functions",
    query: agentQuery,
    body: mcpMessage,
    responses: {
      200: { description: "The answer.", schema: anyObject("A JSON-RPC response.") },
      202: { description: "A notification was accepted." },
      400: { description: "The request is not valid, or its message does not follow the protocol.", schema: error },
      default: { description: "The message does not follow the protocol.", schema: error },
    },
    handler: async ({ services, query, headers, body, scope }) => {
      const user = await inQuery(() => agentUser(query.user, scope));
      const { status, body: answer } = await services.mcp({ user, headers, body }, scope);
      return answer === undefined
        ? { status }
        : { status, body: answer, headers: { "content-type": "application/json" } };
    },
  }),
];
