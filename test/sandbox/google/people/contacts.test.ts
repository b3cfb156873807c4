import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { people_v1 } from "googleapis/build/src/apis/people/v1.js";
import { createSandbox } from "../../../../runtime/sandbox/index.ts";
import type { Sandbox } from "../../../../runtime/sandbox/index.ts";
import { connect, CONTACTS_READONLY, control, failure } from "../../sandbox-client.ts";
import type { GoogleErrorBody } from "../../sandbox-client.ts";

let sandbox: Sandbox;
let client: Awaited<ReturnType<typeof connect>>;

beforeEach(async () => {
  sandbox = await createSandbox({ contacts: 0 });
  client = await connect(sandbox);
});
afterEach(() => sandbox.stop());

const book = () => sandbox.google.account().people;
const FIELDS = "names,emailAddresses,phoneNumbers,biographies,memberships,metadata,photos";

async function create(requestBody: people_v1.Schema$Person) {
  return (await client.api.people.createContact({ personFields: FIELDS, requestBody }, client.options)).data;
}

function update(resourceName: string, updatePersonFields: string, requestBody: people_v1.Schema$Person) {
  const params = { resourceName, updatePersonFields, personFields: FIELDS, requestBody };
  return client.api.people.updateContact(params, client.options);
}

async function get(resourceName: string, personFields = FIELDS) {
  return (await client.api.people.get({ resourceName, personFields }, client.options)).data;
}

