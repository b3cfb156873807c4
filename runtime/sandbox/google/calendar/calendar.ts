import { isObject } from "../../../core/json.ts";
import type { Route } from "../../route.ts";
import { apiRoutes, type ApiMethod, type Call } from "../api.ts";
import type { Google } from "../google.ts";
import { readPageSize, slicePage } from "../pages.ts";
import type { Calendar } from "./calendars.ts";
import { badRequest, findCalendar } from "./event.ts";
import { eventMethods } from "./event-methods.ts";
import { occurrencesOf, timeOf } from "./recurrence.ts";
import { FREE_BUSY, READ_CALENDARS, READ_LIST } from "./scopes.ts";

const SERVICE = { host: "calendar-json.googleapis.com", procedures: "calendar.v3" };

/** The Google Calendar API v3. */
export function calendarRoutes(google: Google): Route[] {
  return apiRoutes(google, SERVICE, [...calendarMethods, ...eventMethods]);
}

const calendarMethods: readonly ApiMethod[] = [
  {
    id: "calendar.calendarList.list",
    method: "GET",
    path: "/calendar/v3/users/me/calendarList",
    procedure: "CalendarList.list",
    scopes: READ_LIST,
    handle: ({ account, query }) => {
      const size = readPageSize(query.get("maxResults"), 100, 250);
      const { items, nextPageToken } = slicePage(
        [...account.calendars.calendars.values()],
        query.get("pageToken"),
        size,
      );
      return { kind: "calendar#calendarList", ...(nextPageToken && { nextPageToken }), items: items.map(renderEntry) };
    },
  },
  {
    id: "calendar.calendarList.get",
    method: "GET",
    path: "/calendar/v3/users/me/calendarList/{calendarId}",
    procedure: "CalendarList.get",
    scopes: READ_LIST,
    handle: (call) => renderEntry(findCalendar(call)),
  },
  {
    id: "calendar.calendars.get",
    method: "GET",
    path: "/calendar/v3/calendars/{calendarId}",
    procedure: "Calendars.get",
    scopes: READ_CALENDARS,
    handle: (call) => {
      const { id, summary, timeZone } = findCalendar(call);
      return { kind: "calendar#calendar", etag: '"calendar"', id, summary, timeZone };
    },
  },
  {
    id: "calendar.freebusy.query",
    method: "POST",
    path: "/calendar/v3/freeBusy",
    procedure: "Freebusy.query",
    scopes: FREE_BUSY,
    handle: freeBusy,
  },
];

function renderEntry({ id, summary, timeZone, primary }: Calendar): object {
  return {
    kind: "calendar#calendarListEntry",
    etag: '"entry"',
    id,
    summary,
    timeZone,
    colorId: "14",
    selected: true,
    accessRole: "owner",
    defaultReminders: [],
    ...(primary && { primary }),
  };
}

function freeBusy({ account, body }: Call): object {
  const [from, to] = [body.timeMin, body.timeMax].map((time) => Date.parse(String(time)));
  if (!(from! < to!)) throw badRequest("The requested time range is empty or malformed.", "timeRangeEmpty");
  const asked = (Array.isArray(body.items) ? body.items : []).flatMap((item) =>
    isObject(item) ? [String(item.id)] : [],
  );
  const calendars = asked.map((id): [string, object] => {
    const calendar = account.calendars.calendar(id);
    if (!calendar) return [id, { errors: [{ domain: "global", reason: "notFound" }], busy: [] }];
    return [id, { busy: busyOf(calendar, { from: from!, to: to! }) }];
  });
  return {
    kind: "calendar#freeBusy",
    timeMin: body.timeMin,
    timeMax: body.timeMax,
    calendars: Object.fromEntries(calendars),
  };
}

/** Spans of time taken by events that are not marked as free, joined where they touch. */
function busyOf({ events }: Calendar, span: { from: number; to: number }): { start: string; end: string }[] {
  const own = new Set([...events.live()].map(({ id }) => id));
  const taken = [...events.live()]
    .filter(({ value }) => value.status !== "cancelled" && value.fields.transparency !== "transparent")
    .flatMap((event) =>
      event.value.fields.recurrence
        ? occurrencesOf(event, span)
            .filter(({ id }) => !own.has(id))
            .map(({ value }) => value.fields)
        : [event.value.fields],
    )
    .map(({ start, end }) => [Math.max(timeOf(start), span.from), Math.min(timeOf(end), span.to)] as [number, number])
    .filter(([start, end]) => start < end)
    .sort(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [start, end] of taken) {
    const last = joined.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined.map(([start, end]) => ({ start: new Date(start).toISOString(), end: new Date(end).toISOString() }));
}
