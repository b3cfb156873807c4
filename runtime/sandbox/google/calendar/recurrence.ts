import type { LiveVersion } from "../../history.ts";
import type { CalendarEvent, EventTime } from "./types.ts";

const DAY = 86_400_000;
const STEPS: Record<string, number> = { DAILY: DAY, WEEKLY: 7 * DAY };
/** A series without an end is looked at for so many occurrences. */
const MAX_OCCURRENCES = 500;

/**
 * The occurrences of a series that overlap a span of time, as the series has them: with FREQ (DAILY or WEEKLY), INTERVAL,
 * COUNT and UNTIL of an RRULE.
 */
export function occurrencesOf(
  series: LiveVersion<CalendarEvent>,
  span: { from: number; to: number },
): { id: string; value: CalendarEvent }[] {
  const { fields, created } = series.value;
  const rule = ruleOf(fields.recurrence?.[0] ?? "");
  const [start, end] = [timeOf(fields.start), timeOf(fields.end)];
  const occurrences: { id: string; value: CalendarEvent }[] = [];
  for (let i = 0; i < rule.count; i++) {
    const begins = start + i * rule.step;
    if (begins > rule.until || begins >= span.to) break;
    if (end + i * rule.step <= span.from) continue;
    const originalStartTime = shifted(fields.start, i * rule.step);
    const { recurrence: _, ...rest } = fields;
    occurrences.push({
      id: `${series.id}_${stamp(originalStartTime)}`,
      value: {
        fields: { ...rest, start: originalStartTime, end: shifted(fields.end, i * rule.step) },
        status: "confirmed",
        created,
        recurringEventId: series.id,
        originalStartTime,
      },
    });
  }
  return occurrences;
}

/** Milliseconds since the epoch; a date counts from midnight UTC. */
export function timeOf({ date, dateTime }: EventTime): number {
  return Date.parse(dateTime ?? `${date}T00:00:00Z`);
}

function ruleOf(line: string): { step: number; count: number; until: number } {
  const parts = Object.fromEntries(
    line
      .replace(/^RRULE:/, "")
      .split(";")
      .map((part) => part.split("=") as [string, string]),
  );
  const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})/.exec(parts.UNTIL ?? "") ?? [];
  return {
    step: (STEPS[parts.FREQ ?? ""] ?? 7 * DAY) * Number(parts.INTERVAL ?? 1),
    count: Number(parts.COUNT ?? MAX_OCCURRENCES),
    until: year === undefined ? Infinity : Date.parse(`${year}-${month}-${day}T23:59:59Z`),
  };
}

function shifted(time: EventTime, ms: number): EventTime {
  const moved = new Date(timeOf(time) + ms).toISOString();
  return time.date === undefined ? { ...time, dateTime: moved } : { ...time, date: moved.slice(0, 10) };
}

function stamp({ date, dateTime }: EventTime): string {
  return date?.replaceAll("-", "") ?? dateTime!.replaceAll(/[-:]|\.\d+/g, "");
}
