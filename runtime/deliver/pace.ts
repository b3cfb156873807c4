/** How much may be sent at once before a rate takes hold, in milliseconds of it. */
const BURST_MS = 100;
/** How far ahead attempts are given times of their own; those beyond ask again then. */
const HORIZON_MS = 60_000;

interface Lane {
  /** When the next attempt would be on time. */
  due: number;
  /** Up to when waiting attempts have been given their times. */
  booked: number;
}

/**
 * Keeps the attempts to each endpoint to its rate (GCRA), without holding a slot while they wait.
 * Counts within this process: with several, each sends at the rate.
 */
export class Pace {
  readonly #lanes = new Map<string, Lane>();

  /** The time to try: `now` when it may go at once, otherwise the time to ask again. */
  next(endpoint: string, perSecond: number, now: number): number {
    const interval = 1000 / perSecond;
    const lane = this.#lane(endpoint, now);
    const earliest = lane.due - Math.max(0, BURST_MS - interval);
    if (earliest <= now) {
      lane.due = Math.max(lane.due, now) + interval;
      return now;
    }
    const time = Math.max(lane.booked, earliest);
    if (time > now + HORIZON_MS) return now + HORIZON_MS;
    lane.booked = time + interval;
    return Math.ceil(time);
  }

  #lane(endpoint: string, now: number): Lane {
    let lane = this.#lanes.get(endpoint);
    if (lane === undefined) {
      if (this.#lanes.size >= 1000) this.#forgetIdle(now);
      lane = { due: now, booked: now };
      this.#lanes.set(endpoint, lane);
    }
    return lane;
  }

  #forgetIdle(now: number): void {
    for (const [endpoint, lane] of this.#lanes)
      if (Math.max(lane.due, lane.booked) <= now) this.#lanes.delete(endpoint);
  }
}
