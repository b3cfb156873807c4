import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSandbox } from "../../../../runtime/sandbox/index.ts";
import type { Sandbox } from "../../../../runtime/sandbox/index.ts";
import { connect, control, failure } from "../../sandbox-client.ts";

let sandbox: Sandbox;
let client: Awaited<ReturnType<typeof connect>>;

beforeEach(async () => {
  sandbox = await createSandbox({ contacts: 0 });
  client = await connect(sandbox);
});
afterEach(() => sandbox.stop());

const book = () => sandbox.google.account().people;

async function create(name: string) {
  const requestBody = { contactGroup: { name } };
  return (await client.api.contactGroups.create({ requestBody }, client.options)).data;
}

function modify(
  resourceName: string,
  requestBody: { resourceNamesToAdd?: string[]; resourceNamesToRemove?: string[] },
) {
  return client.api.contactGroups.members.modify({ resourceName, requestBody }, client.options);
}

function contact(givenName = "Ada"): string {
  return `people/c${book().createContact({ names: [{ givenName }] }).id}`;
}

async function list(params: { syncToken?: string; pageSize?: number } = {}) {
  return (await client.api.contactGroups.list({ pageSize: 100, ...params }, client.options)).data;
}

describe("contact groups", () => {
  it("are created, renamed and deleted", async () => {
    const { resourceName } = await create("Customers");
    const params = { resourceName: resourceName!, requestBody: { contactGroup: { name: "Clients" } } };
    expect((await client.api.contactGroups.update(params, client.options)).data.name).toBe("Clients");
    const got = await client.api.contactGroups.get({ resourceName: resourceName! }, client.options);
    expect(got.data).toMatchObject({ name: "Clients", groupType: "USER_CONTACT_GROUP" });
    await client.api.contactGroups.delete({ resourceName: resourceName! }, client.options);
    const gone = await failure(client.api.contactGroups.get({ resourceName: resourceName! }, client.options));
    expect([gone.status, gone.body.error.message]).toEqual([404, "Requested entity was not found."]);
  });

  it("cannot share a name", async () => {
    await create("Customers");
    const other = await create("Suppliers");
    const conflict = {
      status: 409,
      body: { error: { code: 409, message: "Contact group name already exists.", status: "ALREADY_EXISTS" } },
    };
    expect(await failure(create("Customers"))).toEqual(conflict);
    const params = { resourceName: other.resourceName!, requestBody: { contactGroup: { name: "customers" } } };
    expect(await failure(client.api.contactGroups.update(params, client.options))).toEqual(conflict);
  });

  it("give a sync token without being asked, and tell changes and deletions with it", async () => {
    const customers = await create("Customers");
    const { nextSyncToken, contactGroups } = await list();
    expect(contactGroups?.map(({ resourceName }) => resourceName)).toContain("contactGroups/myContacts");
    const suppliers = await create("Suppliers");
    await client.api.contactGroups.delete({ resourceName: customers.resourceName! }, client.options);
    const changes = await list({ syncToken: nextSyncToken! });
    expect(changes.contactGroups?.map((group) => [group.resourceName, group.metadata?.deleted])).toEqual([
      [suppliers.resourceName, undefined],
      [customers.resourceName, true],
    ]);
    expect((await list({ syncToken: changes.nextSyncToken! })).contactGroups).toBeUndefined();
  });

  it("of the system cannot be changed", async () => {
    const params = { resourceName: "contactGroups/starred" };
    const { status, body } = await failure(client.api.contactGroups.delete(params, client.options));
    expect([status, body.error.message]).toEqual([400, "System contact groups cannot be changed or deleted."]);
  });

  it("are read in a batch", async () => {
    const { resourceName } = await create("Customers");
    const params = { resourceNames: [resourceName!, "contactGroups/none"] };
    const { data } = await client.api.contactGroups.batchGet(params, client.options);
    expect(data.responses?.map(({ contactGroup, status }) => [contactGroup?.name, status?.code])).toEqual([
      ["Customers", undefined],
      [undefined, 5],
    ]);
  });
});

describe("the members of a group", () => {
  it("are added and removed, which changes the contacts", async () => {
    const group = (await create("Customers")).resourceName!;
    const [a, b] = [contact("A"), contact("B")];
    await modify(group, { resourceNamesToAdd: [a, b] });
    const read = async () =>
      (await client.api.contactGroups.get({ resourceName: group, maxMembers: 10 }, client.options)).data;
    expect(await read()).toMatchObject({ memberCount: 2, memberResourceNames: [a, b] });
    await modify(group, { resourceNamesToRemove: [a] });
    expect(await read()).toMatchObject({ memberCount: 1, memberResourceNames: [b] });
    book().deleteContact(a.slice("people/c".length));
    const own = { resourceName: "contactGroups/myContacts", maxMembers: 10 };
    expect((await client.api.contactGroups.get(own, client.options)).data).toMatchObject({
      memberCount: 1,
      memberResourceNames: [b],
    });
    const person = await client.api.people.get({ resourceName: b, personFields: "memberships" }, client.options);
    expect(person.data.memberships?.map((m) => m.contactGroupMembership?.contactGroupResourceName)).toEqual([
      "contactGroups/myContacts",
      group,
    ]);
  });

  it("that do not exist, or belong to nothing else, are named in an answer that is a success", async () => {
    const [a, gone] = [contact(), "people/c1"];
    expect((await modify("contactGroups/starred", { resourceNamesToAdd: [a, gone] })).data).toEqual({
      notFoundResourceNames: [gone],
    });
    await modify("contactGroups/starred", { resourceNamesToRemove: [a] });
    expect((await modify("contactGroups/myContacts", { resourceNamesToRemove: [a] })).data).toEqual({
      canNotRemoveLastContactGroupResourceNames: [a],
    });
  });

  it("are at most 1000 at a time, and not added to deprecated system groups", async () => {
    const many = Array.from({ length: 1001 }, (_, i) => `people/c${i}`);
    const tooMany = await failure(modify("contactGroups/starred", { resourceNamesToAdd: many }));
    expect([tooMany.status, tooMany.body.error.message]).toEqual([
      400,
      "Request must have 1 to 1000 resource names to add or remove.",
    ]);
    const deprecated = await failure(modify("contactGroups/friends", { resourceNamesToAdd: [contact()] }));
    expect([deprecated.status, deprecated.body.error.message]).toEqual([
      400,
      "Contacts cannot be added to contactGroups/friends.",
    ]);
  });

  it("lose the membership when the group is deleted, or go with it", async () => {
    const { body: first } = await control(sandbox, "POST", "/groups", { name: "First" });
    const { body: second } = await control(sandbox, "POST", "/groups", { name: "Second" });
    const [a, b] = [contact("A"), contact("B")];
    await modify(first.resourceName, { resourceNamesToAdd: [a] });
    await modify(second.resourceName, { resourceNamesToAdd: [b] });
    await client.api.contactGroups.delete({ resourceName: first.resourceName }, client.options);
    await client.api.contactGroups.delete({ resourceName: second.resourceName, deleteContacts: true }, client.options);
    expect([...book().contacts.live()].map(({ id, value }) => [`people/c${id}`, value.groups])).toEqual([
      [a, ["myContacts"]],
    ]);
  });
});
