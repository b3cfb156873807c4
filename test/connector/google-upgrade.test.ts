import { describe, expect, it } from "vitest";
import type { Known } from "../../runtime/model/known.ts";
import { compileConnector, type CompiledStream } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { diffPage, keysOf } from "../../runtime/poll/diff.ts";
import { toPolledRecord, type PolledRecord } from "../../runtime/read/records.ts";

/** What cursorVersion 1 of a stream remembered, and what the stream makes of the same record, and of the record changed. */
function upgraded(stream: CompiledStream, known: Pick<Known, "key" | "version">, raw: object, changed: object) {
  const polled = (record: object): PolledRecord => toPolledRecord(stream, record)!;
  const watched = polled(raw).watched;
  const before = new Map([[known.key, { ...known, seen: 1, watched, item: null }]]);
  expect(keysOf(polled(raw))).toContain(known.key);
  const { changes, remembered, forgotten } = diffPage([polled(raw)], before, 2);
  const later = new Map(remembered.map((one) => [one.key, one]));
  return {
    told: changes,
    forgotten,
    toldAgain: diffPage([polled(raw)], later, 3).changes,
    toldOfChange: diffPage([polled({ ...raw, ...changed })], before, 2).changes.map(({ kind }) => kind),
  };
}

describe("what the streams of 0.1.0 remembered is known, and makes no event:", async () => {
  const contacts = compileConnector(await loadManifest("google-contacts"));
  const calendar = compileConnector(await loadManifest("google-calendar"));
  const sampleOf = (connector: typeof contacts, trigger: string) =>
    connector.triggers.get(trigger)!.definition.sample as { resourceName: string; id: string };

  it("contacts", () => {
    const person = sampleOf(contacts, "contact_created");
    const known = { key: person.resourceName, version: "6fNwuu2yHAi" };
    const { told, toldAgain, toldOfChange } = upgraded(contacts.streams.get("contacts")!, known, person, { names: [] });
    expect([told, toldAgain, toldOfChange]).toEqual([[], [], ["updated"]]);
  });

  it("events", () => {
    const event = sampleOf(calendar, "event_created");
    const known = { key: event.id, version: "LwWBA1DUGPr" };
    const change = { etag: '"2"', summary: "Another" };
    const { told, toldAgain, toldOfChange } = upgraded(calendar.streams.get("events")!, known, event, change);
    expect([told, toldAgain, toldOfChange]).toEqual([[], [], ["updated"]]);
  });

  it("tasks", async () => {
    const tasks = compileConnector(await loadManifest("google-tasks"));
    const task = tasks.triggers.get("task_created")!.definition.sample as { id: string };
    const known = { key: task.id, version: "0PmP5_FWx3l" };
    const change = { due: "2026-12-01T00:00:00.000Z" };
    const { told, toldAgain, toldOfChange } = upgraded(tasks.streams.get("tasks")!, known, task, change);
    expect([told, toldAgain, toldOfChange]).toEqual([[], [], ["updated"]]);
  });

  it("messages", async () => {
    const stream = compileConnector(await loadManifest("gmail")).streams.get("messages")!;
    for (const more of [{}, { moved: true }]) {
      const raw = { id: "m1", labelIds: ["INBOX"], ...more };
      expect(upgraded(stream, { key: "m1", version: "riO5TMr3FDN" }, raw, {}).told).toEqual([]);
    }
  });

  it("changes of labels", async () => {
    const stream = compileConnector(await loadManifest("gmail")).streams.get("label_changes")!;
    const raw = { historyId: "101", id: "m1", change: "added", labels: ["Label_7"] };
    const known = { key: "101|m1|added", version: toPolledRecord(stream, raw)!.version };
    const { told, forgotten, toldAgain, toldOfChange } = upgraded(stream, known, raw, { historyId: "102" });
    expect([told, forgotten, toldAgain, toldOfChange]).toEqual([[], [known.key], [], ["created"]]);
  });

  it("events about to start", () => {
    const stream = calendar.streams.get("upcoming")!;
    const listed = (start: object) =>
      stream.select({ status: 200, headers: {}, body: { items: [{ id: "a", start }] } })[0] as object;
    const at = { dateTime: "2026-12-01T11:00:00+01:00" };
    // The id was the fingerprint, and still is.
    const { version } = toPolledRecord(stream, listed(at))!;
    const known = { key: "a|2026-12-01T11:00:00+01:00", version };
    const later = listed({ dateTime: "2026-12-01T12:00:00+01:00" });
    const { told, forgotten, toldAgain, toldOfChange } = upgraded(stream, known, listed(at), later);
    expect([told, forgotten, toldAgain]).toEqual([[], [known.key], []]);
    expect(toldOfChange).toEqual(["created"]);
  });
});
