import type { LiveVersion } from "../../history.ts";
import type { Contact } from "./address-book.ts";

/**
 * Contacts in which a word of a name, nickname, address, number or organization begins a phrase that starts with the
 * query: "foo name" is found by "f", "foo n" and "nam", not by "oo n".
 */
export function search(contacts: Iterable<LiveVersion<Contact>>, query: string, limit: number): LiveVersion<Contact>[] {
  const wanted = query.trim().toLowerCase();
  const found: LiveVersion<Contact>[] = [];
  for (const version of contacts) {
    if (found.length === limit) break;
    if (searchTexts(version.value).some((text) => matchesPrefix(text, wanted))) found.push(version);
  }
  return found;
}

function searchTexts({ fields }: Contact): string[] {
  const names = fields.names?.map((name) =>
    name.givenName || name.familyName
      ? [name.givenName, name.middleName, name.familyName].filter(Boolean).join(" ")
      : (name.unstructuredName ?? ""),
  );
  const phones = fields.phoneNumbers?.flatMap(({ value }) => [value ?? "", (value ?? "").replaceAll(/[^\d+]/g, "")]);
  const rest = [
    ...(fields.nicknames ?? []).map(({ value }) => value),
    ...(fields.emailAddresses ?? []).map(({ value }) => value),
    ...(fields.organizations ?? []).flatMap(({ name, title }) => [name, title]),
  ];
  return [...(names ?? []), ...(phones ?? []), ...rest].filter((text) => typeof text === "string");
}

function matchesPrefix(text: string, wanted: string): boolean {
  const lower = text.toLowerCase();
  for (let at = lower.indexOf(wanted); at !== -1; at = lower.indexOf(wanted, at + 1)) {
    if (at === 0 || !/[\p{L}\p{N}]/u.test(lower[at - 1]!)) return true;
  }
  return false;
}
