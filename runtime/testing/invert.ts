import { isDeepStrictEqual } from "node:util";
import { compile, TreeInterpreter, type JSONValue } from "@jmespath-community/jmespath";
import type { ErrorMatcher, ValueExpression } from "../../schemas/manifest.ts";
import { isObject, pointerTokens } from "../core/json.ts";

/** A part of an answer: what has to be there for an expression to give a wanted value. */
export interface AnswerPart {
  status?: number;
  headers?: Record<string, string>;
  body?: unknown;
}

type Node = {
  type: string;
  name: string;
  left: Node;
  right: Node;
  child: Node;
  condition: Node;
  children: Node[];
  value: unknown;
};

/** Functions that give a list or text much as they take it. */
const TRANSPARENT = new Set(["sort", "reverse", "lower", "upper", "to_string", "to_array", "trim", "not_null"]);
const FLIPPED: Record<string, string> = { EQ: "NE", NE: "EQ", GT: "LTE", LTE: "GT", LT: "GTE", GTE: "LT" };

class NotInvertible extends Error {}

/** A value on which the JMESPath expression gives `wanted`; undefined when the expression cannot be turned around. */
export function invert(expression: string, wanted: unknown): unknown {
  return attempt(() => {
    const node = parse(expression);
    const value = from(node, wanted);
    return isDeepStrictEqual(evaluate(node, value), wanted) ? value : undefined;
  });
}

/** A value for which the JMESPath condition holds, or does not; undefined when none is found. */
export function satisfy(condition: string, holds = true): unknown {
  return attempt(() => {
    const node = parse(condition);
    const value = truth(node, holds);
    return truthy(evaluate(node, value)) === holds ? value : undefined;
  });
}

/** The part of an answer in which `place` finds `wanted`; undefined when the place cannot be turned around. */
export function answerWith(place: ValueExpression, wanted: unknown): AnswerPart | undefined {
  if (typeof place === "object") {
    const body = invert(place.$expr, wanted);
    return body === undefined ? undefined : { body };
  }
  const [, part, header, pointer] = /^\$response\.(body|header\.([\w-]+))(?:#(\/.*))?$/s.exec(place) ?? [];
  if (header !== undefined) return { headers: { [header.toLowerCase()]: String(wanted) } };
  if (part !== "body") return undefined;
  return { body: pointer === undefined ? wanted : nest(pointerTokens(pointer), wanted) };
}

/** An answer that an error matcher of the manifest takes for its class; undefined when its condition cannot be turned around. */
export function matching({ status, when }: ErrorMatcher): (AnswerPart & { status: number }) | undefined {
  const answer = when === undefined ? {} : satisfy(when);
  if (!isObject(answer)) return undefined;
  return { status: status?.[0] ?? 400, body: { error: "refused" }, ...(answer as AnswerPart) };
}

/** Objects are joined, lists member by member; of anything else the second counts, unless it is undefined. */
export function merge(first: unknown, second: unknown): unknown {
  if (second === undefined) return first;
  if (Array.isArray(first) && Array.isArray(second)) {
    return Array.from({ length: Math.max(first.length, second.length) }, (_, i): unknown => merge(first[i], second[i]));
  }
  if (!isObject(first) || !isObject(second)) return second;
  const joined = { ...first };
  for (const [name, value] of Object.entries(second)) joined[name] = merge(first[name], value);
  return joined;
}

/** `value` at the end of a path of names; a number is a place in a list. */
export function nest(path: readonly string[], value: unknown): unknown {
  return path.reduceRight<unknown>(
    (inner, name) => (/^\d+$/.test(name) ? Array.from({ length: Number(name) + 1 }, () => inner) : { [name]: inner }),
    value,
  );
}

function from(node: Node, wanted: unknown): unknown {
  switch (node.type) {
    case "Identity":
    case "Current":
      return wanted;
    case "Field":
      return { [node.name]: wanted };
    case "Subexpression":
    case "Pipe":
    case "IndexExpression":
      return from(node.left, from(node.right, wanted));
    case "Index":
      return Array.from({ length: Math.max(0, Number(node.value)) + 1 }, () => wanted);
    case "Projection":
      return from(
        node.left,
        list(wanted).map((item) => from(node.right, item)),
      );
    case "FilterProjection":
      return from(
        node.left,
        list(wanted).map((item) => passing(node.condition, from(node.right, item))),
      );
    case "Flatten":
      return from(node.child, node.child.type === "Projection" ? list(wanted).map((item) => [item]) : wanted);
    case "OrExpression":
      return from(node.left, wanted);
    case "MultiSelectHash":
      if (!isObject(wanted)) throw new NotInvertible();
      return node.children.map(({ name, value }) => from(value as Node, wanted[name])).reduce(merge);
    case "Function":
      if (TRANSPARENT.has(node.name)) return from(node.children[0]!, wanted);
  }
  throw new NotInvertible();
}

function passing(condition: Node, item: unknown): unknown {
  return truthy(evaluate(condition, item)) ? item : merge(item, truth(condition, true));
}

function truth(node: Node, holds: boolean): unknown {
  switch (node.type) {
    case "NotExpression":
      return truth(node.child, !holds);
    case "OrExpression":
    case "AndExpression":
      if ((node.type === "AndExpression") === holds) return merge(truth(node.left, holds), truth(node.right, holds));
      return attempt(() => truth(node.left, holds)) ?? truth(node.right, holds);
    case "Comparator":
      return compared(node, holds);
    case "Function":
      return called(node, holds);
    default:
      return from(node, holds);
  }
}

function compared({ name, left, right }: Node, holds: boolean): unknown {
  if (right.type !== "Literal") throw new NotInvertible();
  const { value } = right;
  const relation = holds ? name : FLIPPED[name];
  if (relation === "EQ" || relation === "GTE" || relation === "LTE") return from(left, value);
  if (typeof value === "number") return from(left, relation === "LT" ? value - 1 : value + 1);
  return from(left, typeof value === "boolean" ? !value : `other than ${JSON.stringify(value)}`);
}

function called(node: Node, holds: boolean): unknown {
  const [subject, literal] = node.children;
  if (literal?.type !== "Literal" || !subject) throw new NotInvertible();
  if (!holds) return {};
  const candidates = node.name === "contains" ? [[literal.value], literal.value] : [literal.value];
  for (const candidate of candidates) {
    const value = from(subject, candidate);
    if (truthy(attempt(() => evaluate(node, value)))) return value;
  }
  throw new NotInvertible();
}

const parse = (expression: string): Node => compile(expression) as unknown as Node;
const evaluate = (node: Node, value: unknown): unknown => TreeInterpreter.search(node as never, value as JSONValue);

function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new NotInvertible();
  return value;
}

function truthy(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length > 0;
  return value !== undefined && value !== null && value !== false && value !== "";
}

/** The library throws plain errors for types it does not take; either way nothing was found. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
