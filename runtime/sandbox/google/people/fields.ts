import type { people_v1 } from "googleapis/build/src/apis/people/v1.js";
import { invalidArgument } from "../errors.ts";

export type Person = people_v1.Schema$Person;

/** Fields of a person that a contact can hold and a client can write. */
export const WRITABLE_FIELDS = [
  "names",
  "nicknames",
  "emailAddresses",
  "phoneNumbers",
  "addresses",
  "organizations",
  "birthdays",
  "biographies",
  "urls",
  "events",
  "relations",
  "genders",
  "occupations",
  "interests",
  "imClients",
  "sipAddresses",
  "calendarUrls",
  "locations",
  "locales",
  "externalIds",
  "miscKeywords",
  "clientData",
  "userDefined",
] as const;

export type WritableField = (typeof WRITABLE_FIELDS)[number];

/** What a contact holds: each field a list of items as they were written, without metadata. */
export type ContactFields = Pick<Person, WritableField>;

const SINGLETON_FIELDS: ReadonlySet<WritableField> = new Set(["biographies", "birthdays", "genders", "names"]);

/** Fields of which only one source knows: never written by a client. */
const READ_ONLY_FIELDS = ["ageRanges", "coverPhotos", "metadata", "photos", "skills"] as const;

export const READ_MASK: ReadonlySet<string> = new Set([...WRITABLE_FIELDS, "memberships", ...READ_ONLY_FIELDS]);
export const UPDATE_MASK: ReadonlySet<string> = new Set([...WRITABLE_FIELDS, "memberships"]);
export const OTHER_CONTACT_MASK: ReadonlySet<string> = new Set([
  "emailAddresses",
  "metadata",
  "names",
  "phoneNumbers",
  "photos",
]);

const PERSON_PROPERTIES: ReadonlySet<string> = new Set([
  ...READ_MASK,
  ..."resourceName etag ageRange braggingRights fileAses relationshipInterests relationshipStatuses residences taglines".split(
    " ",
  ),
]);

const SOURCES = {
  READ_SOURCE_TYPE_CONTACT: "CONTACT",
  READ_SOURCE_TYPE_PROFILE: "PROFILE",
  READ_SOURCE_TYPE_DOMAIN_CONTACT: "DOMAIN_CONTACT",
  READ_SOURCE_TYPE_OTHER_CONTACT: "OTHER_CONTACT",
} as const;

type Source = (typeof SOURCES)[keyof typeof SOURCES];

/** What of a person an answer shows. */
export interface View {
  fields: ReadonlySet<string>;
  sources: readonly Source[];
}

interface MaskRule {
  /** The parameter, as error messages call it. */
  name: string;
  /** The page of Google's reference that error messages point to, such as `people/get`. */
  reference: string;
  valid: ReadonlySet<string>;
}

/** A required field mask; throws INVALID_ARGUMENT when it is missing or names something that is not a field. */
export function requiredMask(text: string | null | undefined, rule: MaskRule): ReadonlySet<string> {
  const mask = optionalMask(text, rule);
  if (mask) return mask;
  throw invalidArgument(
    `${rule.name} mask is required. Please specify one or more valid paths. ${whereDocumented(rule)}`,
  );
}

/** A field mask; undefined when it is missing or empty. */
export function optionalMask(text: string | null | undefined, rule: MaskRule): ReadonlySet<string> | undefined {
  const paths = (text ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "");
  for (const path of paths) {
    if (!rule.valid.has(path)) {
      throw invalidArgument(`Invalid ${rule.name} mask path: "${path}". ${whereDocumented(rule)}`);
    }
  }
  return paths.length > 0 ? new Set(paths) : undefined;
}

function whereDocumented(rule: MaskRule): string {
  return `Valid paths are documented at https://developers.google.com/people/api/rest/v1/${rule.reference}.`;
}

/** The sources to read, CONTACT and PROFILE when none are named. */
export function readSources(values: readonly string[], fallback: readonly Source[] = ["CONTACT", "PROFILE"]): Source[] {
  const names = values.flatMap((value) => value.split(","));
  if (names.length === 0) return [...fallback];
  return names.map((name) => {
    if (Object.hasOwn(SOURCES, name)) return SOURCES[name as keyof typeof SOURCES];
    throw invalidArgument(
      `Invalid value at 'sources' (type.googleapis.com/google.people.v1.ReadSourceType), "${name}"`,
    );
  });
}

/**
 * The writable fields of a person as a client sent it, without metadata and empty items.
 * Throws INVALID_ARGUMENT for a property that no person has and for two items in a field that holds one per source.
 */
export function readContactFields(person: Record<string, unknown>): ContactFields {
  for (const name of Object.keys(person)) {
    if (!PERSON_PROPERTIES.has(name)) {
      throw invalidArgument(`Invalid JSON payload received. Unknown name "${name}" at 'person': Cannot find field.`);
    }
  }
  const fields: Record<string, object[]> = {};
  for (const name of WRITABLE_FIELDS) {
    const items = person[name];
    if (items === undefined || items === null) continue;
    if (!Array.isArray(items)) throw invalidArgument(`Invalid value at 'person.${name}', a list is expected.`);
    const kept = items.map(withoutMetadata).filter((item) => Object.keys(item).length > 0);
    if (kept.length > 1 && SINGLETON_FIELDS.has(name)) {
      throw invalidArgument(`Cannot have more than one person.${name} per source.`);
    }
    if (kept.length > 0) fields[name] = kept;
  }
  return fields;
}

function withoutMetadata(item: unknown): object {
  if (typeof item !== "object" || item === null)
    throw invalidArgument("Invalid value at 'person', an object is expected.");
  return Object.fromEntries(
    Object.entries(item).filter(([name, value]) => name !== "metadata" && value !== null && value !== ""),
  );
}