describe("a contact", () => {
  it("is created with everything the server adds", async () => {
    const person = await create({
      names: [{ givenName: "Ada", familyName: "Lovelace", honorificPrefix: "Dr." }],
      emailAddresses: [{ value: "ada@example.com", type: "work" }, { value: "countess@example.org" }],
      phoneNumbers: [{ value: "+44 20 7946 0018", type: "workFax" }],
    });
    const id = /^people\/c(\d+)$/.exec(person.resourceName!)![1]!;
    const source = { type: "CONTACT", id: BigInt(id).toString(16) };
    expect(person).toMatchObject({
      etag: expect.stringMatching(/^%/),
      metadata: {
        objectType: "PERSON",
        sources: [{ ...source, etag: expect.stringMatching(/^#/), updateTime: expect.any(String) }],
      },
      names: [
        {
          metadata: { primary: true, source, sourcePrimary: true },
          displayName: "Dr. Ada Lovelace",
          displayNameLastFirst: "Lovelace, Ada",
          unstructuredName: "Dr. Ada Lovelace",
        },
      ],
      phoneNumbers: [{ canonicalForm: "+442079460018", formattedType: "Work Fax" }],
      memberships: [{ contactGroupMembership: { contactGroupResourceName: "contactGroups/myContacts" } }],
      photos: [{ default: true }],
    });
    expect(person.emailAddresses?.map(({ metadata }) => metadata)).toEqual([
      { primary: true, source, sourcePrimary: true },
      { source },
    ]);
    expect(await get(person.resourceName!)).toEqual(person);
  });

  it("shows only the fields that were asked for", async () => {
    const { resourceName } = await create({ names: [{ givenName: "Ada" }], biographies: [{ value: "Note" }] });
    expect(Object.keys(await get(resourceName!, "biographies"))).toEqual(["resourceName", "etag", "biographies"]);
  });

  it("may have a free-form name, no name, or an empty one", async () => {
    const free = await create({ names: [{ unstructuredName: "Ada King Lovelace" }] });
    expect(free.names?.[0]).toMatchObject({ givenName: "Ada King", familyName: "Lovelace" });
    expect((await create({ emailAddresses: [{ value: "x@example.com" }] })).names).toBeUndefined();
    expect((await create({ names: [{}] })).names).toBeUndefined();
  });

  it("may be linked to a profile, which then stands before its contact source", async () => {
    const { id } = book().createContact({ names: [{ givenName: "Ada" }] });
    book().changeContact(id, { profile: "100000000000000000001" });
    const params = { resourceName: `people/c${id}`, personFields: "metadata" };
    const types = async (sources?: string[]) =>
      (await client.api.people.get({ ...params, sources }, client.options)).data.metadata?.sources?.map((s) => s.type);
    expect(await types()).toEqual(["PROFILE", "CONTACT"]);
    expect(await types(["READ_SOURCE_TYPE_CONTACT"])).toEqual(["CONTACT"]);
  });

  it("cannot have two of a field that is single", async () => {
    const { status, body } = await failure(create({ names: [{ givenName: "A" }, { givenName: "B" }] }));
    expect([status, body.error.status, body.error.message]).toEqual([
      400,
      "INVALID_ARGUMENT",
      "Cannot have more than one person.names per source.",
    ]);
  });

  it("cannot have a field that no person has", async () => {
    const { status, body } = await failure(create({ shoeSize: [] } as people_v1.Schema$Person));
    expect([status, body.error.message]).toEqual([
      400,
      "Invalid JSON payload received. Unknown name \"shoeSize\" at 'person': Cannot find field.",
    ]);
  });

  it("is gone after deletion, a second time with 404", async () => {
    const { resourceName } = await create({ names: [{ givenName: "Ada" }] });
    const remove = () => client.api.people.deleteContact({ resourceName: resourceName! }, client.options);
    expect((await remove()).data).toEqual({});
    const expected = {
      status: 404,
      body: { error: { code: 404, message: "Requested entity was not found.", status: "NOT_FOUND" } },
    };
    expect(await failure(remove())).toEqual(expected);
    expect(await failure(get(resourceName!))).toEqual(expected);
  });

  it("is the account itself under people/me", async () => {
    expect(await get("people/me", "names,emailAddresses")).toMatchObject({
      names: [{ displayName: "Alex Morgan" }],
      emailAddresses: [{ value: "alex.morgan@example.com" }],
    });
  });
});

describe("updating a contact", () => {
  it("replaces the fields of the mask, clears those it lacks, and leaves the others", async () => {
    const before = await create({
      names: [{ givenName: "Ada" }],
      emailAddresses: [{ value: "a@example.com" }, { value: "b@example.com" }],
      phoneNumbers: [{ value: "+44 20 7946 0018" }],
    });
    const { data } = await update(before.resourceName!, "emailAddresses,phoneNumbers", {
      etag: before.etag,
      names: [{ givenName: "Ignored" }],
      emailAddresses: [{ value: "c@example.com" }],
    });
    expect(data.emailAddresses?.map(({ value }) => value)).toEqual(["c@example.com"]);
    expect(data.phoneNumbers).toBeUndefined();
    expect(data.names?.[0]?.givenName).toBe("Ada");
    expect(data.etag).not.toBe(before.etag);
  });

  it("refuses a stale etag, of the person or of its source, and takes the one of its last answer", async () => {
    const before = await create({ names: [{ givenName: "Ada" }] });
    const after = (await update(before.resourceName!, "names", { etag: before.etag, names: [{ givenName: "B" }] }))
      .data;
    const stale = {
      status: 400,
      body: {
        error: {
          code: 400,
          message:
            "Request person.etag is different than the current person.etag. Clear local cache and get the latest person.",
          status: "FAILED_PRECONDITION",
        },
      },
    };
    const body = { names: [{ givenName: "C" }] };
    expect(await failure(update(before.resourceName!, "names", { etag: before.etag, ...body }))).toEqual(stale);
    const sources = before.metadata!.sources!;
    expect(await failure(update(before.resourceName!, "names", { metadata: { sources }, ...body }))).toEqual(stale);
    expect((await update(before.resourceName!, "names", { etag: after.etag, ...body })).status).toBe(200);
  });

  it("refuses to go without an etag, without a mask, and without a group", async () => {
    const { resourceName, etag } = await create({ names: [{ givenName: "Ada" }] });
    const messages = await Promise.all(
      [
        failure(update(resourceName!, "names", { names: [{ givenName: "B" }] })),
        failure(update(resourceName!, "", { etag, names: [{ givenName: "B" }] })),
        failure(update(resourceName!, "memberships", { etag, memberships: [] })),
      ].map(async (answer) => [(await answer).status, (await answer).body.error.message]),
    );
    expect(messages).toEqual([
      [400, "Request must set person.etag or person.metadata.sources.etag for the source that is being updated."],
      [
        400,
        "updatePersonFields mask is required. Please specify one or more valid paths. Valid paths are documented at " +
          "https://developers.google.com/people/api/rest/v1/people/updateContact.",
      ],
      [400, "Request person.memberships must have at least one contact group membership."],
    ]);
  });

  it("sets and removes a photo, and answers with the person only when asked", async () => {
    const { resourceName } = await create({ names: [{ givenName: "Ada" }] });
    const png = Buffer.from("89504e470d0a1a0a00", "hex").toString("base64");
    const params = { resourceName: resourceName!, requestBody: { photoBytes: png, personFields: "photos" } };
    const set = await client.api.people.updateContactPhoto(params, client.options);
    expect(set.data.person?.photos?.[0]?.default).toBeUndefined();
    const removed = await client.api.people.deleteContactPhoto({ resourceName: resourceName! }, client.options);
    expect(removed.data).toEqual({});
    expect((await get(resourceName!)).photos?.[0]?.default).toBe(true);
    const bad = { resourceName: resourceName!, requestBody: { photoBytes: "R0lGOA==" } };
    const { status, body } = await failure(client.api.people.updateContactPhoto(bad, client.options));
    expect([status, body.error.message]).toEqual([400, "Request photo is not a valid JPEG or PNG."]);
  });
});

describe("a batch of contacts", () => {
  const people = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ contactPerson: { names: [{ givenName: `N${i}` }] } }));

  it("is created, read, updated and deleted together", async () => {
    const { api, options } = client;
    const created = await api.people.batchCreateContacts(
      { requestBody: { contacts: people(3), readMask: "names,metadata" } },
      options,
    );
    const persons = created.data.createdPeople!.map(({ person }) => person!);
    const names = persons.map(({ resourceName }) => resourceName!);
    const contacts = Object.fromEntries(
      persons.map(({ resourceName, etag }) => [resourceName!, { etag, names: [{ givenName: "Same" }] }]),
    );
    const updated = await api.people.batchUpdateContacts(
      { requestBody: { contacts, updateMask: "names", readMask: "names" } },
      options,
    );
    expect(Object.values(updated.data.updateResult!).map(({ person }) => person?.names?.[0]?.givenName)).toEqual([
      "Same",
      "Same",
      "Same",
    ]);
    await api.people.batchDeleteContacts({ requestBody: { resourceNames: names.slice(1) } }, options);
    const read = await api.people.getBatchGet({ resourceNames: names, personFields: "names" }, options);
    expect(read.data.responses?.map(({ httpStatusCode }) => httpStatusCode)).toEqual([200, 404, 404]);
  });

  it("tells nothing about what it wrote without a read mask", async () => {
    const requestBody = { contacts: people(1) };
    expect((await client.api.people.batchCreateContacts({ requestBody }, client.options)).data).toEqual({});
    expect(book().contacts.size).toBe(1);
  });

  it("is written as a whole or not at all", async () => {
    const contacts = [...people(1), { contactPerson: { names: [{ givenName: "A" }, { givenName: "B" }] } }];
    const { status } = await failure(
      client.api.people.batchCreateContacts({ requestBody: { contacts } }, client.options),
    );
    expect([status, book().contacts.size]).toEqual([400, 0]);
  });

  it("has at most 200 to create, 200 to read, 500 to delete", async () => {
    const { api, options } = client;
    const names = (count: number) => Array.from({ length: count }, (_, i) => `people/c${i}`);
    const answers = await Promise.all([
      failure(api.people.batchCreateContacts({ requestBody: { contacts: people(201) } }, options)),
      failure(api.people.getBatchGet({ resourceNames: names(201), personFields: "names" }, options)),
      failure(api.people.batchDeleteContacts({ requestBody: { resourceNames: names(501) } }, options)),
    ]);
    expect(answers.map(({ status, body }) => [status, body.error.message])).toEqual([
      [400, "Request can have at most 200 of contacts."],
      [400, "Request can have at most 200 of resourceNames."],
      [400, "Request can have at most 500 of resourceNames."],
    ]);
  });
});

