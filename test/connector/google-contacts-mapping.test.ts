import { describe, expect, it } from "vitest";
import contactSchema from "../../schemas/contact.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";

interface Person {
  [field: string]: unknown;
  resourceName: string;
}

const connector = compileConnector(await loadManifest("google-contacts"));
const contacts = connector.streams.get("contacts")!;
const validateContact = compileSchema(contactSchema);
const full = () => structuredClone(connector.triggers.get("contact_created")!.definition.sample) as unknown as Person;
const step = (action: string, id: string) => connector.actions.get(action)!.steps.find((one) => one.id === id)!;

describe("a person in common terms", () => {
  it("keeps all that a full person tells", () => {
    const contact = contacts.resource!.map(full())!;
    expect(validateContact(contact)).toEqual([]);
    expect(contact).toMatchObject({
      type: "contact",
      id: "people/c6048977205317676311",
      firstName: "Ada",
      middleName: "Augusta",
      lastName: "Lovelace",
      prefix: "Countess",
      nickname: "Adina",
      emails: [
        { value: "ada@example.com", type: "home", primary: true },
        { value: "ada@analytical.example", type: "work" },
      ],
      phones: [{ value: "020 7946 0000", type: "work", primary: true, canonical: "+442079460000" }],
      organizations: [{ name: "Analytical Engines", jobTitle: "Programmer", department: "Research" }],
      birthday: "1815-12-10",
      notes: "Met at a party of Mary Somerville's.",
      groups: ["contactGroups/2a9d0c8f", "contactGroups/myContacts"],
      customFields: [{ key: "Customer number", value: "4711" }],
      updatedAt: "2026-11-20T09:41:27.512Z",
    });
    expect(contact["addresses"]).toMatchObject([{ street: "12 St James's Square", city: "London", countryCode: "GB" }]);
  });

  const sparse: [string, Omit<Person, "resourceName">][] = [
    ["nothing but its resource name", {}],
    ["a phone number only", { phoneNumbers: [{ value: "112" }] }],
    [
      "values without a value",
      { emailAddresses: [{ type: "home" }], phoneNumbers: [{}], urls: [{}], userDefined: [{}] },
    ],
    ["a birthday that is only text", { birthdays: [{ text: "in spring" }] }],
    ["an address in which nothing fits", { addresses: [{ countryCode: "gbr" }], organizations: [{}], photos: [{}] }],
    ["empty lists", { names: [], memberships: [], biographies: [], events: [] }],
    ["a domain membership", { memberships: [{ domainMembership: { inViewerDomain: true } }] }],
  ];
  it.each(sparse)("is valid for a person with %s", (_, fields) => {
    const person = { resourceName: "people/c1", etag: "%E", ...fields };
    expect(contacts.validateRecord!(person)).toEqual([]);
    const contact = contacts.resource!.map(person);
    expect(validateContact(contact)).toEqual([]);
    expect(contact).not.toHaveProperty("firstName");
    expect(() => [contacts.fingerprint!(person), contacts.watch!(person), contacts.timestamp!(person)]).not.toThrow();
  });

  it("writes a birthday without year as --MM-DD", () => {
    for (const date of [
      { month: 2, day: 9 },
      { year: 0, month: 2, day: 9 },
    ]) {
      const contact = contacts.resource!.map({ resourceName: "people/c1", birthdays: [{ date }] });
      expect(contact).toMatchObject({ birthday: "--02-09" });
    }
  });

  it("leaves out the letter that Google draws in place of a picture", () => {
    const person = { resourceName: "people/c1", photos: [{ url: "https://example.com/letter", default: true }] };
    expect(contacts.resource!.map(person)).not.toHaveProperty("photoUrl");
  });

  it("takes the time of change from the contact, not from a profile linked to it", () => {
    const person = full();
    const metadata = person["metadata"] as { sources: object[] };
    metadata.sources.unshift({ type: "PROFILE", id: "1", updateTime: "2001-01-01T00:00:00Z" });
    expect(contacts.timestamp!(person)).toBe("2026-11-20T09:41:27.512Z");
  });
});

