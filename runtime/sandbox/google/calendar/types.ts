/** When something begins or ends: a time, or a date for all-day events. */
export interface EventTime {
  date?: string;
  dateTime?: string;
  timeZone?: string;
}

/** What people write into an event; everything else the calendar keeps. */
export interface EventFields {
  summary?: string;
  description?: string;
  location?: string;
  start: EventTime;
  end: EventTime;
  /** Lines of RFC 5545: `RRULE:FREQ=WEEKLY;COUNT=4`. */
  recurrence?: string[];
  attendees?: { email: string; displayName?: string; responseStatus?: string; optional?: boolean }[];
  [field: string]: unknown;
}

/** A cancelled event stays, so that it can be told of. */
export interface CalendarEvent {
  readonly fields: EventFields;
  readonly status: "confirmed" | "tentative" | "cancelled";
  /** Milliseconds since the epoch. */
  readonly created: number;
  /** For an occurrence that differs from its series: the series, and when it would have been. */
  readonly recurringEventId?: string;
  readonly originalStartTime?: EventTime;
}
