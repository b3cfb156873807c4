import { accountOf, found, optionalText, pick, text, type Body, type Handler } from "../../control-input.ts";
import type { Google } from "../google.ts";
import type { Calendar } from "./calendars.ts";
import { readEvent, renderEvent } from "./event.ts";

const FIELDS = ["summary", "description", "location", "start", "end", "attendees", "recurrence", "transparency"];

/** What a person does in Google Calendar. Events are given as the API takes them; `calendar` is the primary one when left out. */
export function calendarControl(google: Google): Record<string, Handler> {
  type Request = Parameters<Handler>[1];
  const place = (body: Body, request: Request) => {
    const { calendars } = accountOf(google, body);
    return { calendars, calendar: found(calendars.calendar(optionalText(body, "calendar") ?? "primary"), request) };
  };
  const event = (body: Body, request: Request) => {
    const { calendars, calendar } = place(body, request);
    return { calendars, calendar, id: found(calendars.event(calendar, String(request.params.id)), request).id };
  };
  const render = (calendar: Calendar, version: Parameters<typeof renderEvent>[1]) => renderEvent(calendar, version);
  return {
    "post /calendars": (body) => {
      const { id, summary } = accountOf(google, body).calendars.addCalendar(text(body, "summary"));
      return { id, summary };
    },
    "post /events": (body, request) => {
      const { calendars, calendar } = place(body, request);
      const fields = readEvent(pick(body, FIELDS), true) as Parameters<typeof calendars.create>[1];
      return render(calendar, calendars.create(calendar, fields));
    },
    "patch /events/:id": (body, request) => {
      const { calendars, calendar, id } = event(body, request);
      return render(calendar, calendars.change(calendar, id, readEvent(pick(body, FIELDS), false)));
    },
    "delete /events/:id": (body, request) => {
      const { calendars, calendar, id } = event(body, request);
      return render(calendar, calendars.cancel(calendar, id));
    },
  };
}
