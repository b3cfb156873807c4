import type { Fault } from "../core/errors.ts";
import { isObject, joinPointer } from "../core/json.ts";
import { hasEmbedded, isRuntimeExpression, type Getter } from "../manifest/expressions.ts";
import { pathOf, pathsRead, type Path } from "../manifest/paths.ts";
import { compilePlaceholders, hasPlaceholders, splitPlaceholders } from "../manifest/placeholders.ts";
import { compileTemplate } from "../manifest/templates.ts";
import { faultsOf } from "./attempt.ts";

/** A place of a mapping whose value is computed. */
export interface Expression {
  /** Its place in the mapping. */
  pointer: string;
  /** What it reads. */
  paths: readonly Path[];
  /** The JMESPath in it, which reads all of those; empty when runtime expressions do. */
  jmespath: readonly string[];
  /** The one thing it gives as it is, when it does nothing but read. */
  whole: Path | undefined;
  /** Whether it always gives text. */
  text: boolean;
}

/**
 * A mapping as a function of the scope, see {@link compileTemplate}, with `{{JMESPath}}` in text.
 * @throws HooklineError `invalid_expression`
 */
export function compileMapping(mapping: unknown, roots: readonly string[]): Getter {
  return compileTemplate(mapping, { roots, placeholders: true });
}

/**
 * The URL of an HTTP step. Values inside it are percent-encoded, but for one at its very beginning, which is its base.
 * @throws HooklineError `invalid_expression`
 */
export function compileUrl(url: string, roots: readonly string[]): Getter {
  if (!hasPlaceholders(url)) return compileMapping(url, roots);
  const startsWithValue = url.startsWith("{{");
  return compilePlaceholders(url, roots, (value, index) => {
    const text = String(value ?? "");
    return index === 1 && startsWithValue ? text : encodeURIComponent(text);
  });
}

/** Every computed place of a mapping, and what is wrong with their expressions. */
export function inspectMapping(
  mapping: unknown,
  roots: readonly string[],
): { expressions: Expression[]; faults: Fault[] } {
  const expressions: Expression[] = [];
  const faults: Fault[] = [];
  const visit = (part: unknown, pointer: string): void => {
    if (Array.isArray(part)) return part.forEach((item, i) => visit(item, joinPointer(pointer, i)));
    if (isObject(part) && !("$expr" in part)) {
      for (const [name, inner] of Object.entries(part)) visit(inner, joinPointer(pointer, name));
      return;
    }
    if (!isObject(part) && !isComputed(part)) return;
    const wrong = faultsOf(pointer, () => compileMapping(part, roots));
    if (wrong.length > 0) faults.push(...wrong);
    else expressions.push({ pointer, ...readBy(isObject(part) ? (part["$expr"] as string) : part, isObject(part)) });
  };
  visit(mapping, "");
  return { expressions, faults };
}

function isComputed(part: unknown): part is string {
  return typeof part === "string" && (hasPlaceholders(part) || isRuntimeExpression(part) || hasEmbedded(part));
}

function readBy(text: string, isJmespath: boolean): Omit<Expression, "pointer"> {
  if (isJmespath) return { ...pathsRead(text), jmespath: [text], text: false };
  if (hasPlaceholders(text)) {
    const pieces = splitPlaceholders(text);
    const jmespath = pieces.filter((_, i) => i % 2 === 1);
    const read = jmespath.map((expression) => pathsRead(expression));
    const alone = pieces.length === 3 && pieces[0] === "" && pieces[2] === "";
    const paths = read.flatMap((one) => one.paths);
    return { paths, jmespath, whole: alone ? read[0]!.whole : undefined, text: !alone };
  }
  if (isRuntimeExpression(text)) return { paths: [pathOf(text)], jmespath: [], whole: pathOf(text), text: false };
  const embedded = [...text.matchAll(/\{(\$[^{}]*)\}/g)].map(([, expression]) => pathOf(expression!));
  return { paths: embedded, jmespath: [], whole: undefined, text: true };
}
