import { calendar } from "googleapis/build/src/apis/calendar/index.js";
import { describe, expect, it } from "vitest";
import { createSandbox } from "../../../../runtime/sandbox/index.ts";
import { act, googleApi, refusal } from "../google-api.ts";

const api = calendar("v3");
const calendarId = "primary";
const time = {
  start: { dateTime: "2026-12-01T09:00:00Z", timeZone: "Europe/London" },
  end: { dateTime: "2026-12-01T10:00:00Z" },
};

describe("the simulated Calendar API", () => {
  it("gives a sync token on the last page only, and then what changed", async () => {
    const { account, options } = await googleApi("calendar.events");
    const { calendars } = account;
    const [first] = Array.from({ length: 5 }, () => calendars.create(calendars.primary, time));
    const page = await api.events.list({ calendarId, maxResults: 3 }, options);
    expect(page.data.nextSyncToken).toBeUndefined();
    const pageToken = page.data.nextPageToken!;
    calendars.create(calendars.primary, { ...time, summary: "Between pages" });
    const last = await api.events.list({ calendarId, maxResults: 3, pageToken }, options);
    expect(last.data.items).toHaveLength(2);
    calendars.cancel(calendars.primary, first!.id);
    const { data } = await api.events.list({ calendarId, syncToken: last.data.nextSyncToken! }, options);
    expect(data.items).toMatchObject([{ summary: "Between pages" }, { id: first!.id, status: "cancelled" }]);
    expect(Object.keys(data.items![1]!).sort()).toEqual(["etag", "id", "kind", "status"]);
    const none = await api.events.list({ calendarId, syncToken: data.nextSyncToken! }, options);
    expect(none.data.items).toEqual([]);
  });

  it("says 410 when a sync token has expired, and refuses it beside what it cannot go with", async () => {
    const { sandbox, options } = await googleApi("calendar.events");
    const syncToken = (await api.events.list({ calendarId }, options)).data.nextSyncToken!;
    expect(await refusal(api.events.list({ calendarId, syncToken, q: "x" }, options))).toMatchObject({ status: 400 });
    expect(await refusal(api.events.list({ calendarId, syncToken, showDeleted: false }, options))).toMatchObject({
      status: 400,
    });
    sandbox.google.expireSyncTokens();
    expect(await refusal(api.events.list({ calendarId, syncToken }, options))).toEqual({
      status: 410,
      reason: "fullSyncRequired",
      message: "Sync token is no longer valid, a full sync is required.",
    });
  });

  it("shows a series as one event, or each occurrence; a cancelled occurrence stands by itself", async () => {
    const { options } = await googleApi("calendar.events");
    const requestBody = { ...time, recurrence: ["RRULE:FREQ=WEEKLY;COUNT=3"] };
    const { data: series } = await api.events.insert({ calendarId, requestBody }, options);
    const list = async (more: object) => (await api.events.list({ calendarId, ...more }, options)).data.items!;
    expect(await list({})).toHaveLength(1);
    const occurrences = await list({ singleEvents: true, orderBy: "startTime" });
    expect(occurrences.map(({ start }) => start!.dateTime)).toEqual([
      "2026-12-01T09:00:00.000Z",
      "2026-12-08T09:00:00.000Z",
      "2026-12-15T09:00:00.000Z",
    ]);
    await api.events.delete({ calendarId, eventId: occurrences[1]!.id! }, options);
    expect(await list({ singleEvents: true })).toHaveLength(2);
    expect(await list({})).toMatchObject([
      { id: series.id },
      { id: occurrences[1]!.id, status: "cancelled", recurringEventId: series.id },
    ]);
    expect(await list({ singleEvents: true, timeMin: "2026-12-10T00:00:00Z" })).toHaveLength(1);
  });

  it("takes an id that a client chose, once", async () => {
    const { options } = await googleApi("calendar.events");
    const insert = (id: string) => api.events.insert({ calendarId, requestBody: { id, ...time } }, options);
    expect((await insert("abcde")).data.id).toBe("abcde");
    expect(await refusal(insert("abcde"))).toMatchObject({ status: 409, reason: "duplicate" });
    expect(await refusal(insert("xyz-1"))).toMatchObject({ status: 400, reason: "invalid" });
  });

  it("refuses a change of another version, and one of what is deleted", async () => {
    const { options } = await googleApi("calendar.events");
    const { data } = await api.events.insert({ calendarId, requestBody: time }, options);
    const patch = (etag: string) =>
      api.events.patch(
        { calendarId, eventId: data.id!, requestBody: { summary: "New" } },
        { ...options, headers: { ...options.headers, "if-match": etag } },
      );
    await patch(data.etag!);
    expect(await refusal(patch(data.etag!))).toMatchObject({ status: 412, reason: "conditionNotMet" });
    await api.events.delete({ calendarId, eventId: data.id! }, options);
    const again = api.events.delete({ calendarId, eventId: data.id! }, options);
    expect(await refusal(again)).toMatchObject({ status: 410, reason: "deleted" });
  });

  it("understands a line of text", async () => {
    const { options } = await googleApi("calendar.events");
    const { data } = await api.events.quickAdd({ calendarId, text: "Lunch with Ada tomorrow at 1pm" }, options);
    expect(data).toMatchObject({ summary: "Lunch with Ada", start: { dateTime: "2026-11-22T13:00:00.000Z" } });
  });

  it("lets people act through the control API, and continues from a snapshot", async () => {
    const { sandbox, account } = await googleApi("calendar.events");
    const { id } = await act(sandbox, "POST", "/events", { ...time, summary: "Visit" });
    await act(sandbox, "PATCH", `/events/${String(id)}`, { location: "Here" });
    await act(sandbox, "DELETE", `/events/${String(id)}`);
    const { edits } = await act(sandbox, "POST", "/edits", { count: 10, of: ["calendar"] });
    expect(edits).toHaveLength(10);
    const { primary } = account.calendars;
    expect(primary.events.get(String(id))!.value).toMatchObject({ status: "cancelled", fields: { location: "Here" } });
    const snapshot = structuredClone(sandbox.google.snapshot());
    const continued = await createSandbox({ snapshot });
    const events = continued.google.account().calendars.primary.events.snapshot();
    await continued.stop();
    expect(events).toEqual(primary.events.snapshot());
  });
});
