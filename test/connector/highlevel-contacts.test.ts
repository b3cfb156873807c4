import { describe, expect, it } from "vitest";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import type { World } from "../contract/world.ts";
import { control, openHighLevel } from "./highlevel-world.ts";

const contactId = samples.contact.id;
const searches = ({ sandbox }: World) => sandbox.requests.get("highlevel.search-contacts-advanced");

/** Contacts that were there before anybody looked. */
function fill({ sandbox: { highLevel } }: World, count: number): void {
  for (let n = 0; n < count; n++) {
    const dateUpdated = new Date(Date.parse("2020-01-01") + Math.floor(n / 3) * 1000).toISOString();
    const id = `old${String(n).padStart(5, "0")}`;
    highLevel.collections.contacts.put({
      id,
      locationId: highLevel.locationId,
      firstName: id,
      tags: [],
      dateAdded: dateUpdated,
      dateUpdated,
    });
  }
}

const idsOf = (events: { data: unknown }[]) =>
  events.map(({ data }) => (data as { resource: { id: string } }).resource.id);

describe("the stream of contacts", () => {
  it("reads everything once, page by page, and afterwards only from the last change on", async () => {
    await using world = await openHighLevel();
    fill(world, 250);
    const subscription = await world.subscribe("contact_updated");
    expect(searches(world)).toBe(3); // 252 contacts in pages of 100
    world.clock.advance(3_600_000);
    await world.run("update_contact", { contactId: "old00100", city: "Lyon" });
    expect(idsOf(await world.poll(subscription))).toEqual(["old00100"]);
    expect(searches(world)).toBe(4);
    expect(await world.poll(subscription)).toEqual([]);
  });

  it("goes on after time and id, so that changes of the same moment are not passed over", async () => {
    await using world = await openHighLevel();
    fill(world, 150);
    const subscription = await world.subscribe("contact_updated");
    world.clock.advance(3_600_000);
    const dateUpdated = new Date(world.clock.now()).toISOString();
    const { contacts } = world.sandbox.highLevel.collections;
    for (let n = 0; n < 130; n++) contacts.change(`old${String(n).padStart(5, "0")}`, { dateUpdated });
    expect(new Set(idsOf(await world.poll(subscription))).size).toBe(130);
    expect(await world.poll(subscription)).toEqual([]);
  });

  it("tells a change that the search shows late, though later ones were told already", async () => {
    await using world = await openHighLevel();
    const subscription = await world.subscribe("contact_updated");
    world.clock.advance(3_600_000);
    const { contacts } = world.sandbox.highLevel.collections;
    const late = new Date(world.clock.now()).toISOString();
    world.clock.advance(20_000);
    await world.run("update_contact", { contactId, city: "Lyon" });
    world.clock.advance(20_000);
    expect(idsOf(await world.poll(subscription))).toEqual([contactId]);
    const other = samples.relation.secondRecordId;
    contacts.change(other, { city: "Paris", dateUpdated: late });
    expect(idsOf(await world.poll(subscription))).toEqual([other]);
    expect(await world.poll(subscription)).toEqual([]);
  });

  it("keeps to the filters a subscriber chooses", async () => {
    await using world = await openHighLevel();
    const filters = [{ field: "tags", operator: "contains", value: ["vip"] }];
    const subscription = await world.subscribe("search_contacts", { filters });
    await world.run("create_contact", { firstName: "Grace" });
    expect(await world.poll(subscription)).toEqual([]);
    await world.run("create_contact", { firstName: "Emmy", tags: ["vip"] });
    expect(await world.poll(subscription)).toMatchObject([{ data: { resource: { firstName: "Emmy" } } }]);
  });

  it("does not take a contact that comes to meet the filters for a new one", async () => {
    await using world = await openHighLevel();
    fill(world, 1);
    const filters = [{ field: "tags", operator: "contains", value: ["vip"] }];
    const created = await world.subscribe("contact_created", { filters });
    await world.subscribe("contact_updated", { filters });
    const { contacts } = world.sandbox.highLevel.collections;
    for (const tags of [["vip"], [], ["vip"]]) {
      world.clock.advance(600_000);
      contacts.change("old00000", { tags, dateUpdated: new Date(world.clock.now()).toISOString() });
      world.clock.advance(20_000);
      expect(await world.poll(created)).toEqual([]);
    }
    await world.run("create_contact", { firstName: "Emmy", tags: ["vip"] });
    expect(await world.poll(created)).toHaveLength(1);
    const { data: told } = await world.runtime.events.list({ type: "contact.updated" });
    expect(told.map(({ data }) => (data as { change: string }).change)).toEqual(["updated", "updated"]);
  });

  it("does not take a task that is given to another user for a new one", async () => {
    await using world = await openHighLevel();
    const input = { assignedTo: samples.user.id };
    const subscription = await world.subscribe("task_created", input);
    const task = { contactId, title: "Call", dueDate: "2026-12-24T09:00:00Z", completed: false };
    const { id: taskId } = (await world.run("create_contact_task", { ...task, assignedTo: "another" })) as {
      id: string;
    };
    expect(await world.poll(subscription)).toEqual([]);
    await world.run("update_contact_task", { contactId, taskId, assignedTo: samples.user.id });
    expect(await world.poll(subscription)).toEqual([]);
    await world.run("create_contact_task", { ...task, assignedTo: samples.user.id });
    expect(await world.poll(subscription)).toHaveLength(1);
  });
});

