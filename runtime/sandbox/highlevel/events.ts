import { page, type Call, type Handlers } from "./api.ts";
import { HighLevelError } from "./errors.ts";
import { without, type Row } from "./state.ts";

const SUCCESS = { success: true };
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** Appointments, blocked and free times, and notes about appointments. */
export const eventHandlers: Handlers = {
  "GET /calendars/events": (call) => ({ events: between(call, "appointment") }),
  "GET /calendars/blocked-slots": (call) => ({ events: between(call, "block") }),
  "GET /calendars/{calendarId}/free-slots": freeSlots,
  "GET /calendars/events/appointments/{eventId}": ({ highLevel, path }) => ({
    appointment: shown(highLevel.collections.events.get(path["eventId"])),
  }),
  "POST /calendars/events/appointments": (call) => book(call, { kind: "appointment", appointmentStatus: "confirmed" }),
  "PUT /calendars/events/appointments/{eventId}": change,
  "POST /calendars/events/block-slots": (call) => book(call, { kind: "block", title: "Blocked" }),
  "PUT /calendars/events/block-slots/{eventId}": change,
  "DELETE /calendars/events/{eventId}": ({ highLevel, path }) => {
    highLevel.collections.events.remove(path["eventId"]);
    return { succeeded: true };
  },
  "GET /calendars/appointments/{appointmentId}/notes": ({ highLevel, path, query }) => {
    const { id } = highLevel.collections.events.get(path["appointmentId"]);
    const rows = highLevel.collections.appointmentNotes.list({ appointmentId: id });
    const [offset, limit] = [Number(query.get("offset")), Number(query.get("limit"))];
    return { notes: page(rows, offset, limit, 20).map(note), hasMore: offset + limit < rows.length };
  },
  "POST /calendars/appointments/{appointmentId}/notes": ({ highLevel, path, body }) => {
    const appointment = highLevel.collections.events.get(path["appointmentId"]);
    const row = { id: highLevel.newId(), ...body, contactId: appointment["contactId"], dateAdded: highLevel.now() };
    return { note: note(highLevel.collections.appointmentNotes.put({ ...row, appointmentId: appointment["id"] })) };
  },
  "PUT /calendars/appointments/{appointmentId}/notes/{noteId}": ({ highLevel, path, body }) => ({
    note: note(highLevel.collections.appointmentNotes.change(path["noteId"], body)),
  }),
  "DELETE /calendars/appointments/{appointmentId}/notes/{noteId}": ({ highLevel, path }) => {
    highLevel.collections.appointmentNotes.remove(path["noteId"]);
    return SUCCESS;
  },
};

/** What begins in the span that is asked for; HighLevel wants to know of which calendar, user or group. */
function between({ highLevel, query }: Call, kind: string): Row[] {
  const [calendarId, userId, groupId] = ["calendarId", "userId", "groupId"].map((name) => query.get(name));
  if (!calendarId && !userId && !groupId)
    throw new HighLevelError(422, ["one of calendarId, userId or groupId is required"]);
  const [from, to] = [Number(query.get("startTime")), Number(query.get("endTime"))];
  return highLevel.collections.events
    .list({ kind, calendarId, groupId, assignedUserId: userId })
    .filter((row) => Date.parse(String(row["startTime"])) >= from && Date.parse(String(row["startTime"])) <= to)
    .map(shown);
}

function book({ highLevel, body }: Call, defaults: Row): Row {
  const { toNotify: _, ignoreDateRange: __, ignoreFreeSlotValidation: ___, ...fields } = body;
  if (fields["calendarId"] !== undefined) highLevel.collections.calendars.get(String(fields["calendarId"]));
  const start = Date.parse(String(fields["startTime"]));
  const endTime = fields["endTime"] ?? new Date(start + 30 * MINUTE_MS).toISOString();
  const stamps = { dateAdded: highLevel.now(), dateUpdated: highLevel.now() };
  return shown(highLevel.collections.events.put({ id: highLevel.newId(), ...defaults, ...fields, endTime, ...stamps }));
}

function change({ highLevel, path, body }: Call): Row {
  return shown(highLevel.collections.events.change(path["eventId"], { ...body, dateUpdated: highLevel.now() }));
}

/** Every half hour from nine to five on working days, less what is taken. */
function freeSlots({ highLevel, path, query }: Call): object {
  const calendar = highLevel.collections.calendars.get(path["calendarId"]);
  const [from, to] = [Number(query.get("startDate")), Number(query.get("endDate"))];
  if (to - from > 31 * DAY_MS) throw new HighLevelError(422, ["the date range must not be longer than 31 days"]);
  const length = Number(calendar["slotDuration"] ?? 30) * MINUTE_MS;
  const taken = highLevel.collections.events
    .list({ calendarId: calendar["id"] })
    .filter((row) => row["appointmentStatus"] !== "cancelled")
    .map((row) => [Date.parse(String(row["startTime"])), Date.parse(String(row["endTime"]))] as const);
  const days: Record<string, { slots: string[] }> = {};
  for (let day = Math.floor(from / DAY_MS) * DAY_MS; day <= to; day += DAY_MS) {
    if ([0, 6].includes(new Date(day).getUTCDay())) continue;
    const slots: string[] = [];
    for (let start = day + 9 * 60 * MINUTE_MS; start < day + 17 * 60 * MINUTE_MS; start += length) {
      const free = !taken.some(([begin, end]) => start < end && start + length > begin);
      if (start >= from && start <= to && free) slots.push(new Date(start).toISOString());
    }
    if (slots.length > 0) days[new Date(day).toISOString().slice(0, 10)] = { slots };
  }
  return days;
}

const shown = (row: Row) => without(row, "kind");

const note = (row: Row) => without(row, "appointmentId");
