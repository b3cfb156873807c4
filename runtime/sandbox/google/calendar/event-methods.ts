import { hash32 } from "../../random.ts";
import type { ApiMethod, Call } from "../api.ts";
import { reasonedError } from "../errors.ts";
import { readPageSize, slicePage } from "../pages.ts";
import { spanOf } from "./calendars.ts";
import type { EventFields } from "./types.ts";
import { badRequest, findCalendar, findEvent, readEvent, renderEvent } from "./event.ts";
import { listEvents } from "./list.ts";
import { occurrencesOf } from "./recurrence.ts";
import { READ_EVENTS, WRITE_EVENTS } from "./scopes.ts";

const ALL = "/calendar/v3/calendars/{calendarId}/events";
const ONE = `${ALL}/{eventId}`;
const HOUR = 3_600_000;

const method = (id: string, verb: ApiMethod["method"], path: string, handle: ApiMethod["handle"]): ApiMethod => ({
  id: `calendar.events.${id}`,
  method: verb,
  path,
  procedure: `Events.${id}`,
  scopes: ["list", "get", "instances"].includes(id) ? READ_EVENTS : WRITE_EVENTS,
  handle,
});

/** Events of a calendar. */
export const eventMethods: readonly ApiMethod[] = [
  method("list", "GET", ALL, listEvents),
  method("quickAdd", "POST", `${ALL}/quickAdd`, quickAdd),
  method("insert", "POST", ALL, insertEvent),
  method("get", "GET", ONE, (call) => {
    const { calendar, event } = findEvent(call, { cancelled: true });
    return renderEvent(calendar, event);
  }),
  method("instances", "GET", `${ONE}/instances`, (call) => {
    const { calendar, event } = findEvent(call);
    const all = occurrencesOf(event, { from: -Infinity, to: Infinity });
    const page = slicePage(all, call.query.get("pageToken"), readPageSize(call.query.get("maxResults"), 250, 2500));
    const items = page.items.map(({ id, value }) => renderEvent(calendar, { ...event, id, value }));
    return { kind: "calendar#events", ...(page.nextPageToken && { nextPageToken: page.nextPageToken }), items };
  }),
  method("patch", "PATCH", ONE, (call) => {
    const { calendar, event } = findEvent(call);
    const fields = readEvent(call.body, false);
    return renderEvent(calendar, call.account.calendars.change(calendar, event.id, fields));
  }),
  method("update", "PUT", ONE, (call) => {
    const { calendar, event } = findEvent(call);
    const cleared = Object.fromEntries(Object.keys(event.value.fields).map((name) => [name, undefined]));
    const fields = { ...cleared, ...readEvent(call.body, true) };
    return renderEvent(calendar, call.account.calendars.change(calendar, event.id, fields));
  }),
  method("delete", "DELETE", ONE, (call) => {
    const { calendar, event } = findEvent(call);
    call.account.calendars.cancel(calendar, event.id);
  }),
  method("move", "POST", `${ONE}/move`, (call) => {
    const { calendar, event } = findEvent(call);
    const destination = findCalendar(call, call.query.get("destination") ?? "");
    return renderEvent(destination, call.account.calendars.move(calendar, destination, event.id));
  }),
];

function insertEvent(call: Call): object {
  const calendar = findCalendar(call);
  const fields = readEvent(call.body, true) as EventFields;
  const { id } = call.body;
  if (id === undefined) return renderEvent(calendar, call.account.calendars.create(calendar, fields));
  if (typeof id !== "string" || !/^[a-v0-9]{5,1024}$/.test(id))
    throw badRequest("Invalid resource id value.", "invalid");
  if (calendar.events.get(id)) throw reasonedError(409, "duplicate", "The requested identifier already exists.");
  return renderEvent(calendar, call.account.calendars.create(calendar, fields, id));
}

/** Understands `tomorrow` and `at 3pm`; without them the next full hour is meant. */
function quickAdd(call: Call): object {
  const calendar = findCalendar(call);
  const text = call.query.get("text") ?? "";
  if (text === "") throw badRequest("Missing required parameter: text", "required");
  const start = new Date(Math.ceil(call.google.clock.now() / HOUR) * HOUR);
  if (/\btomorrow\b/i.test(text)) start.setUTCDate(start.getUTCDate() + 1);
  const [, hour, half] = /\bat (\d{1,2})\s*(am|pm)\b/i.exec(text) ?? [];
  if (hour) start.setUTCHours((Number(hour) % 12) + (half!.toLowerCase() === "pm" ? 12 : 0), 0, 0, 0);
  const summary = text
    .replaceAll(/\btomorrow\b|\bat \d{1,2}\s*(am|pm)\b/gi, "")
    .replaceAll(/\s+/g, " ")
    .trim();
  const fields = { summary: summary || `Event ${hash32(text)}`, ...spanOf(start.getTime(), start.getTime() + HOUR) };
  return renderEvent(calendar, call.account.calendars.create(calendar, fields));
}
