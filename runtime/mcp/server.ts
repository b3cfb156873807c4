import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  CallToolRequestSchema,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
  type CallToolResult,
} from "@modelcontextprotocol/sdk/types.js";
import type { RunAction } from "../connect/actions.ts";
import { asMcpTool } from "../connect/function-formats.ts";
import type { Functions } from "../connect/functions.ts";
import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Log } from "../core/log.ts";

import { packageVersion } from "../manifest/version.ts";

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

/** Tools on one page of `tools/list`. */
const PAGE = 100;

/** One message of a client, answered by a server that remembers nothing of it. */
export async function answer(options: McpOptions, { user, headers, body }: McpRequest): Promise<McpReply> {
  const server = createServer(options, user);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  try {
    await server.connect(transport);
    const text = Object.entries(headers).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
    // The address is not looked at: the route is.
    const request = new Request("http://mcp.invalid/", {
      method: "POST",
      headers: new Headers(text as [string, string][]),
    });
    const response = await transport.handleRequest(request, { parsedBody: body });
    const answered = await response.text();
    return { status: response.status, body: answered === "" ? undefined : (JSON.parse(answered) as unknown) };
  } finally {
    await server.close();
  }
}

function createServer({ functions, runAction, log }: McpOptions, user: string): Server {
  const server = new Server({ name: "hookline", version: packageVersion() }, { capabilities: { tools: {} } });

  server.setRequestHandler(ListToolsRequestSchema, async ({ params }) => {
    const all = await functions.list(user);
    const start = readCursor(params?.cursor);
    const next = start + PAGE;
    return {
      tools: all.slice(start, next).map(asMcpTool),
      ...(next < all.length ? { nextCursor: Buffer.from(String(next)).toString("base64url") } : {}),
    };
  });

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const { name, arguments: input = {} } = params;
    const tool = await functions.find(user, name).catch((error: unknown) => {
      if (error instanceof HooklineError) throw new McpError(ErrorCode.InvalidParams, error.message);
      throw error;
    });
    try {
      const { output = null, warnings } = await runAction(tool.connection, tool.action, input, { signal });
      return resultOf(output, warnings === undefined ? {} : { _meta: { "hookline/warnings": warnings } });
    } catch (error) {
      if (!(error instanceof HooklineError)) {
        log.error({ error, tool: name }, "a tool failed");
        throw new McpError(ErrorCode.InternalError, "Something went wrong inside Hookline; its log tells more");
      }
      return resultOf(errorOf(error), { isError: true });
    }
  });
  return server;
}

function resultOf(value: unknown, rest: Partial<CallToolResult>): CallToolResult {
  const structured = isObject(value) ? { structuredContent: value } : {};
  return { content: [{ type: "text", text: JSON.stringify(value) }], ...structured, ...rest };
}

/** What a model needs to do it right the next time: the code, the words, and every place that is wrong. */
function errorOf({ code, message, data, faults, retry }: HooklineError): Record<string, unknown> {
  return {
    code,
    message,
    ...(faults.length > 0 ? { errors: faults.map(({ pointer, message }) => ({ pointer, message })) } : {}),
    ...("vendor" in data ? { vendor: data["vendor"] } : {}),
    ...(retry && retry.after !== undefined ? { retryAfterSeconds: Math.ceil(retry.after / 1000) } : {}),
  };
}

function readCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new McpError(ErrorCode.InvalidParams, "cursor: is none; use nextCursor of the page before, or leave it out");
}
