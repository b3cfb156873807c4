import { HooklineError } from "../../core/errors.ts";
import { name, oneOf } from "../../model/field.ts";
import { input } from "../../model/input.ts";
import { ownerIn, type Scope } from "../../model/principal.ts";

/** How functions are written: for the Model Context Protocol, OpenAI (chat completions) and Anthropic (messages). */
export const FUNCTION_FORMATS = ["mcp", "openai", "anthropic"] as const;
export type FunctionFormat = (typeof FUNCTION_FORMATS)[number];

const user = name("The user whose connections are meant; an admin names one, a user may leave it out.", {
  example: "u_1",
});

/** Whose functions. */
export const agentQuery = input("functions", "Whose functions.", {}, { user });

/** Which functions, and how they are written. */
export const functionQuery = input(
  "functions",
  "Which functions.",
  {},
  { user, format: oneOf(FUNCTION_FORMATS, "Format of the definitions; default mcp.") },
);

/**
 * The user whose connections an agent acts through.
 * @throws HooklineError `invalid_input` when an admin names nobody, `forbidden` when a user names another
 */
export function agentUser(named: string | undefined, scope: Scope): string {
  const user = ownerIn(scope, agentQuery.check({ user: named }).user);
  if (user !== undefined) return user;
  const message = "is required with an admin key; name the user whose connections are meant";
  throw new HooklineError("invalid_input", `functions/user: ${message}`, { faults: [{ pointer: "/user", message }] });
}
