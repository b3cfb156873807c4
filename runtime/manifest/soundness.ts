import { nearest } from "../core/errors.ts";
import { isObject } from "../core/json.ts";
import { contradictionIn } from "./contradictions.ts";
import { FUNCTION_TYPES } from "./function-types.ts";
import { children, parse, type Part } from "./jmespath.ts";
import { withoutNot } from "./negations.ts";
import { operatorOf, print } from "./print-expression.ts";
import { rangeFault } from "./ranges.ts";
import { equalityRemedy, listed, misreadName, oneOfThese, orderRemedy } from "./remedies.ts";
import { fits, nameFault, type Lookup } from "./schema-path.ts";
import { searchFault } from "./searches.ts";
import {
  anything,
  described,
  flattened,
  inside,
  knownTypes,
  knownValues,
  listOf,
  objectOf,
  oneOf,
  type ValueType,
} from "./value-type.ts";

const NUMBERS: ReadonlySet<string> = new Set(["number"]);

/** A part of an expression, and what is certain of its value. */
interface Typed {
  type: ValueType;
  /** How messages name it. */
  text: string;
}

/** The values that an expression's parts read: the one at hand, and variables. */
interface Sight {
  at: Typed;
  variables: ReadonlyMap<string, ValueType>;
}

/**
 * What is wrong with an expression that parses: a path that the schema of its value rules out, and a part that can only ever have
 * one result, whatever it is evaluated on. Where nothing is certain of a value, nothing is wrong. `name` is what messages call
 * the value.
 * @throws HooklineError `invalid_expression` when it does not parse
 */
export function expressionFaults(expression: string, type: ValueType = anything, name = "the value"): string[] {
  const inspection = new Inspection(name);
  inspection.infer(parse(expression) as Part, { at: { type, text: "" }, variables: new Map() });
  return [...inspection.faults];
}

/** What is certain of the result of an expression that parses. */
export function expressionType(expression: string, type: ValueType): ValueType {
  return new Inspection("").infer(parse(expression) as Part, { at: { type, text: "" }, variables: new Map() });
}

/** What the names in sight hold, where each is a value of its own; the others hold anything. */
export function scopeOf(types: Readonly<Record<string, ValueType>>): ValueType {
  return ([root, ...rest]) => (root !== undefined && Object.hasOwn(types, root) ? types[root]! : anything)(rest);
}

