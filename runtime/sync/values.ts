import { isDeepStrictEqual } from "node:util";
import { isObject } from "../core/json.ts";
import type { Fields } from "./model/links.ts";

/** What says nothing of a thing that the other side could take over: names, times and views that each vendor makes itself. */
const OWN = new Set(["type", "id", "displayName", "photoUrl", "groups", "createdAt", "updatedAt"]);
/** What vendors work out from the rest of an item. */
const DERIVED = new Set(["primary", "canonical", "formatted"]);
/** Digits that tell phone numbers apart, whatever stands before them: a zero, a country code. */
const PHONE_DIGITS = 9;

/** The common fields a sync keeps alike. `include` may name some that are each vendor's own by default. */
export function selectFields(
  resource: Fields,
  { include, exclude = [] }: { include?: string[]; exclude?: string[] },
): Fields {
  const wanted = (name: string): boolean =>
    (include ? include.includes(name) : !OWN.has(name)) && !exclude.includes(name);
  return Object.fromEntries(Object.entries(resource).filter(([name, value]) => wanted(name) && !isNothing(value)));
}

/** Whether a value says nothing: none, empty text, an empty list. */
export function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Whether two values say the same in other words: other case, other spaces, another notation of a phone number. */
export function alike(field: string, a: unknown, b: unknown): boolean {
  if (isNothing(a) || isNothing(b)) return isNothing(a) && isNothing(b);
  if (Array.isArray(a) && Array.isArray(b)) {
    const [ours, theirs] = [a, b].map((list) => new Set(list.map((item) => identityOf(field, item))));
    return ours!.size === theirs!.size && [...ours!].every((id) => theirs!.has(id));
  }
  return typeof a === "string" && typeof b === "string" ? plainText(a) === plainText(b) : isDeepStrictEqual(a, b);
}

/** Whether two items of a list say the same, apart from what vendors work out themselves. */
export function sameItem(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(essence(a), essence(b));
}

/** What tells an item of a list from the others. */
export function identityOf(field: string, item: unknown): string {
  if (!isObject(item)) return plainText(String(item));
  if (field === "phones") return phoneKey(String(item["canonical"] ?? item["value"] ?? ""));
  if (field === "addresses") {
    const parts = ["street", "postalCode", "city"].map((name) => plainText(String(item[name] ?? "")));
    return parts.some((part) => part !== "") ? parts.join("|") : plainText(JSON.stringify(essence(item)));
  }
  for (const name of ["key", "value", "email", "id", "name"]) {
    if (!isNothing(item[name])) return plainText(String(item[name]));
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
  return Object.fromEntries(Object.entries(item).filter(([name, value]) => !DERIVED.has(name) && !isNothing(value)));
}
