import type { LiveVersion, Version } from "../../history.ts";
import type { Contact } from "./address-book.ts";
import { personEtag, sourceEtag } from "./etag.ts";
import { groupResourceName } from "./groups.ts";
import { WRITABLE_FIELDS } from "./fields.ts";
import type { ContactFields, Person, View } from "./fields.ts";

/** Where the person of a version comes from: the user's contacts, or people that Google noticed by itself. */
type ContactKind = "CONTACT" | "OTHER_CONTACT";

type Item = Record<string, unknown>;

export function contactResourceName(kind: ContactKind, id: string): string {
  return `${kind === "CONTACT" ? "people" : "otherContacts"}/c${id}`;
}

/**
 * A contact as the People API shows it.
 * @param options.previousNames  whether former resource names are told, as only sync requests do
 */
export function renderPerson(
  version: LiveVersion<Contact>,
  kind: ContactKind,
  view: View,
  options: { previousNames?: boolean } = {},
): Person {
  const contact = version.value;
  const profile = view.sources.includes("PROFILE") ? contact.profile : undefined;
  const hasContact = view.sources.includes("CONTACT") || kind === "OTHER_CONTACT";
  const source = { type: kind, id: sourceId(version.id) };
  const person: Item = { resourceName: contactResourceName(kind, version.id), etag: personEtag(version) };
  if (view.fields.has("metadata")) {
    person.metadata = {
      sources: [...(profile ? [profileSource(profile)] : []), ...(hasContact ? [contactSource(version, source)] : [])],
      ...(options.previousNames &&
        version.previousIds.length > 0 && {
          previousResourceNames: version.previousIds.map((id) => contactResourceName(kind, id)),
        }),
      objectType: "PERSON",
    };
  }
  if (hasContact) {
    const fields = contact.fields;
    for (const name of WRITABLE_FIELDS) {
      if (view.fields.has(name) && fields[name]) person[name] = renderItems(name, fields[name] as Item[], source);
    }
    if (view.fields.has("memberships") && kind === "CONTACT") {
      person.memberships = contact.groups.map((group) => ({
        metadata: { source },
        contactGroupMembership: { contactGroupId: group, contactGroupResourceName: groupResourceName(group) },
      }));
    }
  }
  if (view.fields.has("photos")) person.photos = [renderPhoto(version, source, profile)];
  return person;
}

/** A contact that is gone, as sync requests tell it: little more than its name. */
export function renderDeletedPerson(version: Version<Contact>, kind: ContactKind): Person {
  return {
    resourceName: contactResourceName(kind, version.id),
    etag: personEtag(version),
    metadata: {
      sources: [contactSource(version, { type: kind, id: sourceId(version.id) })],
      ...(version.previousIds.length > 0 && {
        previousResourceNames: version.previousIds.map((id) => contactResourceName(kind, id)),
      }),
      deleted: true,
      objectType: "PERSON",
    },
  };
}

function sourceId(id: string): string {
  return BigInt(id).toString(16);
}

function contactSource(version: Version<Contact>, source: { type: string; id: string }): Item {
  return { ...source, etag: sourceEtag(version), updateTime: new Date(version.time).toISOString() };
}

function profileSource(profile: string): Item {
  return {
    type: "PROFILE",
    id: profile,
    etag: `#${Buffer.from(profile).toString("base64").slice(0, 12)}`,
    profileMetadata: { objectType: "PERSON", userTypes: ["GOOGLE_USER"] },
  };
}

function renderItems(field: keyof ContactFields, items: readonly Item[], source: object): Item[] {
  const decorate = DECORATIONS[field];
  return items.map((item, index) => ({
    metadata: index === 0 ? { primary: true, source, sourcePrimary: true } : { source },
    ...item,
    ...(typeof item.type === "string" && { formattedType: formattedType(item.type) }),
    ...decorate?.(item),
  }));
}

/** What the server adds to an item by itself. */
const DECORATIONS: { [field in keyof ContactFields]?: (item: Item) => Item } = {
  names: nameForms,
  phoneNumbers: (item) => {
    const canonicalForm = canonicalPhone(String(item.value ?? ""));
    return canonicalForm ? { canonicalForm } : {};
  },
  addresses: (item) => ({
    formattedValue:
      [item.streetAddress, [item.city, item.region, item.postalCode].filter(Boolean).join(", "), item.country]
        .filter(Boolean)
        .join("\n") || item.formattedValue,
  }),
  biographies: (item) => ({ contentType: item.contentType ?? "TEXT_PLAIN" }),
  birthdays: (item) => {
    const { year, month, day } = (item.date ?? {}) as { year?: number; month?: number; day?: number };
    return month && day ? { text: [month, day, ...(year ? [year] : [])].join("/") } : {};
  },
};

function nameForms(item: Item): Item {
  const name = parsedName(item);
  const first = [name.givenName, name.middleName].filter(Boolean).join(" ");
  const displayName = [name.honorificPrefix, first, name.familyName].filter(Boolean).join(" ");
  const display = name.honorificSuffix ? `${displayName}, ${String(name.honorificSuffix)}` : displayName;
  return {
    ...name,
    displayName: display,
    displayNameLastFirst: [name.familyName, first].filter(Boolean).join(", "),
    unstructuredName: item.unstructuredName ?? display,
  };
}

/** A free-form name is split where Google splits most: the last word is the family name. */
function parsedName(item: Item): Item {
  if (item.givenName || item.familyName || typeof item.unstructuredName !== "string") return item;
  const words = item.unstructuredName.trim().split(/\s+/);
  if (words.length === 1) return { givenName: words[0] };
  return { givenName: words.slice(0, -1).join(" "), familyName: words.at(-1) };
}

/** E.164 where it can be told: an international number, or ten digits of the account's own country (US). */
function canonicalPhone(value: string): string | undefined {
  const digits = value.replaceAll(/\D/g, "");
  if (value.trim().startsWith("+")) return `+${digits}`;
  return digits.length === 10 ? `+1${digits}` : undefined;
}

function formattedType(type: string): string {
  return type.replaceAll(/([a-z])([A-Z])/g, "$1 $2").replace(/^./, (letter) => letter.toUpperCase());
}

function renderPhoto(version: LiveVersion<Contact>, source: object, profile: string | undefined): Item {
  const photo = version.value.photo;
  const host = "https://lh3.googleusercontent.com";
  if (photo) return { metadata: { primary: true, source }, url: `${host}/contacts/${photo}=s100` };
  if (profile)
    return { metadata: { primary: true, source: { type: "PROFILE", id: profile } }, url: `${host}/a-/${profile}=s100` };
  return { metadata: { primary: true, source }, url: `${host}/cm/${version.id}=s100`, default: true };
}
