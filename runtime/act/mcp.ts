import type { Scope } from "../model/principal.ts";
import type { McpNeeds, McpReply, McpRequest } from "./mcp-server.ts";

/**
 * Answers one message of a client of the Model Context Protocol.
 * @throws HooklineError `invalid_input` when no user is named, `forbidden` for another user's connections
 */
export type Mcp = (request: McpRequest, scope?: Scope) => Promise<McpReply>;

/**
 * Actions as tools of the Model Context Protocol, with its streamable HTTP transport without sessions: every message stands
 * alone, so any process can answer it. The SDK is loaded with the first message, because most runtimes never get one.
 */
export function createMcp(needs: McpNeeds): Mcp {
  return async (request, scope = {}) => (await import("./mcp-server.ts")).answer(needs, request, scope);
}