describe("the fingerprint of a person", () => {
  const print = (person: Person) => JSON.stringify(contacts.fingerprint!(person));

  it("ignores etags, sources, sizes and hosts of pictures, derived texts and other programs' data", () => {
    const person = full();
    person["etag"] = "%other";
    person["metadata"] = { sources: [{ type: "CONTACT", etag: "#other", updateTime: "2026-12-01T00:00:00Z" }] };
    person["clientData"] = [{ key: "sync", value: "7" }];
    for (const items of Object.values(person)) {
      if (!Array.isArray(items)) continue;
      for (const item of items as Record<string, unknown>[]) {
        const source = (item["metadata"] as { source: object } | undefined)?.source;
        item["metadata"] = { verified: true, source: { ...source, id: "another" } };
        for (const derived of ["url", "formattedType", "canonicalForm", "displayName", "formattedValue"]) {
          if (derived in item && derived !== "url") item[derived] = "other words";
        }
      }
    }
    person["emailAddresses"] = full()["emailAddresses"];
    (person["photos"] as { url: string }[])[0]!.url = "https://lh6.googleusercontent.com/contacts/ada=s96-c?sz=50";
    (person["memberships"] as object[]).reverse();
    expect(print(person)).toBe(print(full()));
  });

  const changes: [string, unknown][] = [
    ["names", [{ givenName: "Augusta" }]],
    ["nicknames", [{ value: "Gussie" }]],
    ["emailAddresses", [{ value: "new@example.com" }]],
    ["phoneNumbers", [{ value: "999" }]],
    ["addresses", [{ city: "Paris" }]],
    ["organizations", [{ name: "Analytical Engines", title: "Director" }]],
    ["birthdays", [{ date: { month: 12, day: 11 } }]],
    ["biographies", [{ value: "Another note" }]],
    ["urls", [{ value: "https://example.org" }]],
    ["events", [{ date: { year: 1836, month: 7, day: 8 } }]],
    ["relations", [{ person: "Lord Byron", type: "father" }]],
    ["userDefined", [{ key: "Customer number", value: "1" }]],
    ["externalIds", [{ value: "1", type: "customer" }]],
    ["imClients", [{ username: "ada", protocol: "jabber" }]],
    ["sipAddresses", [{ value: "sip:ada@example.com" }]],
    ["calendarUrls", [{ url: "https://example.com/ada.ics" }]],
    ["genders", [{ value: "female" }]],
    ["occupations", [{ value: "Mathematician" }]],
    ["interests", [{ value: "Flying" }]],
    ["skills", [{ value: "Calculus" }]],
    ["locations", [{ value: "Desk 4" }]],
    ["locales", [{ value: "en-GB" }]],
    ["miscKeywords", [{ value: "keyword", type: "OTHER" }]],
    ["memberships", [{ contactGroupMembership: { contactGroupResourceName: "contactGroups/myContacts" } }]],
    ["photos", []],
    [
      "photos",
      [{ metadata: { source: { type: "CONTACT" } }, url: "https://lh3.googleusercontent.com/contacts/other=s100" }],
    ],
  ];
  it.each(changes)("changes with %s", (field, value) => {
    expect(print({ ...full(), [field]: value })).not.toBe(print(full()));
  });
});

describe("watched groups", () => {
  it("leave out My Contacts, in which every contact is", () => {
    expect(contacts.watch!(full())).toEqual({ groups: ["contactGroups/2a9d0c8f"] });
  });

  const added = connector.triggers.get("contact_added_to_group")!;
  const removed = connector.triggers.get("contact_removed_from_group")!;
  const inGroup = { record: full(), resource: {} };
  const [group, other] = ["contactGroups/2a9d0c8f", "contactGroups/77"];

  it("fire for any group when none is chosen", () => {
    expect(added.where!({ ...inGroup, previous: null, input: {} })).toBe(true);
    expect(removed.where!({ ...inGroup, previous: { groups: [other] }, input: {} })).toBe(true);
  });

  it("fire for the chosen group only when that one was joined or left", () => {
    expect(added.where!({ ...inGroup, previous: { groups: [] }, input: { group } })).toBe(true);
    expect(added.where!({ ...inGroup, previous: { groups: [group] }, input: { group } })).toBe(false);
    expect(added.where!({ ...inGroup, previous: { groups: [] }, input: { group: other } })).toBe(false);
    expect(removed.where!({ ...inGroup, previous: { groups: [group, other] }, input: { group: other } })).toBe(true);
    expect(removed.where!({ ...inGroup, previous: { groups: [group, other] }, input: { group } })).toBe(false);
  });
});

