import { isDeepStrictEqual } from "node:util";
import { isObject } from "../core/json.ts";
import type { Fields } from "./sides.ts";

/** Fields that each vendor makes itself, which the other side could not take over. */
const VENDOR_OWN = new Set(["type", "id", "displayName", "photoUrl", "groups", "createdAt", "updatedAt"]);
/** Properties that vendors derive from the rest of an item. */
const DERIVED = new Set(["primary", "canonical", "formatted"]);
/** Digits that distinguish phone numbers, without a leading zero or country code. */
const PHONE_DIGITS = 9;

/** The common fields that are synced. `include` may name some that are the vendor's own by default. */
export function selectFields(
  resource: Fields,
  { include, exclude = [] }: { include?: string[]; exclude?: string[] },
): Fields {
  const wanted = (name: string): boolean =>
    (include ? include.includes(name) : !VENDOR_OWN.has(name)) && !exclude.includes(name);
  return Object.fromEntries(Object.entries(resource).filter(([name, value]) => wanted(name) && !isEmpty(value)));
}

/** Whether a value is missing: null, empty text, an empty list. */
export function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Whether two values are the same in another notation: other case, other spaces, other digits before a phone number. */
export function alike(field: string, a: unknown, b: unknown): boolean {
  if (isEmpty(a) || isEmpty(b)) return isEmpty(a) && isEmpty(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    const [ours, theirs] = [a, b].map((list) => new Set(list.map((item) => identityOf(field, item))));
    return ours!.size === theirs!.size && [...ours!].every((id) => theirs!.has(id));
  }
  return typeof a === "string" && typeof b === "string" ? plainText(a) === plainText(b) : isDeepStrictEqual(a, b);
}

/** Whether two items of a list are the same, apart from the properties that vendors derive. */
export function sameItem(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(essence(a), essence(b));
}

/** What distinguishes an item of a list from the others. */
export function identityOf(field: string, item: unknown): string {
  if (!isObject(item)) return plainText(String(item));
  if (field === "phones") return phoneKey(String(item["canonical"] ?? item["value"] ?? ""));
  if (field === "addresses") {
    const parts = ["street", "postalCode", "city"].map((name) => plainText(String(item[name] ?? "")));
    return parts.some((part) => part !== "") ? parts.join("|") : plainText(JSON.stringify(essence(item)));
  }
  for (const name of ["key", "value", "email", "id", "name"]) {
    if (!isEmpty(item[name])) return plainText(String(item[name]));
  }
  return plainText(JSON.stringify(essence(item)));
}

/** Compatibility forms unified, case and runs of spaces gone. */
export function plainText(text: string): string {
  return text.normalize("NFKC").toLowerCase().replaceAll(/\s+/g, " ").trim();
}

/** The last digits of a phone number; what has none stays as it is. */
export function phoneKey(text: string): string {
  const digits = text.normalize("NFKC").replaceAll(/\D/g, "");
  return digits === "" ? plainText(text) : digits.slice(-PHONE_DIGITS);
}

function essence(item: unknown): unknown {
  if (!isObject(item)) return item;
  return Object.fromEntries(Object.entries(item).filter(([name, value]) => !DERIVED.has(name) && !isEmpty(value)));
}

/** The value when it is a list, else an empty list. */
export const asList = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
