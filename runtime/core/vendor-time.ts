/** RFC 3339, and what vendors make of it. The language's own parser finds a year in any text that ends with a number. */
const ISO_DATE = /^[+-]?\d{4,6}-\d\d-\d\d/;
/** The date of a mail (RFC 5322 §3.3) or of a header (RFC 9110 §5.6.7), which names its zone. */
const MAIL_DATE = /^([A-Z][a-z]{2}, *)?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d(:\d\d)? *(GMT|UTC?|[+-]\d{4})/;
/** A date with a time of day that names no zone. */
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/;

/**
 * Milliseconds since the epoch of a time as vendors write it: RFC 3339, the date of a mail, epoch seconds or epoch milliseconds; null for
 * anything else. One that names no zone is taken for UTC, wherever the process runs.
 */
export function timeMs(value: unknown): number | null {
  if (typeof value === "number" && Number.isFinite(value)) return value < 1e11 ? value * 1000 : value;
  if (typeof value !== "string" || value === "") return null;
  if (/^\d+$/.test(value)) return timeMs(Number(value));
  if (!ISO_DATE.test(value) && !MAIL_DATE.test(value)) return null;
  const parsed = Date.parse(WITHOUT_ZONE.test(value) ? `${value}Z` : value);
  return Number.isNaN(parsed) ? null : parsed;
}
