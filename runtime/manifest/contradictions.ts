import { isDeepStrictEqual } from "node:util";
import type { Part } from "./jmespath.ts";
import { operatorOf, print } from "./print-expression.ts";

/** What a condition that holds says of one part of it. */
interface Claim {
  /** The part, as a text that other parts do not have. */
  of: string;
  /** The condition, as it is written. */
  shown: string;
  kind: "is" | "isNot" | "above" | "below" | "something" | "nothing";
  /** Of the first four. */
  value?: unknown;
  /** Of a limit: whether the limit itself is allowed. */
  isInclusive?: boolean;
}

/** Ways to hold that are looked through; a condition with more is let be. */
const MOST_WAYS = 64;

/**
 * Two of the conditions that an `and` joins and that no value meets at the same time, as they are written; undefined when there may
 * be one, as far as the expression alone tells.
 */
export function contradictionIn(and: Part): [string, string] | undefined {
  const ways = waysToHold(and);
  if (ways === undefined) return undefined;
  let first: [string, string] | undefined;
  for (const way of ways) {
    const found = contradictionOf(way.flatMap((part) => claimOf(part) ?? []));
    if (found === undefined) return undefined;
    first ??= found;
  }
  return first;
}

/** The sets of conditions of which one has to hold as a whole; undefined when there are too many. */
function waysToHold(part: Part): Part[][] | undefined {
  const { left, right } = part as Part & Record<"left" | "right", Part>;
  if (part.type !== "AndExpression" && part.type !== "OrExpression") return [[part]];
  const [one, other] = [waysToHold(left), waysToHold(right)];
  if (!one || !other) return undefined;
  const isOr = part.type === "OrExpression";
  if ((isOr ? one.length + other.length : one.length * other.length) > MOST_WAYS) return undefined;
  return isOr ? [...one, ...other] : one.flatMap((first) => other.map((second) => [...first, ...second]));
}

function claimOf(part: Part): Claim | undefined {
  const shown = print(part);
  const { left, right, child } = part as Part & Record<"left" | "right" | "child", Part>;
  if (part.type === "NotExpression") {
    const claim = child.type === "Comparator" ? claimOf(child) : undefined;
    if (claim?.kind === "is" || claim?.kind === "isNot")
      return { ...claim, shown, kind: claim.kind === "is" ? "isNot" : "is" };
    return { of: idOf(child), shown, kind: "nothing" };
  }
  if (part.type !== "Comparator") return { of: idOf(part), shown, kind: "something" };
  if ((left.type === "Literal") === (right.type === "Literal")) return undefined;
  const isMirrored = left.type === "Literal";
  const [path, literal] = isMirrored ? [right, left] : [left, right];
  const claim = { of: idOf(path), shown, value: literal["value"] };
  const operator = operatorOf(part);
  if (operator === "==") return { ...claim, kind: "is" };
  if (operator === "!=") return { ...claim, kind: "isNot" };
  if (typeof claim.value !== "number") return undefined;
  return {
    ...claim,
    kind: operator.startsWith(">") === isMirrored ? "below" : "above",
    isInclusive: operator.endsWith("="),
  };
}

const idOf = (part: Part): string => JSON.stringify(part);

function contradictionOf(claims: readonly Claim[]): [string, string] | undefined {
  for (const [n, one] of claims.entries()) {
    for (const other of claims.slice(n + 1)) {
      if (one.of === other.of && !(mayBoth(one, other) && mayBoth(other, one))) return [one.shown, other.shown];
    }
  }
  return undefined;
}

/** Whether a value can meet both claims, as far as the first says what the value is, or where it ends. */
function mayBoth(one: Claim, other: Claim): boolean {
  if (one.kind === "is") return meets(one.value, other);
  if (one.kind === "nothing") return !["something", "above", "below"].includes(other.kind);
  if (one.kind !== "above" || other.kind !== "below") return true;
  const [low, high] = [one.value as number, other.value as number];
  return low < high || (low === high && one.isInclusive! && other.isInclusive!);
}

function meets(value: unknown, { kind, value: wanted, isInclusive }: Claim): boolean {
  const isSame = isDeepStrictEqual(value, wanted);
  if (kind === "is") return isSame;
  if (kind === "isNot") return !isSame;
  if (kind === "something" || kind === "nothing") return isSomething(value) === (kind === "something");
  if (typeof value !== "number") return false;
  const limit = wanted as number;
  return (isInclusive! && value === limit) || (kind === "above" ? value > limit : value < limit);
}

/** Whether JMESPath takes a value for true. */
function isSomething(value: unknown): boolean {
  if (value === null || value === false || value === "") return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
