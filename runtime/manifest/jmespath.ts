import { isDeepStrictEqual } from "node:util";
import { compile, getRegisteredFunctions, TreeInterpreter, type JSONValue } from "@jmespath-community/jmespath";
import { HooklineError, nearest } from "../core/errors.ts";
import { FUNCTIONS } from "./functions.ts";
import { isTrue, ownField, toClosure, type Machine, type Node } from "./jmespath-closures.ts";

/** The longest expression, in characters. */
export const MAX_EXPRESSION_LENGTH = 4096;
/** The deepest nesting of an expression's parts. */
const MAX_NESTING = 200;
/** Work one evaluation may do: visited parts, list members and compared or printed values count one each. */
const MAX_STEPS = 500_000;
/** The longest text an expression may make, in characters. */
const MAX_TEXT_LENGTH = 1_048_576;

type Interpreter = typeof TreeInterpreter;
/** A node of a parsed expression. */
export type Part = { type: string; name?: string; [key: string]: unknown };

/** The variables in sight: private to the library's interpreter. */
interface Scope {
  withScope(data: object): Scope;
}

const CURRENT = { type: "Current" } as Node;

/** Parts that build values; only their results can be larger than what they were made of. */
const BUILDERS = new Set(["MultiSelectList", "MultiSelectHash", "Function"]);
/** Functions that read all of a value, however often parts of it repeat. */
const DEEP_FUNCTIONS = new Set(["to_string", "contains"]);

const functions = [...getRegisteredFunctions(), ...Object.keys(FUNCTIONS)];

/**
 * JMESPath (community edition), parsed once; the returned function evaluates it on a value.
 * Reads own properties only; work, text and nesting are limited, so that no expression can hold the process.
 *
 * @param roots when given, the only names that may stand where the value itself is read.
 * @throws HooklineError `invalid_expression`, now when it does not parse, and later when an evaluation fails or grows too large.
 */
export function compileJmespath(expression: string, roots?: readonly string[]): (value: unknown) => unknown {
  const node = parse(expression);
  const fault = findFault(node as Part, roots, roots !== undefined, MAX_NESTING);
  if (fault) throw invalid(expression, fault);
  const builds = contains(node as Part, BUILDERS);
  const interpreter = new BoundedInterpreter();
  const evaluate = toClosure(node, interpreter);
  return (value) => {
    try {
      interpreter.begin(value as JSONValue);
      const result = evaluate(value as JSONValue);
      if (builds) interpreter.measure(result);
      return result;
    } catch (cause) {
      if (cause instanceof HooklineError) throw cause;
      throw invalid(expression, (cause as Error).message, cause);
    }
  };
}

/** A condition in JMESPath: null, false and what is empty are false, all else is true. Errors as {@link compileJmespath}. */
export function compileCondition(expression: string, roots?: readonly string[]): (value: unknown) => boolean {
  const evaluate = compileJmespath(expression, roots);
  return (value) => isTrue(evaluate(value));
}

/** Parses an expression. @throws HooklineError `invalid_expression` when it is too long or does not parse. */
export function parse(expression: string): Node {
  if (expression.length > MAX_EXPRESSION_LENGTH) {
    throw invalid(expression, `it is ${expression.length} characters long; ${MAX_EXPRESSION_LENGTH} are allowed`);
  }
  try {
    return compile(expression);
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid(expression, "it is nested too deeply; split it", cause);
    throw invalid(expression, describeSyntaxError(expression, (cause as Error).message), cause);
  }
}

function describeSyntaxError(expression: string, message: string): string {
  const plain = message.replace(/^Syntax error[:,] /, "");
  if (message.includes("EOF")) return `it ends too early, at character ${expression.length}: ${plain}`;
  return `${plain} at character ${faultPosition(expression, message)}`;
}

/** The parser does not say where it stopped: it is the end of the shortest beginning that fails in the same words. */
function faultPosition(expression: string, message: string): number {
  const longest = Math.min(expression.length, 500);
  for (let end = 1; end <= longest; end++) {
    try {
      compile(expression.slice(0, end));
    } catch (error) {
      if ((error as Error).message === message) return end - (/\w*$/.exec(expression.slice(0, end - 1))![0].length + 1);
    }
  }
  return longest;
}

function invalid(expression: string, problem: string, cause?: unknown): HooklineError {
  const shown = expression.length > 120 ? `${expression.slice(0, 117)}…` : expression;
  return new HooklineError("invalid_expression", `expression \`${shown}\`: ${problem}`, { cause });
}

/** What is wrong with a parsed expression: an unknown root or function, a forbidden name, or too deep nesting. */
function findFault(
  part: Part,
  roots: readonly string[] | undefined,
  atRoot: boolean,
  left: number,
): string | undefined {
  if (left === 0) return "it is nested too deeply; split it";
  if (part.name === "__proto__") return '"__proto__" cannot be read or made';
  if (part.type === "Function" && !functions.includes(part.name!)) {
    const near = nearest(part.name!, functions);
    return `there is no function ${part.name}()${near ? `; did you mean ${near}()?` : ""}`;
  }
  if (part.type === "Field" && atRoot && roots && !roots.includes(part.name!))
    return misreadWord(part.name!) ?? unknownRoot(part.name!, roots);
  for (const [key, child] of children(part)) {
    const fault = findFault(child, roots, atRoot && staysAtRoot(part, key, child), left - 1);
    if (fault) return fault;
  }
  return undefined;
}

