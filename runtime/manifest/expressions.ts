import { HooklineError, nearest } from "../core/errors.ts";
import { pointerTokens } from "../core/json.ts";
import { MAX_EXPRESSION_LENGTH, unknownRoot } from "./jmespath.ts";

/** What expressions read, by root: `input`, `connection`, `response: {status, headers, body}`, `record`, `steps`… Header names in lower case. */
export type Scope = Readonly<Record<string, unknown>>;
/** A compiled expression. */
export type Getter = (scope: Scope) => unknown;

const FORM = /^\$([a-zA-Z]+)((?:\.[A-Za-z0-9_-]+)*)(?:#(\/.*)?)?$/s;
const ANSWER_PARTS = ["body", "header", "status"];
const TOKEN_PARTS = new Set(["body", "claims"]);

/** Whether text as a whole is meant as a runtime expression. */
export function isRuntimeExpression(text: string): boolean {
  return /^\$[a-zA-Z]/.test(text);
}

/**
 * A runtime expression (`$response.body#/next`, `$response.header.retry-after`, `$record#/id`, `$input.a.b`, `$cursor`) as a
 * function that gives the value, or undefined for a missing one. Own properties only. In the spirit of OpenAPI 3.1 §4.8.20.4 and Arazzo 1.0.
 *
 * @param roots names that may follow the `$` at this place.
 * @throws HooklineError `invalid_expression`
 */
export function compileExpression(text: string, roots: readonly string[]): Getter {
  if (text.length > MAX_EXPRESSION_LENGTH) throw invalid(text, `it is longer than ${MAX_EXPRESSION_LENGTH} characters`);
  const match = FORM.exec(text);
  if (!match) throw invalid(text, "it must be $root, $root.name or $root.name#/json/pointer");
  const [, root = "", dotted = "", pointer] = match;
  if (!roots.includes(root)) throw invalid(text, unknownRoot(root, roots, "$"));
  const names = dotted.split(".").slice(1);
  return walker([root, ...answerPath(text, root, names), ...(pointer ? pointerTokens(pointer) : [])]);
}

/** The path of an answer's part: `header.<name>` reads the lower-case name in `headers`. */
function answerPath(text: string, root: string, names: string[]): string[] {
  if (root === "token" && !TOKEN_PARTS.has(names[0] ?? ""))
    throw invalid(
      text,
      "a token answer has a body and the claims of its id token; write $token.claims#/… or $token.body#/…",
    );
  const at = root === "response" ? 0 : root === "steps" ? 1 : -1;
  if (at < 0) return names;
  const part = names[at];
  if (root === "steps" && names.length === 0) throw invalid(text, "it names no step; write $steps.<id>.body#/…");
  if (root === "response" && part !== undefined && !ANSWER_PARTS.includes(part)) {
    const near = nearest(part, ANSWER_PARTS);
    throw invalid(
      text,
      `an answer has body, header and status, no "${part}"${near ? `; did you mean "${near}"?` : ""}`,
    );
  }
  return part === "header"
    ? [...names.slice(0, at), "headers", ...names.slice(at + 1).map((name) => name.toLowerCase())]
    : names;
}

/**
 * Text with `{$…}` inside, filled in on each call; what has no value becomes nothing, an object its JSON.
 *
 * @throws HooklineError `invalid_expression`
 */
export function compileText(text: string, roots: readonly string[]): (scope: Scope) => string {
  const pieces = text
    .split(/\{(\$[^{}]*)\}/)
    .map((piece, i) => (i % 2 === 0 ? piece : compileExpression(piece, roots)));
  return (scope) => pieces.map((piece) => (typeof piece === "string" ? piece : toText(piece(scope)))).join("");
}

/** Whether text has an expression inside. */
export function hasEmbedded(text: string): boolean {
  return text.includes("{$");
}

/** A value inside text: nothing for none, an object as its JSON. */
export function toText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** A function that follows a path of own properties. */
export function walker(path: readonly string[]): (value: unknown) => unknown {
  return (value) => {
    let current = value;
    for (const name of path) {
      if (typeof current !== "object" || current === null || !Object.hasOwn(current, name)) return undefined;
      current = (current as Record<string, unknown>)[name];
    }
    return current;
  };
}

/** A JSON Pointer (RFC 6901) as a function. */
export function compilePointer(pointer: string): (value: unknown) => unknown {
  return walker(pointer === "" ? [] : pointerTokens(pointer));
}

/** The error for a faulty expression. */
export function invalid(text: string, problem: string): HooklineError {
  return new HooklineError("invalid_expression", `expression "${text.slice(0, 120)}": ${problem}`);
}