class Inspection {
  readonly faults = new Set<string>();
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  /** Finds the faults of a part, and gives the type of its value. */
  infer(part: Part, sight: Sight): ValueType {
    const negated = withoutNot(part);
    if (negated !== undefined) {
      const { operand, whole } = negated;
      this.#report(`! negates only ${print(operand)}, and nothing lies in true or false; write !(${print(whole)})`);
      return anything;
    }
    const { left, right, child } = part as Part & Record<"left" | "right" | "child", Part>;
    switch (part.type) {
      case "Field":
        return this.#field(part.name!, sight.at);
      case "Index":
        this.#index(part, sight.at);
        return inside(sight.at.type, String(Math.max(0, Number(part["value"]))));
      case "Literal":
        return literal(part["value"]);
      case "Current":
      case "Identity":
      case "Slice":
        return sight.at.type;
      case "Variable":
        return sight.variables.get(part.name!) ?? anything;
      case "Subexpression":
      case "Pipe":
      case "IndexExpression":
        return this.infer(right, on(sight, this.infer(left, sight), this.#textOf(left, sight)));
      case "Flatten":
        return flattened(this.infer(child, sight));
      case "Projection":
        return listOf(this.infer(right, this.#membersOf(left, sight)));
      case "FilterProjection": {
        const inside = this.#membersOf(left, sight);
        this.infer(part["condition"] as Part, inside);
        return listOf(this.infer(right, inside));
      }
      case "MultiSelectList": {
        const members = (part["children"] as Part[]).map((member) => this.infer(member, sight));
        return listOf(oneOf(members));
      }
      case "MultiSelectHash": {
        const pairs = part["children"] as (Part & { value: Part })[];
        return objectOf(Object.fromEntries(pairs.map(({ name, value }) => [name, this.infer(value, sight)])));
      }
      case "AndExpression":
        this.#together(part);
        return oneOf([this.infer(left, sight), this.infer(right, sight)]);
      case "Binding": {
        // Behind a path it has no name.
        const name = typeof part["variable"] === "string" ? `${part["variable"]} ` : "";
        this.#report(`${name}= sets a variable, which only let does; write == to compare`);
        return anything;
      }
      case "OrExpression":
        return oneOf([this.infer(left, sight), this.infer(right, sight)]);
      case "NotExpression":
        this.infer(child, sight);
        return described({ type: "boolean" });
      case "Comparator":
        this.#compare(part, left, right, sight);
        return described({ type: "boolean" });
      case "Function":
        return this.#call(part, sight);
      case "LetExpression": {
        const bindings = part["bindings"] as { variable: string; reference: Part }[];
        const bound = bindings.map(({ variable, reference }) => [variable, this.infer(reference, sight)] as const);
        const variables = new Map([...sight.variables, ...bound]);
        return this.infer(part["expression"] as Part, { ...sight, variables });
      }
      default:
        for (const [, inner] of children(part)) this.infer(inner, { ...sight, at: { type: anything, text: "" } });
        return anything;
    }
  }

  #field(name: string, at: Typed): ValueType {
    const owner = at.type([]);
    const fault = owner.kind === "absent" || isFixed(owner) ? undefined : nameFault(name, at.type([name]));
    if (fault !== undefined) {
      const where = at.text || this.#name;
      const isList = [...(knownTypes(at.type) ?? [])].join() === "array";
      this.#report(
        isList ? `${where} is a list; write ${where}[0].${name} or ${where}[].${name}` : `${where} ${fault}`,
      );
    }
    return inside(at.type, name);
  }

  #index(part: Part, at: Typed): void {
    const types = knownTypes(at.type);
    if (types && !types.has("array"))
      this.#report(`${at.text} is ${listed(types)}, which has no ${print(part)}; remove it`);
  }

  /** The members of a list that is projected. */
  #membersOf(list: Part, sight: Sight): Sight {
    const text = this.#textOf(list, sight);
    return on(sight, inside(this.infer(list, sight), "0"), text.endsWith("[]") ? text : `${text}[]`);
  }

