import type { compile, JSONValue } from "@jmespath-community/jmespath";

export type Node = ReturnType<typeof compile>;
type Evaluate = (value: JSONValue) => JSONValue;

/** What closures leave to the interpreter, and what they answer to. */
export interface Machine {
  interpret(node: Node): Evaluate;
  /** Counts steps. @throws HooklineError `invalid_expression` when an evaluation has done too much */
  spend(steps: number): void;
  equal(left: unknown, right: unknown): boolean;
  call(name: string, args: JSONValue[]): JSONValue;
}

/**
 * A parsed expression as nested closures, several times faster than walking the tree for every record. They mean what the
 * library's interpreter means, and spend a step per part; parts that are rare or look at variables are left to it.
 */
export function toClosure(node: Node, machine: Machine): Evaluate {
  const evaluate = build(node, machine);
  return (value) => {
    machine.spend(1);
    return evaluate(value);
  };
}

function build(node: Node, machine: Machine): Evaluate {
  const closure = (part: Node): Evaluate => toClosure(part, machine);
  const counted = (list: JSONValue[]): JSONValue[] => {
    machine.spend(list.length);
    return list;
  };
  switch (node.type) {
    case "Field": {
      const { name } = node;
      return (value) => ownField(value, name);
    }
    case "Literal":
      return () => node.value;
    case "Current":
    case "Identity":
      return (value) => value;
    case "Subexpression": {
      const [left, right] = [closure(node.left), closure(node.right)];
      return (value) => {
        const found = left(value);
        return (found ?? null) === null ? null : right(found);
      };
    }
    case "IndexExpression":
    case "Pipe": {
      const [left, right] = [closure(node.left), closure(node.right)];
      return (value) => right(left(value));
    }
    case "Index": {
      const { value: index } = node;
      return (value) => (Array.isArray(value) ? (value.at(index) ?? null) : null);
    }
    case "Projection": {
      // Of a text, a slice and all after it are a projection of its characters.
      if (node.left.type === "IndexExpression" && node.left.right.type === "Slice") break;
      const [left, right] = [closure(node.left), closure(node.right)];
      return (value) => {
        const base = left(value);
        return Array.isArray(base) ? counted(project(base, right)) : null;
      };
    }
    case "FilterProjection": {
      const [left, right, condition] = [closure(node.left), closure(node.right), closure(node.condition)];
      return (value) => {
        const base = left(value);
        if (!Array.isArray(base)) return null;
        return counted(project(base, (member) => (isTrue(condition(member)) ? right(member) : null)));
      };
    }
    case "Flatten": {
      const child = closure(node.child);
      return (value) => {
        const found = child(value);
        return Array.isArray(found) ? counted(found.flat()) : null;
      };
    }
    case "MultiSelectList": {
      const children = node.children.map(closure);
      return (value) => counted(children.map((child) => child(value)));
    }
    case "MultiSelectHash": {
      const children = node.children.map((child) => [child.name, closure(child.value)] as const);
      return (value) => {
        const result: Record<string, JSONValue> = {};
        for (const [name, child] of children) result[name] = child(value);
        return result;
      };
    }
    case "OrExpression":
    case "AndExpression": {
      const [left, right, goesOn] = [closure(node.left), closure(node.right), node.type === "AndExpression"];
      return (value) => {
        const found = left(value);
        return isTrue(found) === goesOn ? right(value) : found;
      };
    }
    case "NotExpression": {
      const child = closure(node.child);
      return (value) => !isTrue(child(value));
    }
    case "Comparator": {
      if (node.name !== "EQ" && node.name !== "NE") break;
      const [left, right, wanted] = [closure(node.left), closure(node.right), node.name === "EQ"];
      return (value) => machine.equal(left(value), right(value)) === wanted;
    }
    case "Function": {
      const children = node.children.map(closure);
      const { name } = node;
      return (value) => {
        const result = machine.call(
          name,
          children.map((child) => child(value)),
        );
        return Array.isArray(result) ? counted(result) : result;
      };
    }
  }
  return machine.interpret(node);
}

function project(list: readonly JSONValue[], of: Evaluate): JSONValue[] {
  const collected: JSONValue[] = [];
  for (const member of list) {
    const found = of(member);
    if (found !== null) collected.push(found);
  }
  return collected;
}

/** Null, false and what is empty are false, all else is true. */
export function isTrue(value: unknown): boolean {
  if (typeof value !== "object" || value === null)
    return value !== null && value !== undefined && value !== false && value !== "";
  if (Array.isArray(value)) return value.length > 0;
  for (const name in value) if (Object.hasOwn(value, name)) return true;
  return false;
}

/** An own property of an object; null for anything else, as JMESPath has it. */
export function ownField(value: unknown, name: string): JSONValue {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return null;
  return (value as Record<string, JSONValue>)[name] ?? null;
}
