import { invalid, toText, type Getter } from "./expressions.ts";
import { compileJmespath } from "./jmespath.ts";

/** A closing brace of a JMESPath hash may come before the two that end the placeholder. */
const PLACEHOLDER = /\{\{([\s\S]*?)\}\}(?!\})/;

/** Whether a text contains `{{`. */
export function hasPlaceholders(text: string): boolean {
  return text.includes("{{");
}

/**
 * Literal text and, at every second place, the expressions between it.
 * @throws HooklineError `invalid_expression` for braces without a partner
 */
export function splitPlaceholders(text: string): string[] {
  const pieces = text.split(PLACEHOLDER);
  for (const [i, piece] of pieces.entries()) {
    if (i % 2 === 0 && piece.includes("{{")) throw invalid(text, "a {{ has no }}; close it");
    if (i % 2 === 1 && piece.trim() === "") throw invalid(text, "there is nothing between {{ and }}");
  }
  return pieces;
}

/**
 * Text with `{{JMESPath}}` inside. Text that is one placeholder and nothing else gives the value with its type; in other
 * text a value stands as text, `write` deciding how (default as {@link toText}; the piece's place is its second argument).
 *
 * @throws HooklineError `invalid_expression`
 */
export function compilePlaceholders(
  text: string,
  roots: readonly string[],
  write: (value: unknown, index: number) => string = toText,
): Getter {
  const pieces = splitPlaceholders(text).map((piece, i) => (i % 2 === 0 ? piece : compileJmespath(piece, roots)));
  const [before, whole, after] = pieces;
  if (pieces.length === 3 && before === "" && after === "" && typeof whole === "function") return whole;
  return (scope) => pieces.map((piece, i) => (typeof piece === "string" ? piece : write(piece(scope), i))).join("");
}