/** Whether a child of a part reads the same value as the part itself. */
export function staysAtRoot(part: Part, key: string, child: Part): boolean {
  switch (part.type) {
    case "Subexpression":
    case "Pipe":
    case "IndexExpression":
    case "Projection":
    case "ValueProjection":
    case "FilterProjection":
      return key === "left";
    default:
      return child.type !== "ExpressionReference";
  }
}

/** The words for `true`, `false` or `null` without backticks, which are names then; undefined for any other name. */
export function misreadWord(name: string): string | undefined {
  const isWord = ["true", "false", "null"].includes(name);
  return isWord ? `"${name}" is read as a name; write \`${name}\` in backticks` : undefined;
}

/** The words for a root that is not there, with the nearest and all that are. */
export function unknownRoot(name: string, roots: readonly string[], prefix = ""): string {
  const near = nearest(name, roots);
  const allowed = roots.map((root) => prefix + root).join(", ") || "none";
  return `unknown root "${prefix}${name}"${near ? `; did you mean "${prefix}${near}"?` : "."} Allowed here: ${allowed}`;
}

/** The parts of a part, by property. */
export function* children(part: Part): Generator<[string, Part]> {
  if (part.type === "Literal") return;
  for (const [key, value] of Object.entries(part)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (typeof child === "object" && child !== null && "type" in child) yield [key, child as Part];
    }
  }
}

function contains(part: Part, types: ReadonlySet<string>): boolean {
  return types.has(part.type) || [...children(part)].some(([, child]) => contains(child, types));
}

/** The library's interpreter with a budget of work, and without inherited properties. */
class BoundedInterpreter extends (TreeInterpreter.constructor as new () => Interpreter) implements Machine {
  #steps = 0;
  /** Whether it visits parts itself, which may look at the root and at variables. */
  #visits = false;

  constructor() {
    super();
    for (const [name, { call, signature }] of Object.entries(FUNCTIONS)) {
      this.runtime.registerFunction(name, (args) => call(args as JSONValue[]), signature);
    }
    const call = this.runtime.callFunction.bind(this.runtime);
    this.runtime.callFunction = (name, args) => {
      this.#assertBounded(name, args as JSONValue[]);
      return call(name, args);
    };
  }

  /** A new evaluation, on this value. */
  begin(value: JSONValue): void {
    this.#steps = MAX_STEPS;
    if (this.#visits) this.search(CURRENT, value);
  }

  interpret(node: Node): (value: JSONValue) => JSONValue {
    this.#visits = true;
    return (value) => this.visit(node, value) as JSONValue;
  }

  call(name: string, args: JSONValue[]): JSONValue {
    const result = this.runtime.callFunction(name, args);
    if (typeof result === "string") assertTextLength(result.length);
    return result;
  }

  override visit(node: Node, value: JSONValue): ReturnType<Interpreter["visit"]> {
    this.spend(1);
    if (node.type === "Field") return ownField(value, node.name);
    if (node.type === "LetExpression") return this.#visitLet(node, value);
    if (node.type === "Comparator" && (node.name === "EQ" || node.name === "NE")) {
      return this.equal(this.visit(node.left, value), this.visit(node.right, value)) === (node.name === "EQ");
    }
    const result = super.visit(node, value);
    if (Array.isArray(result)) this.spend(result.length);
    else if (typeof result === "string") assertTextLength(result.length);
    return result;
  }

  /** Spends a step per value inside, as often as each is repeated. */
  measure(value: unknown): void {
    this.spend(1);
    if (typeof value !== "object" || value === null) return;
    for (const inner of Array.isArray(value) ? value : Object.values(value)) this.measure(inner);
  }

  /** In an inner scope; the library makes an interpreter with a table of functions each time, which costs far more. */
  #visitLet({ bindings, expression }: Extract<Node, { type: "LetExpression" }>, value: JSONValue): JSONValue {
    const scoped = this as unknown as { _scope: Scope };
    const outer = scoped._scope;
    const bound = bindings.map((binding) => this.visit(binding, value) as object);
    scoped._scope = outer.withScope(Object.assign({}, ...bound) as object);
    const result = this.visit(expression, value) as JSONValue;
    scoped._scope = outer;
    return result;
  }

  equal(left: unknown, right: unknown): boolean {
    if (left === right || typeof left !== "object" || typeof right !== "object") return left === right;
    this.measure(left);
    this.measure(right);
    return isDeepStrictEqual(left, right);
  }

  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0) throw new Error("it does too much work on this value; make it simpler or the value smaller");
  }

  #assertBounded(name: string, args: JSONValue[]): void {
    const [subject, second, third] = args;
    if (DEEP_FUNCTIONS.has(name)) for (const arg of args) this.measure(arg);
    if (name.startsWith("pad_") && typeof second === "number") assertTextLength(second);
    if (name === "replace" && typeof subject === "string")
      assertTextLength(subject.length * Math.max(1, String(third).length));
    if (name === "join" && typeof subject === "string" && Array.isArray(second)) {
      assertTextLength(second.reduce<number>((sum, item) => sum + String(item).length + subject.length, 0));
    }
  }
}

function assertTextLength(length: number): void {
  if (length > MAX_TEXT_LENGTH) throw new Error(`it makes a text of more than ${MAX_TEXT_LENGTH} characters`);
}
