import { pointerTokens } from "../core/json.ts";
import { children, parse, staysAtRoot, type Part } from "./jmespath.ts";

/** Names and list positions from a root on: `["steps", "find", "output", "0"]`. */
export type Path = readonly string[];

/**
 * What a JMESPath expression reads of its scope: the longest paths that can be told without evaluating it.
 * `whole` is the path when the expression is nothing but one.
 */
export function pathsRead(expression: string): { paths: Path[]; whole: Path | undefined } {
  const node = parse(expression) as Part;
  return { paths: [...collect(node, true)], whole: chainOf(node) };
}

/** The fixed values in a JMESPath expression. */
export function literalsOf(expression: string): unknown[] {
  const collected: unknown[] = [];
  const visit = (part: Part): void => {
    if (part.type === "Literal") collected.push(part["value"]);
    for (const [, child] of children(part)) visit(child);
  };
  visit(parse(expression) as Part);
  return collected;
}

/** The path of a runtime expression (`$trigger.resource#/emails/0`). */
export function pathOf(runtimeExpression: string): Path {
  const [dotted = "", pointer] = runtimeExpression.slice(1).split(/#(.*)/s);
  return [...dotted.split("."), ...(pointer ? pointerTokens(pointer) : [])];
}

function* collect(part: Part, atRoot: boolean): Generator<Path> {
  const chain = atRoot ? chainOf(part) : undefined;
  if (chain) return void (yield chain);
  for (const [key, child] of children(part)) yield* collect(child, atRoot && staysAtRoot(part, key, child));
}

/** The path of a part that does nothing but follow one, from where it stands. */
function chainOf(part: Part): Path | undefined {
  if (part.type === "Field") return [part.name!];
  if (part.type === "Index" && Number(part["value"]) >= 0) return [String(part["value"])];
  if (part.type !== "Subexpression" && part.type !== "IndexExpression") return undefined;
  const { left, right } = part as Part & { left: Part; right: Part };
  const [start, rest] = [chainOf(left), chainOf(right)];
  return start && rest && [...start, ...rest];
}