describe("groups", () => {
  const groups = connector.streams.get("groups")!;

  it("are the user's own, and deleted ones of which Google tells no type", () => {
    const body = {
      contactGroups: [
        { resourceName: "contactGroups/starred", groupType: "SYSTEM_CONTACT_GROUP" },
        { resourceName: "contactGroups/1", groupType: "USER_CONTACT_GROUP" },
        { resourceName: "contactGroups/2", metadata: { deleted: true } },
      ],
    };
    const found = groups.select({ status: 200, headers: {}, body }) as Person[];
    expect(found.map(({ resourceName }) => resourceName)).toEqual(["contactGroups/1", "contactGroups/2"]);
    expect(groups.select({ status: 200, headers: {}, body: {} })).toEqual([]);
  });

  it("are not updated by contacts that join or leave", () => {
    const sample = connector.triggers.get("group_updated")!.definition.sample!;
    expect(groups.fingerprint!({ ...sample, memberCount: 1, etag: "x" })).toEqual(groups.fingerprint!(sample));
    expect(groups.fingerprint!({ ...sample, name: "x" })).not.toEqual(groups.fingerprint!(sample));
  });
});

describe("the input of an action as Google wants it", () => {
  it("has nothing but what was given in a new contact, and puts it into My Contacts", () => {
    const { body } = step("create_contact", "request").request({ input: { givenName: "Ada", birthday: "--12-10" } });
    expect(body).toEqual({
      names: [{ givenName: "Ada" }],
      birthdays: [{ date: { month: 12, day: 10 } }],
      memberships: [{ contactGroupMembership: { contactGroupResourceName: "contactGroups/myContacts" } }],
    });
  });

  it("gives one person alike alone and in a batch", () => {
    const input = {
      givenName: "Ada",
      nickname: "Adina",
      emails: [{ value: "ada@example.com" }],
      organization: { name: "Analytical Engines" },
      birthday: "1815-12-10",
      events: [{ date: "1835-07-08", type: "anniversary" }, { date: "--01-02" }],
      note: "Hello",
      groups: ["contactGroups/1"],
    };
    const one = step("create_contact", "request").request({ input }).body;
    const batch = step("batch_create_contacts", "request").request({ input: { contacts: [input] } }).body;
    expect(batch).toMatchObject({ contacts: [{ contactPerson: one }] });
  });

  const read = {
    body: {
      resourceName: "people/c1",
      etag: "%1",
      names: [
        { metadata: {}, displayName: "Ada King", unstructuredName: "Ada King", givenName: "Ada", familyName: "King" },
      ],
      organizations: [{ metadata: {}, name: "Engines", title: "Analyst" }, { name: "Second" }],
      emailAddresses: [{ value: "ADA@example.com" }],
      phoneNumbers: [{ value: "020 7946", canonicalForm: "+44207946" }],
    },
  };

  it("merges a change into the name and first organization that were read, and names only the fields given", () => {
    const input = { familyName: "Lovelace", organization: { title: "Programmer" }, emails: [] };
    const { params, body } = step("update_contact", "write").request({ input, steps: { read } });
    expect(params).toMatchObject({
      resourceName: "people/c1",
      updatePersonFields: "names,emailAddresses,organizations",
    });
    expect(body).toEqual({
      etag: "%1",
      names: [{ givenName: "Ada", familyName: "Lovelace" }],
      emailAddresses: [],
      organizations: [{ name: "Engines", title: "Programmer" }, { name: "Second" }],
    });
  });

  it("clears what is given as empty text", () => {
    const input = { familyName: "", nickname: "", birthday: "" };
    const { params, body } = step("update_contact", "write").request({ input, steps: { read } });
    expect(params).toMatchObject({ updatePersonFields: "names,nicknames,birthdays" });
    expect(body).toMatchObject({ names: [{ givenName: "Ada" }] });
    expect(body).not.toHaveProperty("nicknames");
  });

  it("keeps in a batch what one contact does not change but another does", () => {
    const contacts = [
      { resourceName: "people/c1", note: "Hello" },
      { resourceName: "people/c2", emails: [{ value: "new@example.com" }] },
      { resourceName: "people/gone", note: "x" },
    ];
    const second = { ...read.body, resourceName: "people/c2", biographies: [{ value: "Kept" }] };
    const responses = [
      { requestedResourceName: "people/c2", person: second },
      { requestedResourceName: "people/gone", status: { code: 5 } },
      { requestedResourceName: "people/c1", person: read.body },
    ];
    const scope = { input: { contacts }, steps: { read: { body: { responses } } } };
    const body = step("batch_update_contacts", "write").request(scope).body as Record<string, unknown>;
    expect(body["updateMask"]).toBe("emailAddresses,biographies");
    expect(body["contacts"]).toMatchObject({
      "people/c1": { etag: "%1", emailAddresses: [{ value: "ADA@example.com" }], biographies: [{ value: "Hello" }] },
      "people/c2": { emailAddresses: [{ value: "new@example.com" }], biographies: [{ value: "Kept" }] },
    });
    expect(Object.keys(body["contacts"] as object)).toEqual(["people/c1", "people/c2"]);
  });

  it("can be made for the largest batch", () => {
    const names = Array.from({ length: 200 }, (_, i) => `people/c${i}`);
    const input = { contacts: names.map((resourceName) => ({ resourceName, givenName: "A", note: "n" })) };
    const responses = names.map((resourceName) => ({
      requestedResourceName: resourceName,
      person: { ...full(), resourceName },
    }));
    const scope = { input, steps: { read: { body: { responses } } } };
    const { contacts } = step("batch_update_contacts", "write").request(scope).body as { contacts: object };
    expect(Object.keys(contacts)).toHaveLength(200);
  });

  it("adds to the addresses there are, without repeating them, when creating or updating", () => {
    const emails = [{ value: "ada@EXAMPLE.com" }, { value: "new@example.com" }];
    const input = { emails, phones: [{ value: "+44 20 79-46" }, { value: "112" }] };
    const { body } = step("upsert_contact", "update").request({ input, steps: { read } });
    expect(body).toMatchObject({ emailAddresses: [{ value: "ADA@example.com" }, { value: "new@example.com" }] });
    expect(body).toMatchObject({ phoneNumbers: [{ value: "020 7946" }, { value: "112" }] });
  });

  it("comes from a contact of another connector, and is valid", () => {
    const { from } = connector.resources.get("contact")!;
    const resource = contacts.resource!.map(full());
    const input = from({ resource }) as object;
    expect(connector.actions.get("create_contact")!.validateInput(input)).toEqual([]);
    expect(input).toMatchObject({
      givenName: "Ada",
      organization: { name: "Analytical Engines", title: "Programmer" },
      birthday: "1815-12-10",
    });
    expect(from({ resource: { type: "contact", id: "1", organizations: [{}], addresses: [{}] } })).toEqual({
      addresses: [],
    });
  });
});