  #textOf(part: Part, { at }: Sight): string {
    const text = print(part);
    return at.text === "" ? text : text.startsWith("[") ? at.text + text : `${at.text}.${text}`;
  }

  #compare(part: Part, left: Part, right: Part, sight: Sight): void {
    const hasLiteral = [left, right].some(({ type }) => type === "Literal");
    const misread = [left, right].find(
      (side) => side.type === "Field" && !hasLiteral && isMisread(side.name!, sight.at),
    );
    if (misread !== undefined) return this.#report(misreadName(misread.name!));
    const [a, b] = [this.infer(left, sight), this.infer(right, sight)];
    const [shown, operator] = [print(part), operatorOf(part)];
    if (left.type === "Literal" && right.type === "Literal") {
      return this.#report(`${shown} compares two fixed values; a path stands without quotes and backticks`);
    }
    const isEquality = operator === "==" || operator === "!=";
    const result = operator === "!=" ? "always holds" : "can never hold";
    const [one, other] = [knownTypes(a), knownTypes(b)];
    const beyond = rangeFault(part, [left, right], [a, b]);
    if (beyond !== undefined) return this.#report(`${shown} ${result}: ${beyond}`);
    if (!isEquality) {
      const side = [one, other].findIndex((types) => types !== undefined && !fits(types, NUMBERS));
      if (side < 0) return;
      const [value, types] = [print([left, right][side]!), [one, other][side]!];
      const remedy = orderRemedy(left, right, operator, types);
      return this.#report(
        `${shown} can never hold: ${operator} compares numbers, and ${value} is ${listed(types)}; ${remedy}`,
      );
    }
    const literal = [left, right].find(({ type }) => type === "Literal");
    if (literal?.["value"] === null) return;
    if (one && other && !fits(one, other)) {
      const kinds = `${print(left)} is ${listed(one)}, and ${print(right)} is ${listed(other)}`;
      return this.#report(`${shown} ${result}: ${kinds}; ${equalityRemedy(left, right, operator, [one, other])}`);
    }
    if (!literal) return;
    const [path, type] = literal === left ? [right, b] : [left, a];
    const value = literal["value"];
    const allowed = knownValues(type);
    if (allowed !== undefined && !allowed.includes(value) && typeof value !== "object") {
      this.#report(`${shown} ${result}: ${print(path)} is ${oneOfThese(value, allowed)}`);
    }
    const folded = path.type === "Function" && typeof value === "string" ? foldOf(path.name!)?.(value) : value;
    if (folded !== undefined && folded !== value) {
      this.#report(`${shown} ${result}: ${path.name}() gives no such text; write '${String(folded)}'`);
    }
  }

  #call(part: Part, sight: Sight): ValueType {
    const { name = "", children: given } = part as Part & { children: Part[] };
    const known = FUNCTION_TYPES[name];
    const lists = given.filter(({ type }) => type !== "ExpressionReference").map((one) => this.infer(one, sight));
    const ofItem = on(sight, lists.length === 1 ? inside(lists[0]!, "0") : anything, "@");
    const values = [...lists];
    const args = given.map((one) =>
      one.type === "ExpressionReference" ? this.infer(one["child"] as Part, ofItem) : values.shift()!,
    );
    if (!known) return anything;
    for (const [index, wanted] of known.takes.entries()) {
      const types = args[index] && knownTypes(args[index]);
      if (!wanted || !types || fits(types, new Set(wanted))) continue;
      const remedy = wanted.includes("string") ? `write to_string(${print(given[index]!)})` : "give another value";
      this.#report(`${name}() takes ${listed(wanted)}, and ${print(given[index]!)} is ${listed(types)}; ${remedy}`);
    }
    if (args.length === 2) {
      const fault = searchFault(part, given as [Part, Part], args as [ValueType, ValueType]);
      if (fault !== undefined) this.#report(fault);
    }
    return known.gives(args);
  }

  #together(and: Part): void {
    const [one, other] = contradictionIn(and) ?? [];
    if (one === undefined) return;
    this.#report(`${one} and ${other} can never hold together; write || where one of them is enough`);
  }

  #report(message: string): void {
    this.faults.add(message);
  }
}

/** The same sight from another value. */
function on(sight: Sight, type: ValueType, text: string): Sight {
  return { ...sight, at: { type, text } };
}

function literal(value: unknown): ValueType {
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  const inside = described({ const: value });
  // An empty list or object stands for what is missing: nothing is in it, whatever is in what it stands for.
  return isEmpty ? (path) => (path.length === 0 ? inside(path) : { kind: "absent", names: [] }) : inside;
}

/** Whether it is written in the expression itself. */
function isFixed(found: Lookup): boolean {
  return found.kind === "known" && found.schemas.every(({ schema }) => isObject(schema) && "const" in schema);
}

/** Whether a bare name, compared with something, is none of the value at hand. */
function isMisread(name: string, { type }: Typed): boolean {
  const found = type([name]);
  if (type([]).kind === "absent" || found.kind === "known") return false;
  if (found.kind === "absent") return found.names.length === 0 || nearest(name, found.names) === undefined;
  return ["true", "false", "null"].includes(name);
}

/** What a function makes of all text, where that rules out some. */
function foldOf(name: string): ((text: string) => string) | undefined {
  if (name === "lower") return (text) => text.toLowerCase();
  return name === "upper" ? (text) => text.toUpperCase() : undefined;
}
