/** Milliseconds. */
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** What was written last: whatever happens in one millisecond is written many times. */
let written = { time: 0, text: "1970-01-01T00:00:00.000Z" };

/** A time in milliseconds since the epoch as RFC 3339 text in UTC; null stays null. */
export function isoTime(time: number): string;
export function isoTime(time: number | null): string | null;
export function isoTime(time: number | null): string | null {
  if (time === null) return null;
  if (time !== written.time) written = { time, text: new Date(time).toISOString() };
  return written.text;
}
