import { calendar as calendarApi } from "googleapis/build/src/apis/calendar/index.js";
import { describe, expect, it } from "vitest";
import appointmentSchema from "../../schemas/appointment.schema.json" with { type: "json" };
import { compileConnector } from "../../runtime/manifest/connector.ts";
import { loadManifest } from "../../runtime/manifest/load.ts";
import { compileSchema } from "../../runtime/manifest/validate.ts";
import { readSample } from "../../runtime/read/sample.ts";
import { spanOf } from "../../runtime/sandbox/google/calendar/calendars.ts";
import type { CalendarEvent } from "../../runtime/sandbox/google/calendar/types.ts";
import type { LiveVersion } from "../../runtime/sandbox/history.ts";
import { describeConnector } from "../contract/connector.ts";
import type { World } from "../contract/world.ts";
import { missingMethods } from "./google-methods.ts";
import { googleWorld } from "./google-world.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const SAMPLE = "5k2l9v0m3n4o5p6q7r8s9t0u1v";
const loaded = await loadManifest("google-calendar");
const connector = compileConnector(loaded);
const validateAppointment = compileSchema(appointmentSchema);
const { map } = connector.streams.get("events")!.resource!;

const calendars = ({ sandbox }: World) => sandbox.google.account().calendars;
const anyEvent = (world: World) => calendars(world).primary.events.live().next().value!;
const create = (world: World, minutesFromNow: number, more: object = {}): LiveVersion<CalendarEvent> => {
  const start = world.clock.now() + minutesFromNow * MINUTE;
  return calendars(world).create(calendars(world).primary, {
    summary: "Visit",
    ...spanOf(start, start + HOUR),
    ...more,
  });
};
const change = (world: World, fields: object, id = anyEvent(world).id) =>
  calendars(world).change(calendars(world).primary, id, fields);
const cancel = (world: World, id = anyEvent(world).id) => calendars(world).cancel(calendars(world).primary, id);
const weekly = { recurrence: ["RRULE:FREQ=WEEKLY;COUNT=4"] };

/** The event and the calendar that the samples use, there at the sandbox. */
const sampled = async (world: World) => {
  const start = Date.parse("2026-12-01T09:00:00Z");
  const fields = { summary: "Demonstration", ...spanOf(start, start + HOUR), ...weekly };
  calendars(world).create(calendars(world).primary, fields, SAMPLE);
  calendars(world).addCalendar("Team", "team@group.calendar.google.com");
};

await describeConnector("google-calendar", {
  open: () => googleWorld("google-calendar", { items: true }),
  unrelated: async (world) => calendars(world).create(calendars(world).addCalendar("Other"), spanFields(world)),
  triggers: {
    event_created: {
      unrelated: async (world) => change(world, { location: "Elsewhere" }),
      change: async (world) => create(world, 600),
    },
    event_updated: {
      unrelated: async (world) => create(world, 600),
      change: async (world) => change(world, { location: "Elsewhere" }),
    },
    event_cancelled: {
      unrelated: async (world) => change(world, { location: "Elsewhere" }),
      change: async (world) => cancel(world),
    },
    event_starting: {
      unrelated: async (world) => create(world, 600),
      change: async (world) => create(world, 10),
    },
  },
  actions: Object.fromEntries([...connector.actions.keys()].map((action) => [action, { before: sampled }])),
});

function spanFields(world: World) {
  return spanOf(world.clock.now() + HOUR, world.clock.now() + 2 * HOUR);
}

describe("the Google Calendar connector", () => {
  it("names only methods that the calendar v3 client has", () => {
    expect(missingMethods(loaded.manifest, calendarApi("v3"))).toEqual([]);
  });

  it("takes 410 for an expired token in a stream, and for an event that is gone in an action", () => {
    const gone = { status: 410, headers: {}, body: {} };
    const matching = (scope: string) =>
      connector.errors.find((error) => (!error.scope || error.scope === scope) && error.matches(gone))?.class;
    expect(matching("stream")).toBe("cursorExpired");
    expect(matching("action")).toBeUndefined();
  });
});

