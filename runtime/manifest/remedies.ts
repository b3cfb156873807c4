import { nearest } from "../core/errors.ts";
import { misreadWord, type Part } from "./jmespath.ts";
import { print } from "./print-expression.ts";

type Types = ReadonlySet<string>;

/** "a string or an array". */
export function listed(types: Iterable<string>): string {
  return [...types].map((type) => (/^[aeio]/.test(type) ? `an ${type}` : `a ${type}`)).join(" or ");
}

/** What follows a name that does not exist: the nearest that does, or all. */
export function suggestion(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  if (near !== undefined) return `; did you mean "${near}"?`;
  return names.length > 0 ? `; the properties are ${names.slice(0, 20).join(", ")}` : "; remove it";
}

/** `one of "a", "b"; did you mean 'a'?` */
export function oneOfThese(value: unknown, allowed: readonly unknown[]): string {
  const known = allowed.filter((one) => one !== null);
  const list = known.slice(0, 20).map((one) => JSON.stringify(one));
  const texts = known.filter((one) => typeof one === "string");
  const near = typeof value === "string" ? nearest(value, texts) : undefined;
  const remedy = near === undefined ? "compare with one of them" : `did you mean '${near}'?`;
  return `${known.length === 1 ? "always" : "one of"} ${list.join(", ")}; ${remedy}`;
}

/** How to compare two values for equality that are of different types. */
export function equalityRemedy(left: Part, right: Part, operator: string, [one, other]: [Types, Types]): string {
  for (const [side, rest] of [
    [left, right],
    [right, left],
  ] as const) {
    if (side.type !== "NotExpression") continue;
    const negated = operator === "==" ? "!=" : "==";
    return `write ${print(side["child"] as Part)} ${negated} ${print(rest)}`;
  }
  if (right.type === "Literal") return `write ${print(left)} ${operator} ${retyped(right, one)}`;
  return left.type === "Literal"
    ? `write ${retyped(left, other)} ${operator} ${print(right)}`
    : "compare values of one type";
}

/** How to order what is not a number. */
export function orderRemedy(left: Part, right: Part, operator: string, types: Types): string {
  const literal = [left, right].find(
    (side) => side.type === "Literal" && Number.isFinite(Number(side["value"] || NaN)),
  );
  if (literal) return `write the number as ${retyped(literal, new Set(["number"]))}`;
  if (!types.has("string")) return "compare numbers";
  const place = operator.startsWith("<") ? 0 : -1;
  return `to order text, write sort([${print(left)}, ${print(right)}])[${place}] == ${print(left)}`;
}

/** A fixed value as one of these types, as far as it can be said. */
export function retyped(literal: Part, types: Types): string {
  const { value } = literal as { value?: unknown };
  if (literal.type === "Literal") {
    if (types.has("string")) return `'${typeof value === "string" ? value : JSON.stringify(value)}'`;
    const isNumber = types.has("number") || types.has("integer");
    if (isNumber && typeof value === "string" && value !== "" && Number.isFinite(Number(value)))
      return `\`${Number(value)}\``;
    if (types.has("boolean")) return value === "false" || value === false ? "`false`" : "`true`";
  }
  return `${listed(types)} instead of ${print(literal)}`;
}

/** A name where a fixed value must be meant: `open`, `"open"`, `true`. */
export function misreadName(name: string): string {
  return misreadWord(name) ?? `${JSON.stringify(name)} is read as a name; write the text as '${name}'`;
}
