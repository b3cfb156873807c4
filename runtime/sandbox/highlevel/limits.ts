import type { Clock } from "../../core/clock.ts";

/** How much each location, or agency, may ask. */
export interface LimitSettings {
  /** Requests in ten seconds. */
  burst: number;
  /** Requests in a day. */
  daily: number;
}

interface Window {
  began: number;
  used: number;
}

const BURST_MS = 10_000;
const DAY_MS = 86_400_000;

/** Counts requests per location in two fixed windows, and tells of both in headers, as HighLevel does. */
export class LimitCounter {
  readonly #clock: Clock;
  readonly #settings: LimitSettings;
  readonly #windows = new Map<string, { burst: Window; day: Window }>();

  constructor(clock: Clock, settings: LimitSettings) {
    this.#clock = clock;
    this.#settings = settings;
  }

  /** Counts one request; `allowed` is false when a limit had been reached before it. */
  count(owner: string): { allowed: boolean; headers: Record<string, string> } {
    const now = this.#clock.now();
    const windows = this.#windows.get(owner) ?? { burst: { began: now, used: 0 }, day: { began: now, used: 0 } };
    this.#windows.set(owner, windows);
    roll(windows.burst, BURST_MS, now);
    roll(windows.day, DAY_MS, now);
    const { burst, daily } = this.#settings;
    const allowed = windows.burst.used < burst && windows.day.used < daily;
    if (allowed) {
      windows.burst.used++;
      windows.day.used++;
    }
    return {
      allowed,
      headers: {
        "X-RateLimit-Limit-Daily": String(daily),
        "X-RateLimit-Daily-Remaining": String(Math.max(daily - windows.day.used, 0)),
        "X-RateLimit-Daily-Reset": String(windows.day.began + DAY_MS - now),
        "X-RateLimit-Interval-Milliseconds": String(BURST_MS),
        "X-RateLimit-Max": String(burst),
        "X-RateLimit-Remaining": String(Math.max(burst - windows.burst.used, 0)),
      },
    };
  }
}

function roll(window: Window, length: number, now: number): void {
  if (now - window.began < length) return;
  window.began = now;
  window.used = 0;
}
