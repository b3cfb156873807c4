/** Longest wait a vendor or consumer can ask for: 24 hours, in milliseconds. */
export const LONGEST_RETRY_AFTER = 24 * 60 * 60 * 1000;

/**
 * Milliseconds to wait, from the value of a Retry-After header (RFC 9110 §10.2.3: seconds or an HTTP date), at most a day.
 * Undefined when it is missing or makes no sense: negative, in the past, or not a number.
 */
export function parseRetryAfter(value: unknown, now: number): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const text = String(value).trim();
  const wait = /^\d+(\.\d+)?$/.test(text)
    ? Number(text) * 1000
    : /^[A-Z]|^\d{4}-/i.test(text)
      ? Date.parse(text) - now
      : NaN;
  return wait >= 0 ? Math.min(wait, LONGEST_RETRY_AFTER) : undefined;
}
