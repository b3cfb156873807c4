import { describe, expect, it, onTestFinished } from "vitest";
import { compose, type Composed } from "../../runtime/compose.ts";
import { ManualClock } from "../../runtime/core/clock.ts";
import type { JobEngine } from "../../runtime/engine/loop.ts";
import type { RunDetails } from "../../runtime/flows/model/runs.ts";
import { checkTemplate } from "../../runtime/flows/template.ts";
import { spanOf } from "../../runtime/sandbox/google/calendar/calendars.ts";
import { createSandbox } from "../../runtime/sandbox/index.ts";
import { googleCredentials } from "../connector/google-world.ts";
import { tokens } from "../connector/highlevel-world.ts";
import { composeOptions } from "../fixtures/compose.ts";

const CONNECTORS = ["google-contacts", "gmail", "google-tasks", "google-calendar", "highlevel"];
const HOUR = 3_600_000;

/** A user with an account at every simulated vendor, on a clock that only moves when told. */
async function makeWorld() {
  const clock = new ManualClock(Date.now());
  const sandbox = await createSandbox({ contacts: 5, clock });
  const runtime: Composed = await compose(
    composeOptions({
      store: "sqlite::memory:",
      connectors: CONNECTORS,
      clients: Object.fromEntries(CONNECTORS.map((name) => [name, sandbox.client])),
      servers: sandbox.servers,
      clock,
    }),
  );
  await runtime.engine.start();
  onTestFinished(async () => {
    await runtime.engine.stop(0);
    await runtime.close();
    await sandbox.stop();
  });
  for (const connector of CONNECTORS.slice(0, 4)) {
    await runtime.accounts.create({ connector, user: "u_1", credentials: await googleCredentials(sandbox, connector) });
  }
  const { access_token: accessToken, refresh_token: refreshToken } = tokens(sandbox);
  const { locationId, companyId } = sandbox.highLevel;
  const inputs = { locationId, companyId, userType: "Location" };
  await runtime.accounts.create({
    connector: "highlevel",
    user: "u_1",
    credentials: { type: "oauth2", accessToken, refreshToken },
    inputs,
  });

  const settle = async (): Promise<void> => {
    for (let quiet = 0; quiet < 2;) {
      await (runtime.engine as JobEngine).tick();
      await new Promise((resolve) => setTimeout(resolve, 4));
      const busy = await runtime.db.get<{ n: number }>(
        "select count(*) as n from jobs where claimed_by is not null or run_at <= ?",
        [clock.now()],
      );
      quiet = busy!.n === 0 ? quiet + 1 : 0;
    }
  };
  /** Lets polls come, and everything that follows. */
  const poll = async (): Promise<void> => {
    clock.advance(60_000);
    for (const { id } of (await runtime.subscriptions.list()).data) await runtime.subscriptions.poll(id);
    await settle();
  };
  return {
    runtime,
    sandbox,
    clock,
    account: sandbox.google.account(),
    crm: sandbox.highLevel.collections,
    /** Installs a template for the user; its first polls are over. */
    install: async (template: string, setup: Record<string, unknown> = {}): Promise<string> => {
      const { id } = await runtime.templates.install(template, { user: "u_1", setup });
      await settle();
      return id;
    },
    poll,
    /** The same; gives the runs of the flow, all of which have succeeded. */
    runs: async (flow: string): Promise<RunDetails[]> => {
      await poll();
      const { data: runs } = await runtime.runs.list({ flow });
      for (const { error } of runs) if (error) throw new Error(`${error.step}: ${error.message}`);
      return Promise.all(runs.toReversed().map(({ id }) => runtime.runs.get(id)));
    },
  };
}

type World = Awaited<ReturnType<typeof makeWorld>>;

const crmContact = ({ crm }: World, email: string) => crm.contacts.list().find((row) => row["email"] === email);

