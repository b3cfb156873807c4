import { describe, expect, it } from "vitest";
import samples from "../../connector/highlevel/samples.json" with { type: "json" };
import appointment from "../../schemas/appointment.schema.json" with { type: "json" };
import contact from "../../schemas/contact.schema.json" with { type: "json" };
import message from "../../schemas/message.schema.json" with { type: "json" };
import note from "../../schemas/note.schema.json" with { type: "json" };
import opportunity from "../../schemas/opportunity.schema.json" with { type: "json" };
import task from "../../schemas/task.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";

const connector = compileConnector(await loadManifest("highlevel"));
const schemas: Record<string, object> = { appointment, contact, message, note, opportunity, task };

/** The record in common terms, found to be what its schema says. */
function mapped(stream: string, record: object): Record<string, unknown> {
  const { validateRecord, resource } = connector.streams.get(stream)!;
  expect(validateRecord!(record)).toEqual([]);
  const result = resource!.map(record)!;
  expect(compileSchema(schemas[resource!.type]!)(result)).toEqual([]);
  return result;
}

describe("a full record in common terms keeps all it tells", () => {
  it("of a contact", () => {
    expect(mapped("contacts", { ...samples.contact, additionalEmails: [{ email: "countess@example.com" }] })).toEqual({
      type: "contact",
      id: samples.contact.id,
      firstName: "Ada",
      lastName: "Lovelace",
      displayName: "ada lovelace",
      emails: [{ value: "ada@example.com", primary: true }, { value: "countess@example.com" }],
      phones: [{ value: "+442079460000", primary: true, canonical: "+442079460000" }],
      addresses: [
        {
          street: "12 St James's Square",
          city: "London",
          region: "Greater London",
          postalCode: "SW1Y 4LB",
          country: "GB",
          countryCode: "GB",
        },
      ],
      organizations: [{ name: "Analytical Engines" }],
      birthday: "1815-12-10",
      urls: [{ value: "https://example.com/ada" }],
      tags: ["vip"],
      customFields: [{ key: samples.contact.customFields[0]!.id, value: "38" }],
      createdAt: "2026-11-20T09:41:27.512Z",
      updatedAt: "2026-11-21T22:00:00.000Z",
    });
  });

  it("of a contact as reading it alone gives it", () => {
    const { address, contactName: _, searchAfter: __, ...rest } = samples.contact;
    const result = mapped("get_contact", {
      ...rest,
      name: "Ada Lovelace",
      address1: address,
      dateOfBirth: Date.parse("1815-12-10"),
    });
    expect(result).toMatchObject({
      displayName: "Ada Lovelace",
      addresses: [{ street: address }],
      birthday: "1815-12-10",
    });
  });

  it("of a task, of a note, and of a note about an appointment", () => {
    expect(mapped("get_contact_tasks", samples.task)).toEqual({
      type: "task",
      id: samples.task.id,
      title: "Call Ada",
      notes: "About the engine",
      completed: false,
      due: "2026-11-30T09:00:00.000Z",
      contactId: samples.contact.id,
      assigneeIds: [samples.user.id],
    });
    expect(mapped("get_contact_notes", samples.note)).toMatchObject({
      body: "<p>Prefers mornings</p>",
      text: "Prefers mornings",
      authorId: samples.user.id,
    });
    expect(mapped("list_appointment_notes", samples.appointment_note)).toMatchObject({
      type: "note",
      body: "Bring the drawings",
    });
  });

  it("of an appointment, with its status in common words", () => {
    expect(mapped("appointments", samples.appointment)).toEqual({
      type: "appointment",
      id: samples.appointment.id,
      title: "Demonstration",
      description: "Bring the punched cards",
      status: "confirmed",
      start: "2026-12-01T09:00:00.000Z",
      end: "2026-12-01T10:00:00.000Z",
      location: "12 St James's Square",
      calendarId: samples.calendar.id,
      contactId: samples.contact.id,
      assigneeIds: [samples.user.id],
      createdAt: "2026-11-20T09:41:27.512Z",
      updatedAt: "2026-11-21T22:00:00.000Z",
    });
    const status = (appointmentStatus: string) =>
      mapped("appointments", { ...samples.appointment, appointmentStatus })["status"];
    expect(["new", "showed", "noshow", "cancelled", "invalid"].map(status)).toEqual([
      "tentative",
      "attended",
      "missed",
      "cancelled",
      undefined,
    ]);
  });

  it("of an opportunity", () => {
    expect(mapped("opportunities", samples.opportunity)).toEqual({
      type: "opportunity",
      id: samples.opportunity.id,
      name: "Difference engine",
      status: "open",
      pipelineId: samples.pipeline.id,
      stageId: samples.pipeline.stages[0]!.id,
      value: 1700,
      contactId: samples.contact.id,
      ownerId: samples.user.id,
      followerIds: [samples.user.id],
      source: "Exhibition",
      tags: ["vip"],
      customFields: [{ key: samples.opportunity.customFields[0]!.id, value: "north" }],
      statusChangedAt: "2026-11-20T09:41:27.512Z",
      stageChangedAt: "2026-11-20T09:41:27.512Z",
      createdAt: "2026-11-20T09:41:27.512Z",
      updatedAt: "2026-11-21T22:00:00.000Z",
    });
  });

  it("of a text message and of an e-mail", () => {
    expect(mapped("messages", samples.message)).toMatchObject({
      channel: "sms",
      direction: "inbound",
      text: "It works.",
      threadId: samples.conversation.id,
    });
    expect(mapped("get_email_by_id", samples.email)).toMatchObject({
      channel: "email",
      from: { value: "ada@example.com", name: "Ada Lovelace" },
      to: [{ value: "mary@example.com" }],
      subject: "The engine",
      html: "<p>It works.</p>",
      sentAt: "2026-11-21T22:00:00.000Z",
    });
  });
});

