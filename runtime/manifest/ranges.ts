import type { Part } from "./jmespath.ts";
import { operatorOf, print } from "./print-expression.ts";
import { rangeAt, type Range } from "./schema-path.ts";
import type { ValueType } from "./value-type.ts";

const MIRRORED: Readonly<Record<string, string>> = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" };

/** Why no value that a schema allows compares with a fixed number like that; undefined when one may. */
export function rangeFault(
  comparison: Part,
  [left, right]: readonly [Part, Part],
  [a, b]: readonly [ValueType, ValueType],
): string | undefined {
  const isMirrored = left.type === "Literal";
  const [path, type, literal] = isMirrored ? [right, b, left] : [left, a, right];
  const value = literal["value"];
  if (literal.type !== "Literal" || typeof value !== "number") return undefined;
  const found = type([]);
  const range = found.kind === "known" ? rangeAt(found.schemas) : undefined;
  if (range === undefined || canMeet(range, written(operatorOf(comparison), isMirrored), value)) return undefined;
  return `${print(path)} is ${shownRange(range)}`;
}

const written = (operator: string, isMirrored: boolean): string =>
  isMirrored ? (MIRRORED[operator] ?? operator) : operator;

function canMeet({ least, most, isWhole }: Range, operator: string, value: number): boolean {
  if (operator === ">") return most > value;
  if (operator === ">=") return most >= value;
  if (operator === "<") return least < value;
  if (operator === "<=") return least <= value;
  return least <= value && value <= most && (!isWhole || Number.isInteger(value));
}

function shownRange({ least, most, isWhole }: Range): string {
  const limits = [
    ...(least > -Infinity ? [`at least ${least}`] : []),
    ...(most < Infinity ? [`at most ${most}`] : []),
  ].join(" and ");
  return [isWhole ? "a whole number" : "a number", limits].filter((one) => one !== "").join(", ");
}
