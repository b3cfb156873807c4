import type { Clock } from "../../../core/clock.ts";
import { History, type LiveVersion, type VersionSnapshot } from "../../history.ts";
import { EVENT_TITLES } from "../../names.ts";
import { decimalId, Random } from "../../random.ts";
import { occurrencesOf } from "./recurrence.ts";
import type { CalendarEvent, EventFields, EventTime } from "./types.ts";

export interface Calendar {
  readonly id: string;
  readonly summary: string;
  readonly timeZone: string;
  readonly primary: boolean;
  readonly events: History<CalendarEvent>;
}

export interface CalendarsSnapshot {
  seed: number;
  created: number;
  calendars: (Omit<Calendar, "events"> & { events: VersionSnapshot<CalendarEvent>[] })[];
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The calendars of one account; the first one is the primary, called as the account. */
export class Calendars {
  readonly calendars = new Map<string, Calendar>();
  readonly #clock: Clock;
  readonly #seed: number;
  #created = 0;

  /** @param options.events  how many events the primary calendar begins with */
  constructor(options: { clock: Clock; seed: number; email: string; events: number }, snapshot?: CalendarsSnapshot) {
    this.#clock = options.clock;
    this.#seed = snapshot?.seed ?? options.seed;
    if (snapshot) {
      this.#created = snapshot.created;
      for (const { events, ...calendar } of snapshot.calendars) {
        this.calendars.set(calendar.id, { ...calendar, events: History.restore(events) });
      }
      return;
    }
    const primary = this.#add({ id: options.email, summary: options.email, primary: true });
    const random = new Random(this.#seed, "events");
    for (let i = 0; i < options.events; i++) {
      const start = options.clock.now() + (i - 2) * DAY + random.below(8) * HOUR;
      this.create(primary, { summary: random.pick(EVENT_TITLES), ...spanOf(start, start + HOUR) });
    }
  }

  snapshot(): CalendarsSnapshot {
    const calendars = [...this.calendars.values()].map(({ events, ...calendar }) => ({
      ...calendar,
      events: events.snapshot(),
    }));
    return { seed: this.#seed, created: this.#created, calendars };
  }

  /** Milliseconds since the epoch. */
  get now(): number {
    return this.#clock.now();
  }

  /** A calendar by its id; `primary` is the account's own. */
  calendar(id: string): Calendar | undefined {
    return id === "primary" ? this.primary : this.calendars.get(id);
  }

  get primary(): Calendar {
    return this.calendars.values().next().value!;
  }

  addCalendar(summary: string, id = this.#newCalendarId()): Calendar {
    return this.#add({ id, summary, primary: false });
  }

  /** The event of an id, cancelled or not; an occurrence of a series that nobody changed is made from the series. */
  event({ events }: Calendar, id: string): LiveVersion<CalendarEvent> | undefined {
    const found = events.get(id);
    if (found) return found;
    const series = events.get(id.replace(/_\d{8}(T\d{6}Z)?$/, ""));
    if (!series?.value.fields.recurrence || series.value.status === "cancelled") return undefined;
    const occurrence = occurrencesOf(series, { from: -Infinity, to: Infinity }).find((other) => other.id === id);
    return occurrence && { ...series, id, value: occurrence.value };
  }

  create(calendar: Calendar, fields: EventFields, id = this.#newId()): LiveVersion<CalendarEvent> {
    return this.#put(calendar, id, { fields, status: "confirmed", created: this.#clock.now() });
  }

  /** Replaces fields; a field that is undefined is cleared. */
  change(calendar: Calendar, id: string, fields: Partial<EventFields>): LiveVersion<CalendarEvent> {
    const { value } = this.event(calendar, id)!;
    return this.#put(calendar, id, { ...value, fields: { ...value.fields, ...fields } });
  }

  /** Cancels an event; a series with every occurrence that was changed on its own. */
  cancel(calendar: Calendar, id: string): LiveVersion<CalendarEvent> {
    const exceptions = [...calendar.events.live()].filter(({ value }) => value.recurringEventId === id);
    for (const exception of exceptions) this.#put(calendar, exception.id, { ...exception.value, status: "cancelled" });
    return this.#put(calendar, id, { ...this.event(calendar, id)!.value, status: "cancelled" });
  }

  move(from: Calendar, to: Calendar, id: string): LiveVersion<CalendarEvent> {
    const { value } = this.event(from, id)!;
    this.cancel(from, id);
    return this.#put(to, id, value);
  }

  #add(calendar: Omit<Calendar, "events" | "timeZone">): Calendar {
    const added = { ...calendar, timeZone: "Europe/London", events: new History<CalendarEvent>() };
    this.calendars.set(added.id, added);
    return added;
  }

  #put({ events }: Calendar, id: string, value: CalendarEvent): LiveVersion<CalendarEvent> {
    return events.put(id, value, this.#clock.now());
  }

  #newCalendarId(): string {
    return `c_${decimalId(this.#seed, "calendar", this.#created++)}@group.calendar.google.com`;
  }

  /** Twenty-six digits of base32hex, as Google's own. */
  #newId(): string {
    return BigInt(decimalId(this.#seed, "event", this.#created++))
      .toString(32)
      .padStart(26, "0");
  }
}

/** The start and end of an event, as the API writes them. */
export function spanOf(start: number, end: number): { start: EventTime; end: EventTime } {
  return { start: { dateTime: new Date(start).toISOString() }, end: { dateTime: new Date(end).toISOString() } };
}