describe("searching contacts", () => {
  async function search(query: string, pageSize?: number) {
    const params = { query, readMask: "names", pageSize };
    const { data } = await client.api.people.searchContacts(params, client.options);
    return data.results?.map(({ person }) => person?.names?.[0]?.displayName) ?? [];
  }

  it("finds nothing that is newer than the last warm-up request", async () => {
    book().createContact({ names: [{ givenName: "Ada" }] });
    expect(await search("ada")).toEqual([]);
    expect(await search("")).toEqual([]);
    expect(await search("ada")).toEqual(["Ada"]);
    book().createContact({ names: [{ givenName: "Adam" }] });
    expect(await search("ada")).toEqual(["Ada"]);
    await search("");
    expect(await search("ada")).toEqual(["Ada", "Adam"]);
  });

  it("matches phrases that begin a word", async () => {
    book().createContact({
      names: [{ givenName: "Foo", familyName: "Name" }],
      emailAddresses: [{ value: "mail@example.com" }],
      phoneNumbers: [{ value: "+44 20 7946 0018" }],
    });
    await search("");
    const found = async (query: string) => (await search(query)).length === 1;
    for (const query of ["f", "fo", "FOO n", "nam", "mail@ex", "+442079"])
      expect([query, await found(query)]).toEqual([query, true]);
    for (const query of ["oo n", "ame", "ail"]) expect([query, await found(query)]).toEqual([query, false]);
  });

  it("gives 10 results, and 30 at most", async () => {
    for (let i = 0; i < 40; i++) book().createContact({ names: [{ givenName: "Same" }] });
    await search("");
    expect([(await search("same")).length, (await search("same", 100)).length]).toEqual([10, 30]);
  });
});

