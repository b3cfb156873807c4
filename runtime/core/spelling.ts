import { editDistance } from "./errors.ts";

/**
 * Whether two names are one name, typed differently: a plural, a doubled letter, letters swapped, another case. More than that
 * would take one thing for another, as contract for contact; only long names are told apart well enough.
 */
export function isSameWord(a: string, b: string): boolean {
  const [one, other] = [a.toLowerCase(), b.toLowerCase()];
  const [bare, otherBare] = [undoubled(one), undoubled(other)];
  if (isPluralOf(one, other) || isPluralOf(other, one) || bare === otherBare) return true;
  if (isPluralOf(bare, otherBare) || isPluralOf(otherBare, bare)) return true;
  const isLong = Math.min(one.length, other.length) >= 8;
  return editDistance(one, other) === 1 && (isLong || sorted(one) === sorted(other));
}

const sorted = (word: string): string => word.split("").sort().join("");

const isPluralOf = (many: string, one: string): boolean =>
  many === `${one}s` || many === `${one}es` || many === one.replace(/y$/, "ies");

const undoubled = (word: string): string => word.replaceAll(/(.)\1/g, "$1");
