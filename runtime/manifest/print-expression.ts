import type { Part } from "./jmespath.ts";

const OPERATORS: Readonly<Record<string, string>> = { EQ: "==", NE: "!=", LT: "<", LTE: "<=", GT: ">", GTE: ">=" };

/** A parsed expression in JMESPath's spelling, for messages; what is rare becomes "…". */
export function print(part: Part): string {
  const { left, right, child } = part as Part & Record<"left" | "right" | "child", Part>;
  switch (part.type) {
    case "Field":
      return /^[A-Za-z_]\w*$/.test(part.name!) ? part.name! : JSON.stringify(part.name);
    case "Literal":
      return printLiteral(part["value"]);
    case "Current":
      return "@";
    case "Variable":
      return `$${part.name}`;
    case "Subexpression":
      return `${printOperand(left)}.${print(right)}`;
    case "Index":
      return `[${String(part["value"])}]`;
    case "IndexExpression":
      return printOperand(left) + print(right);
    case "Flatten":
      return `${printOperand(child)}[]`;
    case "Projection":
      return (left.type === "Flatten" ? print(left) : `${printOperand(left)}[*]`) + printAfter(right);
    case "FilterProjection":
      return `${printOperand(left)}[?${print(part["condition"] as Part)}]${printAfter(right)}`;
    case "NotExpression":
      return child.type === "Field" ? `!${print(child)}` : `!(${print(child)})`;
    case "OrExpression":
      return `${print(left)} || ${print(right)}`;
    case "AndExpression":
      return `${printOfAnd(left)} && ${printOfAnd(right)}`;
    case "Comparator":
      return `${printOperand(left)} ${operatorOf(part)} ${printOperand(right)}`;
    case "MultiSelectList":
      return `[${(part["children"] as Part[]).map(print).join(", ")}]`;
    case "Function":
      return `${part.name}(${(part["children"] as Part[]).map(print).join(", ")})`;
    default:
      return "…";
  }
}

/** Binds more closely than `||`, and less than `&&`. */
const printOfAnd = (part: Part): string => (part.type === "OrExpression" ? `(${print(part)})` : print(part));

function printOperand(part: Part): string {
  return part.type === "OrExpression" || part.type === "AndExpression" ? `(${print(part)})` : print(part);
}

/** `==`, `<` and so on. */
export function operatorOf({ name = "" }: Part): string {
  return OPERATORS[name] ?? name;
}

function printLiteral(value: unknown): string {
  return typeof value === "string" ? `'${value.replaceAll("'", "\\'")}'` : `\`${JSON.stringify(value)}\``;
}

/** What follows a projection. */
function printAfter(part: Part): string {
  if (part.type === "Identity" || part.type === "Current") return "";
  return part.type === "IndexExpression" || part.type === "Index" ? print(part) : `.${print(part)}`;
}
