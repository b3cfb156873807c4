import { checkedInput } from "../model/input.ts";
import type { Scope } from "../model/principal.ts";
import { anyObject } from "../model/schema.ts";
import type { McpNeeds, McpReply, McpRequest } from "./mcp-server.ts";

/** One message of a client. */
export const mcpMessage = checkedInput<Record<string, unknown>>(
  "message",
  anyObject("A JSON-RPC message.", { jsonrpc: "2.0", id: 1, method: "tools/list" }),
);

/**
 * Answers one message of a client of the Model Context Protocol.
 * @throws HooklineError `invalid_input` for a message that is no object, or when no user is named, `forbidden` for another user's connections
 */
export type Mcp = (request: McpRequest, scope?: Scope) => Promise<McpReply>;

/**
 * Actions as tools of the Model Context Protocol, with its streamable HTTP transport without sessions: every message stands
 * alone, so any process can answer it. The SDK is loaded with the first message, because most runtimes never get one.
 */
export function createMcp(needs: McpNeeds): Mcp {
  return async (request, scope = {}) => {
    const body = mcpMessage.check(request.body);
    return (await import("./mcp-server.ts")).answer(needs, { ...request, body }, scope);
  };
}
