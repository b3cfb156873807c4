import { isObject } from "../core/json.ts";
import type { Fields } from "./sides.ts";
import { asList, phoneKey, plainText } from "./values.ts";

/** A record that may be the same as one on the other side. */
export interface Candidate {
  id: string;
  /** By what it can be recognised, see {@link keysOf}. */
  keys: readonly string[];
}

export interface Pairing<Left, Right> {
  pairs: [Left, Right][];
  /** Records without a counterpart. */
  alone: { left: Left[]; right: Right[] };
}

/** By what two records can be recognised as one, the surest first. */
const KINDS = ["email", "phone", "name"] as const;
type Kind = (typeof KINDS)[number];
/** Fewest digits; shorter numbers are extensions or service numbers, which many share. */
const SHORTEST_PHONE = 7;

/**
 * `email:`, `phone:` and `name:` keys of a record's common fields: addresses without case, phone numbers without notation,
 * names without case and spaces. Records that are not people go by their title and time.
 */
export function keysOf(resource: Fields): string[] {
  const values = (field: string): string[] =>
    asList(resource[field]).flatMap((item) =>
      isObject(item) ? [String(item["canonical"] ?? item["value"] ?? "")] : [],
    );
  const emails = values("emails")
    .map(plainText)
    .filter((email) => email !== "");
  const phones = values("phones")
    .map(phoneKey)
    .filter((phone) => /^\d+$/.test(phone) && phone.length >= SHORTEST_PHONE);
  const parts = (...names: string[]): string => plainText(names.map((name) => String(resource[name] ?? "")).join(" "));
  const name = parts("firstName", "lastName") || parts("displayName") || parts("title", "start", "due");
  const keys = [...emails.map((email) => `email:${email}`), ...phones.map((phone) => `phone:${phone}`)];
  if (name !== "") keys.push(`name:${name}`);
  return [...new Set(keys)];
}

/**
 * Pairs records of two sides: first those with an e-mail address in common, then with a phone number, then of the same name.
 * No record is paired twice; of several candidates the first is taken.
 */
export function pairUp<Left extends Candidate, Right extends Candidate>(
  left: readonly Left[],
  right: readonly Right[],
): Pairing<Left, Right> {
  const partners = new Map<Left, Right>();
  const taken = new Set<Right>();
  for (const kind of KINDS) {
    const byKey = new Map<string, Right[]>();
    for (const one of right) {
      for (const key of ofKind(one.keys, kind)) {
        const some = byKey.get(key);
        if (some) some.push(one);
        else byKey.set(key, [one]);
      }
    }
    for (const one of left) {
      if (partners.has(one)) continue;
      const found = ofKind(one.keys, kind)
        .flatMap((key) => byKey.get(key) ?? [])
        .find((other) => !taken.has(other) && agree(one.keys, other.keys, kind));
      if (!found) continue;
      partners.set(one, found);
      taken.add(found);
    }
  }
  return {
    pairs: [...partners],
    alone: { left: left.filter((one) => !partners.has(one)), right: right.filter((one) => !taken.has(one)) },
  };
}

/**
 * An e-mail address is one person's. A phone number may be a household's: two people when both have names and neither name
 * is a part of the other. Many people share a name: two people when both have an e-mail address, or both a phone number, and
 * share neither.
 */
function agree(a: readonly string[], b: readonly string[], kind: Kind): boolean {
  const bothHave = (other: Kind): boolean => ofKind(a, other).length > 0 && ofKind(b, other).length > 0;
  if (kind === "phone") return !bothHave("name") || isPart(wordsOf(a), wordsOf(b)) || isPart(wordsOf(b), wordsOf(a));
  if (kind === "name") return !bothHave("email") && !bothHave("phone");
  return true;
}

const ofKind = (keys: readonly string[], kind: Kind): string[] => keys.filter((key) => key.startsWith(`${kind}:`));

const wordsOf = (keys: readonly string[]): string[] => ofKind(keys, "name")[0]!.slice("name:".length).split(" ");

const isPart = (some: readonly string[], all: readonly string[]): boolean => some.every((word) => all.includes(word));
