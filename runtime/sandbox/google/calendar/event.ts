import { hash32 } from "../../random.ts";
import type { Version } from "../../history.ts";
import type { Call } from "../api.ts";
import { reasonedError } from "../errors.ts";
import type { Calendar } from "./calendars.ts";
import type { CalendarEvent, EventFields, EventTime } from "./types.ts";
import { timeOf } from "./recurrence.ts";

/** Fields of an event that a client may write, besides start and end. */
const WRITABLE = new Set([
  "summary",
  "description",
  "location",
  "attendees",
  "recurrence",
  "reminders",
  "transparency",
  "visibility",
  "colorId",
  "extendedProperties",
  "guestsCanModify",
  "guestsCanInviteOthers",
  "guestsCanSeeOtherGuests",
]);

export function eventEtag({ id, sequence }: Pick<Version<unknown>, "id" | "sequence">): string {
  return `"${hash32(id, sequence)}${String(sequence).padStart(6, "0")}"`;
}

/** An event as the API gives it. */
export function renderEvent(calendar: Calendar, version: Version<CalendarEvent> & { value: CalendarEvent }): object {
  const { fields, status, created, recurringEventId, originalStartTime } = version.value;
  const owner = { email: calendar.id, self: true };
  return {
    kind: "calendar#event",
    etag: eventEtag(version),
    id: version.id,
    status,
    htmlLink: `https://www.google.com/calendar/event?eid=${Buffer.from(`${version.id} ${calendar.id}`).toString("base64url")}`,
    created: new Date(created).toISOString(),
    updated: new Date(version.time).toISOString(),
    ...fields,
    creator: owner,
    organizer: owner,
    iCalUID: `${recurringEventId ?? version.id}@google.com`,
    sequence: 0,
    ...(recurringEventId && { recurringEventId, originalStartTime }),
    eventType: "default",
  };
}

/** What a sync tells of a cancelled event: hardly more than that it is. */
export function renderCancelled(version: Version<CalendarEvent> & { value: CalendarEvent }): object {
  const { recurringEventId, originalStartTime } = version.value;
  const series = recurringEventId && { recurringEventId, originalStartTime };
  return { kind: "calendar#event", etag: eventEtag(version), id: version.id, status: "cancelled", ...series };
}

/** What a body says of an event; `complete` where it has to say when. */
export function readEvent(body: Record<string, unknown>, complete: boolean): Partial<EventFields> {
  const fields: Partial<EventFields> = {};
  for (const [name, value] of Object.entries(body)) if (WRITABLE.has(name)) fields[name] = value ?? undefined;
  for (const end of ["start", "end"] as const) {
    if (body[end] !== undefined) fields[end] = readTime(body[end], end);
    else if (complete) throw badRequest(`Missing ${end} time.`, "required");
  }
  if (fields.start && fields.end && timeOf(fields.end) < timeOf(fields.start)) {
    throw badRequest("The specified time range is empty.", "timeRangeEmpty");
  }
  if (fields.recurrence && !(fields.start?.timeZone ?? fields.start?.date) && complete) {
    throw badRequest("Missing time zone definition for start time.", "required");
  }
  return fields;
}

function readTime(value: unknown, name: string): EventTime {
  const { date, dateTime, timeZone } = value as EventTime;
  const known = date
    ? /^\d{4}-\d{2}-\d{2}$/.test(date)
    : typeof dateTime === "string" && !Number.isNaN(Date.parse(dateTime));
  if (!known) throw badRequest(`Invalid ${name} time.`, "invalid");
  return { ...(date ? { date } : { dateTime }), ...(timeZone && { timeZone }) };
}

/** The calendar that the path names. */
export function findCalendar({ account, path }: Call, id = path.calendarId!): Calendar {
  const calendar = account.calendars.calendar(id);
  if (calendar) return calendar;
  throw reasonedError(404, "notFound", "Not Found");
}

/** The event that the path names, with its calendar. @throws GoogleApiError 404, 410 when it is cancelled, 412 */
export function findEvent(call: Call, options: { cancelled?: boolean } = {}) {
  const calendar = findCalendar(call);
  const event = call.account.calendars.event(calendar, call.path.eventId!);
  if (!event) throw reasonedError(404, "notFound", "Not Found");
  if (event.value.status === "cancelled" && !options.cancelled) {
    throw reasonedError(410, "deleted", "Resource has been deleted");
  }
  const wanted = call.headers["if-match"];
  if (wanted !== undefined && wanted !== "*" && wanted !== eventEtag(event)) {
    const where = { location: "If-Match", locationType: "header" };
    throw reasonedError(412, "conditionNotMet", "Precondition Failed", where);
  }
  return { calendar, event };
}

export function badRequest(message: string, reason = "badRequest") {
  return reasonedError(400, reason, message, { domain: reason === "required" ? "calendar" : "global" });
}