describe("finding a contact", () => {
  const results = [
    { person: { resourceName: "people/c1", emailAddresses: [{ value: "ada@example.com.au" }, {}] } },
    { person: { resourceName: "people/c2", emailAddresses: [{ value: "Ada@Example.com" }] } },
    { person: { resourceName: "people/c3", phoneNumbers: [{ value: "020 7946", canonicalForm: "+44207946" }] } },
  ];
  const find = (input: object, found: object[] = results) =>
    connector.actions.get("find_contact")!.result({ input, steps: { search: { body: { results: found } } } });
  const matched = (input: object, body: object = { results }) => {
    const { when, request } = step("upsert_contact", "read");
    const scope = { input, steps: { search: { body } } };
    return when!(scope) ? request(scope).params : undefined;
  };

  it("takes an exact e-mail address, not the beginning of another", () => {
    expect(find({ email: "ada@example.com" })).toMatchObject({ contact: { resourceName: "people/c2" } });
    expect(matched({ emails: [{ value: "ada@example.com" }] })).toMatchObject({ resourceName: "people/c2" });
  });

  it("compares phone numbers by their digits, in the form entered and in E.164", () => {
    for (const phone of ["0207946", "+44 20 7946"]) {
      expect(find({ phone })).toMatchObject({ contacts: [{ resourceName: "people/c3" }] });
      expect(matched({ phones: [{ value: phone }] })).toMatchObject({ resourceName: "people/c3" });
    }
  });

  it("finds nothing where nothing fits", () => {
    expect(find({ email: "eda@example.com" })).toEqual({ contacts: [] });
    expect(find({ query: "x" }, [])).toEqual({ contacts: [] });
    expect(matched({ phones: [{ value: "none" }] })).toBeUndefined();
    expect(matched({ emails: [{ value: "ada@example.com" }] }, {})).toBeUndefined();
  });
});