describe("access to contacts", () => {
  it("needs a scope of the method", async () => {
    const reader = await connect(sandbox, CONTACTS_READONLY);
    const call = client.api.people.createContact({ requestBody: {} }, reader.options);
    expect(await failure(call)).toEqual({
      status: 403,
      body: {
        error: {
          code: 403,
          message: "Request had insufficient authentication scopes.",
          status: "PERMISSION_DENIED",
          details: [
            {
              "@type": "type.googleapis.com/google.rpc.ErrorInfo",
              reason: "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
              domain: "googleapis.com",
              metadata: {
                method: "google.people.v1.PeopleService.CreateContact",
                service: "people.googleapis.com",
              },
            },
          ],
        },
      },
    });
  });

  it("needs a token that is known", async () => {
    const headers = { authorization: "Bearer ya29.forged" };
    const params = { resourceName: "people/me", personFields: "names" };
    const { status, body } = await failure(client.api.people.get(params, { ...client.options, headers }));
    expect([status, body.error.status]).toEqual([401, "UNAUTHENTICATED"]);
    expect(body.error.message).toMatch(
      /^Request had invalid authentication credentials\. Expected OAuth 2 access token/,
    );
  });

  it("answers JSON for a path that does not exist", async () => {
    const answer = await fetch(`${sandbox.url}/v1/nothing`);
    expect([answer.status, await answer.json()]).toEqual([
      404,
      { error: { code: 404, message: "Method not found.", status: "NOT_FOUND" } },
    ]);
  });
});

describe("a body that is not JSON", () => {
  it("is answered in Google's form", async () => {
    const answer = await fetch(`${sandbox.url}/v1/people:createContact`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: "{",
    });
    const { error } = (await answer.json()) as GoogleErrorBody;
    expect([answer.status, error.status, error.message]).toEqual([
      400,
      "INVALID_ARGUMENT",
      expect.stringMatching(/^Invalid JSON payload received\. /),
    ]);
  });
});

describe("other contacts", () => {
  const readMask = "names,emailAddresses,metadata";
  const add = (givenName: string) =>
    book().createOther({ names: [{ givenName }], emailAddresses: [{ value: `${givenName}@example.com` }] });

  async function list(params: people_v1.Params$Resource$Othercontacts$List = {}) {
    return (await client.api.otherContacts.list({ readMask, requestSyncToken: true, ...params }, client.options)).data;
  }

  it("are listed, synced and searched apart from contacts", async () => {
    const a = add("ada");
    const { otherContacts, nextSyncToken, totalSize } = await list();
    expect([totalSize, otherContacts?.[0]?.resourceName]).toEqual([1, `otherContacts/c${a.id}`]);
    expect(otherContacts?.[0]?.metadata?.sources?.[0]?.type).toBe("OTHER_CONTACT");
    const b = add("bea");
    book().deleteOther(a.id);
    const changes = (await list({ syncToken: nextSyncToken! })).otherContacts!;
    expect(changes.map(({ resourceName, metadata }) => [resourceName, metadata?.deleted])).toEqual([
      [`otherContacts/c${b.id}`, undefined],
      [`otherContacts/c${a.id}`, true],
    ]);
    const search = (query: string) => client.api.otherContacts.search({ query, readMask: "names" }, client.options);
    await search("");
    expect((await search("bea")).data.results).toHaveLength(1);
  });

  it("become contacts when copied, with the fields of the mask", async () => {
    const { id } = add("ada");
    const { data } = await client.api.otherContacts.copyOtherContactToMyContactsGroup(
      { resourceName: `otherContacts/c${id}`, requestBody: { copyMask: "emailAddresses" } },
      client.options,
    );
    expect(data).toMatchObject({
      resourceName: expect.stringMatching(/^people\/c/),
      emailAddresses: [{ value: "ada@example.com" }],
      memberships: [{ contactGroupMembership: { contactGroupId: "myContacts" } }],
    });
    expect(data.names).toBeUndefined();
    expect((await list()).otherContacts).toBeUndefined();
  });

  it("are read only with their own fields", async () => {
    const { status, body } = await failure(list({ readMask: "birthdays" }));
    expect([status, body.error.message]).toEqual([
      400,
      'Invalid readMask mask path: "birthdays". Valid paths are documented at ' +
        "https://developers.google.com/people/api/rest/v1/otherContacts/list.",
    ]);
  });
});

describe("the same seed", () => {
  it("gives the same people under the same ids, another seed others", async () => {
    const dump = async (seed: number) => {
      const other = await createSandbox({ contacts: 40, seed });
      const { body } = await control(other, "POST", "/edits", { count: 30, seed: 7 });
      const contacts = [...other.google.account().people.contacts.live()].map(({ id, value }) => [
        id,
        value.fields,
        value.groups,
      ]);
      await other.stop();
      return JSON.stringify([body, contacts]);
    };
    const first = await dump(5);
    expect(await dump(5)).toBe(first);
    expect(await dump(6)).not.toBe(first);
  });
});
