import type { AgentFunction } from "./function-catalog.ts";
import { withoutTopUnions } from "./function-schemas.ts";
import type { FunctionFormat } from "./model/functions.ts";

export interface McpTool {
  name: string;
  title: string;
  description: string;
  inputSchema: Record<string, unknown> & { type: "object" };
  annotations: AgentFunction["annotations"];
}

/** A function as a tool of the Model Context Protocol. */
export function asMcpTool({ name, title, description, inputSchema, annotations }: AgentFunction): McpTool {
  return { name, title, description, inputSchema: { ...inputSchema, type: "object" }, annotations };
}

/** A function in one of the forms. */
export function formatFunction(one: AgentFunction, format: FunctionFormat): object {
  const { name, description, inputSchema } = one;
  switch (format) {
    case "mcp":
      return asMcpTool(one);
    case "openai":
      return { type: "function", function: { name, description, parameters: withoutTopUnions(inputSchema) } };
    case "anthropic":
      return { name, description, input_schema: withoutTopUnions(inputSchema) };
  }
}
