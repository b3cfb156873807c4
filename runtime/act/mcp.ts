import type { RunAction } from "./actions.ts";
import type { Functions } from "./functions.ts";
import type { Log } from "../core/log.ts";

export interface McpOptions {
  functions: Functions;
  runAction: RunAction;
  log: Log;
}

/** A message of a client, as HTTP has received it. */
export interface McpRequest {
  /** Whose connections the tools are those of. */
  user: string;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** A JSON-RPC message, parsed. */
  body: unknown;
}

export interface McpReply {
  status: number;
  /** JSON; undefined when there is nothing to say. */
  body?: unknown;
}

export type Mcp = (request: McpRequest) => Promise<McpReply>;

/**
 * Actions as tools of the Model Context Protocol, over its streamable HTTP without sessions: every message stands alone, so
 * any process can answer it. The SDK is loaded with the first message, because most runtimes never get one.
 */
export function createMcp(options: McpOptions): Mcp {
  return async (request) => (await import("./mcp-server.ts")).answer(options, request);
}
