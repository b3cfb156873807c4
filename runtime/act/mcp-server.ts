import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  CallToolRequestSchema,
  ErrorCode,
  JSONRPCRequestSchema,
  ListToolsRequestSchema,
  McpError,
  type CallToolResult,
} from "@modelcontextprotocol/sdk/types.js";
import { HooklineError } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import type { Log } from "../core/log.ts";
import { packageVersion } from "../manifest/version.ts";
import type { Scope } from "../model/principal.ts";
import type { Actions } from "./act.ts";
import { failureOf, internalError } from "./failure.ts";
import type { Catalog } from "./function-catalog.ts";
import { asMcpTool } from "./function-formats.ts";
import { agentUser } from "./model/functions.ts";

export interface McpNeeds {
  catalog: Catalog;
  actions: Pick<Actions, "run">;
  log: Log;
}

/** A message of a client, as HTTP has received it. */
export interface McpRequest {
  /** The user whose connections are the tools; a user's own scope need not name it. */
  user?: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** A JSON-RPC message, parsed. */
  body: unknown;
}

export interface McpReply {
  status: number;
  /** JSON; undefined for a notification. */
  body?: unknown;
}

/** Tools on one page of `tools/list`. */
const PAGE = 100;

/** In `_meta` of a call: the idempotency key of the action. */
const KEY = "hookline/idempotencyKey";
/** In `_meta` of a result. */
const REPLAYED = "hookline/replayed";
const WARNINGS = "hookline/warnings";

/**
 * Answers one message of a client, by a server that remembers nothing of it.
 * @throws HooklineError `invalid_input` when no user is named, `forbidden` for another user's connections
 */
export async function answer(needs: McpNeeds, { user, headers, body }: McpRequest, scope: Scope): Promise<McpReply> {
  const owner = agentUser(user, scope);
  const faults = paramsFaults(body);
  if (faults !== undefined) return { status: 200, body: faults };
  const server = createServer(needs, owner, scope);
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

/** The answer to a request whose parameters are not those of its method: the SDK would call that an internal error. */
function paramsFaults(body: unknown): object | undefined {
  const { id, method } = isObject(body) ? body : {};
  const schema = [CallToolRequestSchema, ListToolsRequestSchema].find((one) => one.shape.method.value === method);
  const error = JSONRPCRequestSchema.safeParse(body).success ? schema?.safeParse(body).error : undefined;
  if (error === undefined) return undefined;
  const message = error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  return { jsonrpc: "2.0", id, error: { code: ErrorCode.InvalidParams, message } };
}

function createServer({ catalog, actions, log }: McpNeeds, user: string, scope: Scope): Server {
  const server = new Server({ name: "hookline", version: packageVersion() }, { capabilities: { tools: {} } });

  server.setRequestHandler(ListToolsRequestSchema, async ({ params }) => {
    const all = await catalog.list(user);
    const start = readCursor(params?.cursor);
    const next = start + PAGE;
    return {
      tools: all.slice(start, next).map(asMcpTool),
      ...(next < all.length ? { nextCursor: Buffer.from(String(next)).toString("base64url") } : {}),
    };
  });

  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const { name, arguments: input, _meta } = params;
    const { connection, action } = await catalog.find(name, user).catch((error: unknown) => {
      if (error instanceof HooklineError) throw new McpError(ErrorCode.InvalidParams, error.message);
      throw error;
    });
    const meta: Record<string, unknown> = {};
    const options = {
      signal,
      idempotencyKey: _meta?.[KEY] as string | undefined,
      onReplay: () => void (meta[REPLAYED] = true),
    };
    try {
      const { output, warnings } = await actions.run(connection, action, input, options, scope);
      if (warnings !== undefined) meta[WARNINGS] = warnings;
      return resultOf(output, { _meta: meta });
    } catch (error) {
      if (error instanceof HooklineError) return resultOf(errorOf(error), { isError: true, _meta: meta });
      log.error({ error, tool: name }, "a tool failed");
      throw new McpError(ErrorCode.InternalError, internalError().message);
    }
  });
  return server;
}

function resultOf(value: unknown, { _meta, ...rest }: Partial<CallToolResult>): CallToolResult {
  return {
    content: [{ type: "text", text: JSON.stringify(value) }],
    ...(isObject(value) ? { structuredContent: value } : {}),
    ...(isObject(_meta) && Object.keys(_meta).length > 0 ? { _meta } : {}),
    ...rest,
  };
}

/** What a model needs to do it right the next time. */
function errorOf(error: HooklineError): Record<string, unknown> {
  const after = error.retry ? error.retry.after : undefined;
  return { ...failureOf(error), ...(after === undefined ? {} : { retryAfterSeconds: Math.ceil(after / 1000) }) };
}

function readCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  const text = Buffer.from(cursor, "base64url").toString("latin1");
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new McpError(ErrorCode.InvalidParams, "cursor: is not valid; pass the `nextCursor` of the previous page");
}
