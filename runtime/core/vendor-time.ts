/** A date with a time of day that names no zone. */
const WITHOUT_ZONE = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/;

/**
 * Milliseconds since the epoch of a time as vendors write it: RFC 3339, epoch seconds or epoch milliseconds; null for anything else. One
 * that names no zone is taken for UTC, wherever the process runs.
 */
export function timeMs(value: unknown): number | null {
  if (typeof value === "number" && Number.isFinite(value)) return value < 1e11 ? value * 1000 : value;
  if (typeof value !== "string" || value === "") return null;
  if (/^\d+$/.test(value)) return timeMs(Number(value));
  const parsed = Date.parse(WITHOUT_ZONE.test(value) ? `${value}Z` : value);
  return Number.isNaN(parsed) ? null : parsed;
}