describe("an event in common terms", () => {
  it("has everything of a full one", () => {
    const appointment = map({
      ...connector.triggers.get("event_created")!.definition.sample,
      hangoutLink: "https://meet.google.com/abc",
      recurringEventId: "series",
    })!;
    expect(appointment).toMatchObject({
      title: "Demonstration",
      status: "confirmed",
      start: "2026-12-01T09:00:00Z",
      timeZone: "Europe/London",
      meetingUrl: "https://meet.google.com/abc",
      seriesId: "series",
      organizer: { email: "alex.morgan@example.com", self: true },
      attendees: [{ email: "ada@example.com", name: "Ada Lovelace", response: "accepted" }],
    });
    expect(validateAppointment(appointment)).toEqual([]);
  });

  it("has dates for an all-day event", () => {
    const appointment = map({ id: "e1", start: { date: "2026-12-01" }, end: { date: "2026-12-02" } })!;
    expect(appointment).toEqual({ type: "appointment", id: "e1", start: "2026-12-01", end: "2026-12-02" });
    expect(validateAppointment(appointment)).toEqual([]);
  });

  it("has only id and status when a cancelled one has no more", () => {
    expect(map({ id: "e1", status: "cancelled" })).toEqual({ type: "appointment", id: "e1", status: "cancelled" });
  });
});

describe("the fingerprint of an event", () => {
  const event = connector.triggers.get("event_created")!.definition.sample as Record<string, unknown>;
  const print = (more: object): string =>
    JSON.stringify(connector.streams.get("events")!.fingerprint!({ ...event, ...more }));
  const start = { dateTime: "2026-12-01T10:00:00Z", timeZone: "UTC" };

  it.each([
    [{ etag: '"2"', updated: "2026-12-02T00:00:00Z", sequence: 7, htmlLink: "https://example.com" }, {}],
    [{ extendedProperties: { private: { synced: "1" } } }, {}],
    [{ start }, { start: { dateTime: "2026-12-01T11:00:00+01:00", timeZone: "Europe/Berlin" } }],
    [{ attendees: [{ email: "a@x" }, { email: "b@x" }] }, { attendees: [{ email: "b@x" }, { email: "a@x" }] }],
  ])("is the same with %j and %j", (one, other) => {
    expect(print(one)).toBe(print(other));
  });

  it.each([
    [{ summary: "Another" }, {}],
    [{ start }, { start: { date: "2026-12-01" } }],
    [{ start: { date: "2026-12-01" } }, { start: { dateTime: "2026-12-01T00:00:00Z" } }],
    [{ attendees: [{ email: "a@x", responseStatus: "accepted" }] }, { attendees: [{ email: "a@x" }] }],
    [
      { recurrence: ["RRULE:FREQ=DAILY"], start },
      { recurrence: ["RRULE:FREQ=DAILY"], start: { ...start, timeZone: "Europe/Berlin" } },
    ],
  ])("tells %j from %j", (one, other) => {
    expect(print(one)).not.toBe(print(other));
  });
});

it("an occurrence that was cancelled before is not cancelled again, whether a full read lists it or not", () => {
  const { where } = connector.triggers.get("event_cancelled")!;
  const cancelled = { id: "a_1", recurringEventId: "a", status: "cancelled" };
  const holds = (record: object | null, previous: object) => where!({ record, resource: {}, previous, input: {} });
  expect([
    holds(cancelled, { status: "confirmed" }),
    holds(null, { status: "confirmed" }),
    holds(cancelled, {}),
  ]).toEqual([true, true, true]);
  expect([holds(cancelled, { status: "cancelled" }), holds(null, { status: "cancelled" })]).toEqual([false, false]);
});

