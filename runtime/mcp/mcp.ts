import type { McpOptions, McpReply, McpRequest } from "./server.ts";

export type Mcp = (request: McpRequest) => Promise<McpReply>;

/**
 * Actions as tools of the Model Context Protocol, over its streamable HTTP without sessions: every message stands alone, so
 * any process can answer it. The SDK is loaded with the first message, because most runtimes never get one.
 */
export function createMcp(options: McpOptions): Mcp {
  return async (request) => (await import("./server.ts")).answer(options, request);
}