describe("contacts", () => {
  it("take and give ten custom fields and more, whose names are looked up", async () => {
    await using world = await openHighLevel();
    for (let n = 1; n <= 12; n++)
      await control(world, "POST", "/customFields", { id: `field${n}`, name: `Field ${n}`, model: "contact" });
    const { actions: vendor } = world.runtime;
    const options = await vendor.options(world.connection, "create_contact", "customFields.id");
    expect(options).toHaveLength(13);
    expect(options).toContainEqual({ value: "field12", label: "Field 12" });
    const customFields = options.map(({ value }, n) => ({ id: value, field_value: n }));
    const created = await world.run("create_contact", { firstName: "Grace", customFields });
    expect(created.customFields).toEqual(options.map(({ value }, n) => ({ id: value, value: n })));
  });

  it("that HighLevel knows already are refused by create and updated by upsert", async () => {
    await using world = await openHighLevel();
    const { email } = samples.contact;
    await expect(world.run("create_contact", { firstName: "Ada", email })).rejects.toMatchObject({
      code: "conflict",
      message:
        "highlevel /contacts/: the vendor answered 400: This location does not allow duplicated contacts.; read the newest state and try again",
    });
    expect(await world.run("upsert_contact", { email, city: "Ockham" })).toMatchObject({
      id: contactId,
      new: false,
      city: "Ockham",
    });
    expect(await world.run("upsert_contact", { email: "emmy@example.com" })).toMatchObject({ new: true });
  });

  it("are found by e-mail address, phone number, words and filters, and page by page after the last", async () => {
    await using world = await openHighLevel();
    fill(world, 30);
    for (const input of [
      { email: "ADA@example.com" },
      { phone: samples.contact.phone },
      { query: "lovel" },
      {
        filters: [
          {
            group: "OR",
            filters: [
              { field: "city", operator: "eq", value: "London" },
              { field: "city", operator: "eq", value: "Bath" },
            ],
          },
        ],
        query: "ada",
      },
    ]) {
      const { contact } = await world.run("find_contact", input);
      expect({ input, id: contact?.id }).toEqual({ input, id: contactId });
    }
    const sort = [{ field: "dateAdded", direction: "asc" }];
    const first = await world.run("find_contact", { sort, pageLimit: 20 });
    const second = await world.run("find_contact", {
      sort,
      pageLimit: 20,
      searchAfter: first.contacts.at(-1).searchAfter,
    });
    expect(new Set([...first.contacts, ...second.contacts].map(({ id }: { id: string }) => id)).size).toBe(32);
    await expect(world.run("find_contact", { page: 101, pageLimit: 100 })).rejects.toMatchObject({
      message: expect.stringContaining("page * pageLimit must not be greater than 10000") as string,
    });
  });

  it("can be taken out of their business, which takes a null", async () => {
    await using world = await openHighLevel();
    await world.run("bulk_business_update", { ids: [contactId], businessId: null });
    expect(world.sandbox.highLevel.collections.contacts.get(contactId)["businessId"]).toBeNull();
  });

  it("that are gone already count as deleted", async () => {
    await using world = await openHighLevel();
    expect(await world.run("delete_contact", { contactId })).toMatchObject({ succeded: true });
    expect(await world.run("delete_contact", { contactId })).toBeNull();
  });
});

describe("finding a contact", () => {
  it("by e-mail gives that contact and no other, and none when nobody has it", async () => {
    await using world = await openHighLevel();
    fill(world, 3);
    const { email } = samples.contact;
    const found = (await world.run("find_contact", { email })) as { contacts: { id: string }[] };
    expect(found.contacts.map(({ id }) => id)).toEqual([contactId]);
    const nobody = (await world.run("find_contact", { email: "nobody@example.com" })) as { contacts: unknown[] };
    expect(nobody.contacts).toEqual([]);
  });
});
