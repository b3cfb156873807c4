import { describe, expect, it } from "vitest";
import { EventLines } from "../../runtime/cli/event-lines.ts";
import type { WebhookEvent } from "../../runtime/webhook.ts";

function changeOf(change: string, resource?: Record<string, unknown>): WebhookEvent {
  const data = {
    connection: "con_1",
    change,
    ...(resource && { resource: { type: "contact", id: "people/c1", ...resource } }),
  };
  return {
    id: "evt_1",
    type: `contact.${change}`,
    timestamp: "2026-01-01T12:30:59.000Z",
    data,
  } as unknown as WebhookEvent;
}

function told(line: string): string {
  expect(line).toMatch(/^\d\d:\d\d:59 {2}\S/);
  return line.slice(10);
}

const ada = {
  displayName: "Ada Lovelace",
  emails: [{ value: "ada@example.com" }],
  phones: [{ value: "020 7946 0000" }],
};

describe("a line about an event", () => {
  it("says who is new, and how to reach them", () => {
    expect(told(new EventLines().line(changeOf("created", ada)))).toBe(
      "contact.created   Ada Lovelace  ada@example.com  020 7946 0000",
    );
  });

  it("says what an update changed, when the record was seen before", () => {
    const lines = new EventLines();
    lines.line(changeOf("created", ada));
    const { emails: _, ...rest } = ada;
    const later = { ...rest, phones: [{ value: "020 7946 0001" }], notes: "Met in 1833" };
    expect(told(lines.line(changeOf("updated", later)))).toBe(
      "contact.updated   Ada Lovelace  emails: - ada@example.com; phones: 020 7946 0000 → 020 7946 0001; notes: none → Met in 1833",
    );
  });

  it("tells of a list only what came and went", () => {
    const lines = new EventLines();
    lines.line(changeOf("created", { ...ada, groups: ["contactGroups/a", "contactGroups/b"] }));
    const line = lines.line(changeOf("updated", { ...ada, groups: ["contactGroups/b", "contactGroups/c"] }));
    expect(told(line)).toBe("contact.updated   Ada Lovelace  groups: contactGroups/a → contactGroups/c");
  });

  it("knows who was deleted, though the vendor tells only an id", () => {
    const lines = new EventLines();
    lines.line(changeOf("created", ada));
    expect(told(new EventLines(lines.remembered).line(changeOf("deleted", {})))).toBe("contact.deleted   Ada Lovelace");
    expect(told(new EventLines().line(changeOf("deleted", {})))).toBe("contact.deleted   people/c1");
  });

  it("calls somebody without a name by their first address", () => {
    const line = new EventLines().line(
      changeOf("created", { emails: [{ value: "a@example.com" }, { value: "b@example.com" }] }),
    );
    expect(told(line)).toBe("contact.created   a@example.com  a@example.com, b@example.com");
  });

  it("lists the facts of an event about Hookline itself", () => {
    const event = { ...changeOf("created"), type: "stream.gap", data: { connection: "con_1", reason: "paused" } };
    expect(told(new EventLines().line(event as WebhookEvent))).toBe(
      "stream.gap        connection con_1  reason paused",
    );
  });

  it("lets nothing of what strangers typed steer the terminal", () => {
    const line = new EventLines().line(changeOf("created", { displayName: "\u001b[2JEve\nEvil\u202e", emails: [] }));
    expect(told(line)).toBe("contact.created   [2JEve Evil");
  });
});