describe("triggers of Google Calendar", () => {
  it("tell created, updated and cancelled apart", async () => {
    await using world = await googleWorld("google-calendar");
    const subscriptions: string[] = [];
    for (const trigger of ["event_created", "event_updated", "event_cancelled"]) {
      subscriptions.push(await world.subscribe(trigger));
    }
    const told = async () => (await world.told(subscriptions[0]!)).map(({ type, id }) => `${type} ${id}`);
    const { id } = create(world, 600);
    expect(await told()).toEqual([`event.created ${id}`]);
    change(world, { summary: "Longer visit" });
    expect(await told()).toEqual([`event.updated ${id}`]);
    cancel(world, id);
    expect(await told()).toEqual([`event.cancelled ${id}`]);
    expect(await told()).toEqual([]);
  });

  it("tell of one changed and one cancelled occurrence of a series", async () => {
    await using world = await googleWorld("google-calendar");
    const { id: series } = create(world, 600, weekly);
    const created = await world.subscribe("event_created");
    await world.subscribe("event_updated");
    await world.subscribe("event_cancelled");
    const { events } = (await world.run("list_occurrences", { eventId: series })) as { events: { id: string }[] };
    expect(events).toHaveLength(4);
    change(world, { location: "Elsewhere" }, events[1]!.id);
    cancel(world, events[2]!.id);
    const told = await world.told(created);
    expect(told.map(({ type, id }) => `${type} ${id}`).sort()).toEqual(
      [`event.cancelled ${events[2]!.id}`, `event.updated ${events[1]!.id}`].sort(),
    );
    for (const { data } of told) {
      expect(data.resource).toMatchObject({ seriesId: series });
      expect(validateAppointment(data.resource)).toEqual([]);
    }
    expect(await world.told(created)).toEqual([]);
    world.sandbox.google.expireSyncTokens();
    expect(await world.told(created)).toEqual([]);
  });

  it("survive an expired sync token: what changed meanwhile is told, deletions included, and nothing else", async () => {
    await using world = await googleWorld("google-calendar", { items: true });
    const created = await world.subscribe("event_created");
    await world.subscribe("event_updated");
    await world.subscribe("event_cancelled");
    const [gone, changed] = [...calendars(world).primary.events.live()].map(({ id }) => id);
    cancel(world, gone);
    change(world, { summary: "Changed" }, changed);
    const { id: fresh } = create(world, 700);
    world.sandbox.google.expireSyncTokens();
    const told = (await world.told(created)).map(({ type, id }) => `${type} ${id}`).sort();
    expect(told).toEqual([`event.cancelled ${gone}`, `event.created ${fresh}`, `event.updated ${changed}`].sort());
    expect(await world.told(created)).toEqual([]);
  });

  it("read one calendar each, the account's own unless another is chosen", async () => {
    await using world = await googleWorld("google-calendar");
    const team = calendars(world).addCalendar("Team");
    const own = await world.subscribe("event_created");
    const teams = await world.subscribe("event_created", { calendarId: team.id });
    const { id } = calendars(world).create(team, spanFields(world));
    const told = [...(await world.told(own)), ...(await world.told(teams))];
    expect(told.map((event) => [event.data.subscription, event.id])).toEqual([[teams, id]]);
  });

  it("tell once that an occurrence starts, as long before as the subscriber chose, and again when it is put off", async () => {
    await using world = await googleWorld("google-calendar");
    const starting = await world.subscribe("event_starting", { minutesBefore: 30 });
    const { id } = create(world, 45, weekly);
    expect(await world.told(starting)).toEqual([]);
    world.clock.advance(20 * MINUTE);
    const [told] = await world.told(starting);
    expect(told!.id).toContain(`${id}_`);
    expect(validateAppointment(told!.data.resource)).toEqual([]);
    expect(await world.told(starting)).toEqual([]);
    const start = world.clock.now() + 25 * MINUTE;
    change(world, spanOf(start, start + HOUR), told!.id);
    expect((await world.told(starting)).map((event) => event.id)).toEqual([told!.id]);
  });
});