describe("the shipped templates", () => {
  it("say what to name when the connections of their slots are made", async () => {
    const { runtime } = await makeWorld();
    const needs = async (id: string) => (await runtime.templates.get(id)).needs;
    expect((await needs("google-group-to-highlevel-tag"))["google"]).toEqual({
      triggers: ["contact_added_to_group"],
      actions: ["list_groups"],
      scopes: [],
    });
    const contacts = { actions: expect.arrayContaining(["create_contact", "update_contact"]) as unknown, scopes: [] };
    expect(await needs("google-highlevel-contact-sync")).toMatchObject({
      google: { ...contacts, triggers: expect.arrayContaining(["contact_deleted"]) as unknown },
      highlevel: contacts,
    });
    expect((await needs("google-event-to-highlevel"))["highlevel"]!.scopes).toEqual(["calendars.readonly"]);
  });

  it("are all without fault", async () => {
    const { runtime } = await makeWorld();
    const { data: templates } = await runtime.templates.list();
    expect(templates.map(({ id }) => id).sort()).toEqual([
      "gmail-label-to-highlevel-tag",
      "gmail-sender-to-highlevel",
      "google-contact-to-highlevel",
      "google-event-to-highlevel",
      "google-group-to-highlevel-tag",
      "google-highlevel-contact-sync",
      "google-task-to-highlevel",
      "highlevel-contact-to-google-group",
      "highlevel-task-completed-to-google",
    ]);
    for (const { source, needs: _needs, ...template } of templates) {
      expect([template.id, source, await checkTemplate(template, runtime.connectors)]).toEqual([
        template.id,
        "connector",
        [],
      ]);
    }
  });

  it("google-contact-to-highlevel creates a contact and updates it by its e-mail address", async () => {
    const world = await makeWorld();
    const flow = await world.install("google-contact-to-highlevel", { tag: "google" });
    const { id } = world.account.people.createContact({
      names: [{ givenName: "Grace", familyName: "Hopper" }],
      emailAddresses: [{ value: "grace@example.com" }],
    });
    await world.runs(flow);
    expect(crmContact(world, "grace@example.com")).toMatchObject({
      firstName: "Grace",
      lastName: "Hopper",
      tags: ["google"],
    });
    const count = world.crm.contacts.list().length;
    world.account.people.changeContact(id, {
      fields: { names: [{ givenName: "Amazing" }], emailAddresses: [{ value: "grace@example.com" }] },
    });
    expect(await world.runs(flow)).toHaveLength(2);
    expect(crmContact(world, "grace@example.com")).toMatchObject({ firstName: "Amazing" });
    expect(world.crm.contacts.list()).toHaveLength(count);
  });

  it("google-group-to-highlevel-tag tags a contact that joins a group, and copies its notes", async () => {
    const world = await makeWorld();
    const { people: book } = world.account;
    const group = book.createGroup("Buyers");
    const contact = book.createContact({
      names: [{ givenName: "Grace" }],
      emailAddresses: [{ value: "grace@example.com" }],
      biographies: [{ value: "Likes compilers" }],
    });
    const choices = await world.runtime.templates.options(
      "google-group-to-highlevel-tag",
      "group",
      {},
      { user: "u_1" },
    );
    const choice = choices.find(({ label }) => label === "Buyers");
    const flow = await world.install("google-group-to-highlevel-tag", { group: choice!.value, tag: "customer" });
    book.joinGroup(contact.id, group.id);
    await world.runs(flow);
    const made = crmContact(world, "grace@example.com");
    expect(made).toMatchObject({ tags: ["customer"] });
    expect(world.crm.notes.list().filter((note) => note["contactId"] === made!.id)).toMatchObject([
      { body: "Likes compilers" },
    ]);
  });

  it("gmail-label-to-highlevel-tag tags the sender of a labelled message, and notes the message", async () => {
    const world = await makeWorld();
    const { mailbox } = world.account;
    const label = mailbox.createLabel("Customers");
    const message = mailbox.receive({
      from: "Grace Hopper <grace@example.com>",
      subject: "Order",
      text: "Two compilers, please",
    });
    const flow = await world.install("gmail-label-to-highlevel-tag", { label: label.id, tag: "customer" });
    mailbox.modify(message, [label.id], []);
    await world.runs(flow);
    const made = crmContact(world, "grace@example.com");
    expect(made).toMatchObject({ tags: ["customer"] });
    const note = world.crm.notes.list().find((one) => one["contactId"] === made!.id);
    expect(note!["body"]).toContain("Order\n\nTwo compilers, please");
  });

  it("gmail-sender-to-highlevel makes a contact of a new sender, once", async () => {
    const world = await makeWorld();
    const flow = await world.install("gmail-sender-to-highlevel", { tag: "mail" });
    const { mailbox } = world.account;
    for (const subject of ["Hello", "Again"]) {
      mailbox.receive({ from: "Grace Hopper <grace@example.com>", subject, text: "Hi" });
      await world.runs(flow);
    }
    const runs = await world.runs(flow);
    expect(runs.map(({ steps }) => steps.map(({ status }) => status))).toEqual([
      ["succeeded", "succeeded", "succeeded"],
      ["succeeded", "skipped", "skipped"],
    ]);
    expect(crmContact(world, "grace@example.com")).toMatchObject({ tags: ["mail"] });
  });

  it("google-task-to-highlevel makes a task of the contact it names, and completing that completes the first", async () => {
    const world = await makeWorld();
    world.crm.contacts.put({
      id: "grace0000000000000000",
      locationId: world.sandbox.highLevel.locationId,
      email: "grace@example.com",
      firstName: "Grace",
      tags: [],
      dateAdded: "2026-01-01T00:00:00.000Z",
      dateUpdated: "2026-01-01T00:00:00.000Z",
    });
    const { tasks } = world.account;
    const list = tasks.list("@default")!;
    const [there, back] = [
      await world.install("google-task-to-highlevel"),
      await world.install("highlevel-task-completed-to-google"),
    ];
    const task = tasks.create(list.id, {
      title: "Call Grace",
      notes: "Her address:\ngrace@example.com.",
      due: "2026-11-30T00:00:00.000Z",
    });
    await world.runs(there);
    const made = world.crm.tasks.list().find((one) => one["title"] === "Call Grace");
    expect(made).toMatchObject({ contactId: "grace0000000000000000" });
    await world.runs(back);
    world.crm.tasks.change(String(made!["id"]), { completed: true });
    expect(await world.runs(back)).toHaveLength(1);
    expect(tasks.tasks.get(task.id)).toMatchObject({ completed: expect.any(Number) });
  });

  it("google-event-to-highlevel makes an appointment of the guest", async () => {
    const world = await makeWorld();
    const [calendar] = world.crm.calendars.list();
    const flow = await world.install("google-event-to-highlevel", { calendarId: calendar!["id"] });
    const { calendars } = world.account;
    const start = world.clock.now() + 48 * HOUR;
    calendars.create(calendars.primary, {
      summary: "Demo",
      ...spanOf(start, start + HOUR),
      attendees: [{ email: "grace@example.com", displayName: "Grace" }],
    });
    await world.runs(flow);
    const made = crmContact(world, "grace@example.com");
    const appointment = world.crm.events.list().find((event) => event["contactId"] === made!.id);
    expect(appointment).toMatchObject({ title: "Demo", calendarId: calendar!["id"] });
  });

  it("highlevel-contact-to-google-group puts a contact into the group, whether Google has it or not", async () => {
    const world = await makeWorld();
    const { people: book } = world.account;
    const group = book.createGroup("From the CRM");
    const known = book.createContact({
      names: [{ givenName: "Known" }],
      emailAddresses: [{ value: "known@example.com" }],
    });
    const flow = await world.install("highlevel-contact-to-google-group", { group: `contactGroups/${group.id}` });
    const connection = (await world.runtime.accounts.list({ connector: "highlevel", limit: 1 })).data[0]!.id;
    for (const name of ["known", "fresh"]) {
      await world.runtime.actions.run(connection, "create_contact", {
        firstName: name,
        email: `${name}@example.com`,
      });
    }
    expect(await world.runs(flow)).toHaveLength(2);
    const members = book.members(group.id, 10);
    expect(members).toHaveLength(2);
    expect(members).toContain(known.id);
  });

  it("google-highlevel-contact-sync keeps the contacts of both sides alike", async () => {
    const world = await makeWorld();
    const ofFlow = { user: "u_1", name: "Mine", enabled: false };
    await expect(world.runtime.templates.install("google-highlevel-contact-sync", ofFlow)).rejects.toMatchObject({
      code: "invalid_input",
      faults: [{ pointer: "/name" }, { pointer: "/enabled" }],
    });
    const made = await world.runtime.templates.install("google-highlevel-contact-sync", {
      user: "u_1",
      setup: { conflicts: "left" },
    });
    expect(made).toMatchObject({ resource: "contact", direction: "both", conflicts: "left", deletes: "ignore" });
    await world.poll();
    const { people } = world.account;
    people.createContact({ names: [{ givenName: "Grace" }], emailAddresses: [{ value: "grace@example.com" }] });
    world.crm.contacts.put({
      ...world.crm.contacts.list()[0],
      id: "fresh000000000000000",
      firstName: "Fresh",
      email: "fresh@example.com",
      phone: null,
      dateAdded: new Date(world.clock.now()).toISOString(),
      dateUpdated: new Date(world.clock.now()).toISOString(),
    });
    for (let i = 0; i < 3; i++) await world.poll();
    expect(crmContact(world, "grace@example.com")).toMatchObject({ firstName: "Grace" });
    const emails = [...people.contacts.live()].map(({ value }) => JSON.stringify(value));
    expect(emails.filter((text) => text.includes("fresh@example.com"))).toHaveLength(1);
  });
});
