import type { TimeFormat } from "../../schemas/manifest.ts";
import { timeMs } from "../core/vendor-time.ts";

/** A time, milliseconds since the epoch, as a vendor wants it. */
export function formatTime(ms: number, format: TimeFormat = "rfc3339"): string | number {
  if (format === "epochMillis") return ms;
  if (format === "epochSeconds") return Math.floor(ms / 1000);
  return new Date(ms).toISOString();
}

/** The same time, in the form it was given, `ms` earlier. */
export function earlier(value: unknown, ms: number): unknown {
  const time = timeMs(value);
  if (time === null || ms === 0) return value;
  if (typeof value === "string" && !/^\d+$/.test(value)) return new Date(time - ms).toISOString();
  return Number(value) < 1e11 ? Math.floor((time - ms) / 1000) : time - ms;
}
