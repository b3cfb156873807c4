/** How much of a rate may be sent at once, in milliseconds of it. */
const BURST_MS = 100;
/** How far ahead attempts are given times of their own; those beyond ask again then. */
const HORIZON_MS = 60_000;
/** Endpoints that are remembered before idle ones are forgotten. */
const MOST_KEPT = 1000;

/** The rate limit of one endpoint. */
interface Meter {
  /** When the next attempt would be on time. */
  due: number;
  /** Up to when waiting attempts have been given their times. */
  booked: number;
}

/**
 * Keeps the attempts to each endpoint to its rate without holding a slot while they wait. Counts within this process: with
 * several, each sends at the rate.
 * Source: the generic cell rate algorithm, ITU-T I.371 (virtual scheduling).
 */
export class Pace {
  readonly #meters = new Map<string, Meter>();
  #sweepAt = MOST_KEPT;

  /** The time to try: `now` when the attempt may start at once, otherwise the time to ask again. */
  next(endpoint: string, perSecond: number, now: number): number {
    const interval = 1000 / perSecond;
    const meter = this.#meter(endpoint, now);
    // Further ahead lies only what was counted at a lower rate, or before the clock was set back.
    if (meter.due > now + 2 * Math.max(BURST_MS, interval)) meter.due = meter.booked = now;
    const earliest = meter.due - Math.max(0, BURST_MS - interval);
    if (earliest <= now) {
      meter.due = Math.max(meter.due, now) + interval;
      return now;
    }
    const time = Math.max(meter.booked, earliest);
    if (time > now + HORIZON_MS) return now + HORIZON_MS;
    meter.booked = time + interval;
    return Math.ceil(time);
  }

  #meter(endpoint: string, now: number): Meter {
    let meter = this.#meters.get(endpoint);
    if (meter === undefined) {
      if (this.#meters.size >= this.#sweepAt) this.#forgetIdle(now);
      meter = { due: now, booked: now };
      this.#meters.set(endpoint, meter);
    }
    return meter;
  }

  /** A meter in use stays, or its endpoint would get more than its rate; so the next sweep waits until as many came again. */
  #forgetIdle(now: number): void {
    for (const [endpoint, { due, booked }] of this.#meters) {
      if (Math.max(due, booked) <= now) this.#meters.delete(endpoint);
    }
    this.#sweepAt = Math.max(MOST_KEPT, 2 * this.#meters.size);
  }
}