describe("a sparse record in common terms is valid", () => {
  const bare: [string, object, object][] = [
    ["contacts", { id: "c1" }, { emails: [], phones: [], addresses: [], tags: [] }],
    [
      "contacts",
      { id: "c1", firstName: null, email: null, phone: null, tags: null, customFields: null, dateAdded: null },
      {},
    ],
    [
      "contacts",
      { id: "c1", phone: "112", country: "Deutschland", customFields: [{ id: "f" }, {}] },
      { phones: [{ value: "112", primary: true }] },
    ],
    [
      "contacts",
      { id: "c1", phone: "+0 12", dateOfBirth: "in spring" },
      { phones: [{ value: "+0 12", primary: true }] },
    ],
    ["get_contact_tasks", { id: "t1" }, {}],
    ["location_tasks", { id: "t1", dueDate: null, assignedTo: "" }, {}],
    ["get_contact_notes", { id: "n1" }, {}],
    ["appointments", { id: "e1" }, {}],
    ["get_contact_appointments", { id: "e1", startTime: "2026-12-01 09:00:00", dateAdded: "2026-12-01 09:00:00" }, {}],
    ["opportunities", { id: "o1" }, {}],
    [
      "opportunities",
      { id: "o1", monetaryValue: "12.5", status: "all", contact: null, followers: null },
      { value: 12.5 },
    ],
    ["messages", { id: "m1" }, { channel: "other" }],
    [
      "get_email_by_id",
      { id: "m1", from: "ada@example.com", to: "mary@example.com" },
      { from: { value: "ada@example.com" } },
    ],
  ];
  it.each(bare)("of %s: %j", (stream, record, expected) => {
    const result = mapped(stream, record);
    expect(result).toMatchObject({ ...expected, id: (record as { id: string }).id });
    expect(result).not.toHaveProperty("start");
  });
});

describe("a common contact as input of the actions that write it", () => {
  const { from } = connector.resources.get("contact")!;
  const faults = (action: string, input: object) => connector.actions.get(action)!.validateInput(input);

  it("keeps what HighLevel has a field for", () => {
    const resource = mapped("contacts", samples.contact);
    const input = from({ resource, id: samples.contact.id, record: samples.contact }) as object;
    expect(input).toEqual({
      firstName: "Ada",
      lastName: "Lovelace",
      email: "ada@example.com",
      phone: "+442079460000",
      address1: "12 St James's Square",
      city: "London",
      state: "Greater London",
      postalCode: "SW1Y 4LB",
      country: "GB",
      website: "https://example.com/ada",
      dateOfBirth: "1815-12-10",
    });
    expect(faults("create_contact", input)).toEqual([]);
    expect(faults("update_contact", { ...input, contactId: samples.contact.id })).toEqual([]);
  });

  it.each([{ id: "c1" }, { id: "c1", birthday: "--12-10", phones: [{ value: "112" }], addresses: [], emails: [] }])(
    "is valid for %j",
    (resource) => {
      const input = from({ resource: { type: "contact", ...resource } }) as object;
      expect(faults("create_contact", input)).toEqual([]);
      expect(input).not.toHaveProperty("dateOfBirth");
    },
  );
});
