import type { Person } from "../../runtime/sandbox/google/people/fields.ts";

const GROUP = "contactGroups/myContacts";
const NOTE = "Met at the harbour festival.";

/** What a hand-written connector would make of it: the same that the manifest's mapping gives. */
export function resourceOf(person: Person): object {
  const [name] = person.names!;
  const [source] = person.metadata!.sources!;
  return {
    type: "contact",
    id: person.resourceName,
    firstName: name!.givenName,
    lastName: name!.familyName,
    displayName: name!.displayName,
    emails: person.emailAddresses!.map(({ value, type, metadata }) => ({ value, type, primary: metadata!.primary })),
    phones: person.phoneNumbers!.map(({ value, type, canonicalForm, metadata }) => ({
      value,
      type,
      primary: metadata!.primary,
      canonical: canonicalForm,
    })),
    organizations: person.organizations!.map(({ name, title, type, metadata }) => ({
      name,
      jobTitle: title,
      type,
      primary: metadata!.primary,
    })),
    notes: person.biographies![0]!.value,
    groups: [GROUP],
    updatedAt: source!.updateTime,
  };
}

/** A contact of about 1.5 kB as the People API sends it. */
export function contact(index: number): Person {
  const id = `c${4_000_000_000_000_000_000n + BigInt(index)}`;
  const source = { type: "CONTACT", id: id.slice(1).padStart(16, "0") };
  const metadata = { primary: true, source };
  const given = `Ada${index}`;
  return {
    resourceName: `people/${id}`,
    etag: `%EggBAj0JPjcuGgQBAgUHIgw${index.toString(36).padStart(10, "0")}=`,
    metadata: {
      sources: [{ ...source, etag: `#${index}`, updateTime: "2026-01-01T08:00:00.000000Z" }],
      objectType: "PERSON",
    },
    names: [
      {
        metadata,
        displayName: `${given} Lovelace`,
        familyName: "Lovelace",
        givenName: given,
        displayNameLastFirst: `Lovelace, ${given}`,
      },
    ],
    emailAddresses: [
      { metadata, value: `ada.${index}@example.com`, type: "home", formattedType: "Home" },
      {
        metadata: { source },
        value: `ada.lovelace.${index}@analytical.example.com`,
        type: "work",
        formattedType: "Work",
      },
    ],
    phoneNumbers: [
      {
        metadata,
        value: `+49 151 ${2_000_000 + index}`,
        canonicalForm: `+49151${2_000_000 + index}`,
        type: "mobile",
        formattedType: "Mobile",
      },
    ],
    organizations: [
      { metadata, type: "work", name: "Analytical Engines Ltd.", title: "Programmer", formattedType: "Work" },
    ],
    biographies: [{ metadata, value: NOTE, contentType: "TEXT_PLAIN" }],
    memberships: [
      {
        metadata: { source },
        contactGroupMembership: { contactGroupId: "myContacts", contactGroupResourceName: GROUP },
      },
    ],
  };
}
