import type { Target } from "../../schemas/manifest.ts";
import { timeMs } from "../core/vendor-time.ts";
import { readTarget, type Incoming } from "./server.ts";

/** Whether the next page is named by the last record. */
export const goesByRecord = (from: string | string[]): boolean =>
  [from].flat().some((place) => place.startsWith("$lastRecord"));

/** The values that a list is to be continued behind; undefined when the request names none. */
export function readKeyset(request: Incoming, to: Target | Target[]): unknown[] | undefined {
  const values = [to].flat().map((target) => readTarget(request, target));
  return values.every((value) => value === undefined || value === null) ? undefined : values.flat();
}

/** Whether the values stand strictly after others: times as times, then texts. */
export function follows(values: readonly unknown[], others: readonly unknown[]): boolean {
  for (let i = 0; i < Math.max(values.length, others.length); i++) {
    const [a, b] = [comparable(values[i]), comparable(others[i])];
    if (a !== b) return a > b;
  }
  return false;
}

function comparable(value: unknown): string {
  const time = timeMs(value);
  return time === null ? String(value) : String(time).padStart(16, "0");
}

/** A number that was written as text. */
export const numeric = (value: unknown): unknown =>
  typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