it("a sample is a few records as a poll would read them", async () => {
  await using world = await googleWorld("google-calendar", { items: true });
  const { signal } = new AbortController();
  const client = await world.runtime.accounts.client(world.connection);
  const stream = client.connector.streams.get("events")!;
  const records = await readSample({
    client,
    stream,
    input: { calendarId: "primary" },
    limit: 3,
    variables: { workspace: {}, user: {} },
    now: world.clock.now(),
    signal,
  });
  expect(records).toHaveLength(3);
  for (const record of records!) {
    expect(stream.validateRecord!(record)).toEqual([]);
    expect(record).toMatchObject({ status: "confirmed" });
  }
});

describe("actions of Google Calendar", () => {
  const time = { start: "2026-12-01T09:00:00Z", end: "2026-12-01T10:00:00Z" };

  it("make an event once, however often it is tried with one key", async () => {
    await using world = await googleWorld("google-calendar");
    const options = { keySeed: "order-17" };
    const make = (input: object) =>
      world.runtime.actions.perform(world.connection, "create_event", { ...time, ...input }, options);
    const first = await make({ summary: "Once" });
    const second = await make({ summary: "Once" });
    expect(second.output).toEqual(first.output);
    expect(calendars(world).primary.events.size).toBe(1);
    await world.run("create_event", time);
    await world.run("create_event", time);
    expect(calendars(world).primary.events.size).toBe(3);
  });

  it("make one event when Google carries it out and the answer is lost", async () => {
    await using world = await googleWorld("google-calendar");
    world.sandbox.faults.add({ kind: "truncate", match: "calendar.events.insert" });
    expect(await world.run("create_event", { ...time, summary: "Lost" })).toMatchObject({ summary: "Lost" });
    expect(calendars(world).primary.events.size).toBe(1);
  });

  it("change what is given, clear what is emptied, and turn an event into an all-day one", async () => {
    await using world = await googleWorld("google-calendar");
    const input = { ...time, summary: "Visit", location: "Here", busy: false };
    const { id: eventId, etag } = await world.run("create_event", input);
    const changed = await world.run("update_event", {
      eventId,
      location: "",
      start: "2026-12-01",
      end: "2026-12-02",
      busy: true,
      etag,
    });
    expect(changed).toMatchObject({ summary: "Visit", start: { date: "2026-12-01" }, transparency: "opaque" });
    expect(changed).not.toHaveProperty("location");
    await expect(world.run("update_event", { eventId, summary: "Late", etag })).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("Precondition Failed"),
    });
  });

  it("delete an event or one occurrence, and take it as done when it is gone", async () => {
    await using world = await googleWorld("google-calendar");
    const { id: eventId } = await world.run("create_event", { ...time, timeZone: "Europe/London", ...weekly });
    const { events } = await world.run("list_occurrences", { eventId });
    await world.run("delete_event", { eventId: events[0].id });
    expect((await world.run("find_events", { from: time.start })).events).toHaveLength(3);
    await world.run("delete_event", { eventId });
    expect(await world.run("delete_event", { eventId })).toEqual({ eventId, deleted: true });
    expect(await world.run("get_event", { eventId })).toMatchObject({ status: "cancelled" });
    expect(await world.run("delete_event", { eventId: "neverthere" })).toMatchObject({ deleted: true });
  });

  it("find by words and time, and tell when calendars are taken", async () => {
    await using world = await googleWorld("google-calendar");
    await world.run("create_event", { ...time, summary: "Budget review" });
    await world.run("create_event", { start: "2026-12-01T09:30:00Z", end: "2026-12-01T11:00:00Z", summary: "Lunch" });
    expect((await world.run("find_events", { text: "budget" })).events).toHaveLength(1);
    const span = { from: "2026-12-01T00:00:00Z", to: "2026-12-02T00:00:00Z" };
    expect(await world.run("query_free_busy", { ...span, calendars: ["primary", "nobody@example.com"] })).toEqual({
      calendars: [
        {
          calendar: "primary",
          found: true,
          busy: [{ start: "2026-12-01T09:00:00.000Z", end: "2026-12-01T11:00:00.000Z" }],
        },
        { calendar: "nobody@example.com", found: false, busy: [] },
      ],
    });
  });
});
