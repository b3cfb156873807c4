import type { Checkpoint, StreamRecord } from "../model/streams.ts";
import type { CursorStrategy } from "../read/cursors.ts";
import { isOfList } from "../read/lists.ts";
import { OutageCount } from "../read/outage.ts";
import type { FailedRequest } from "../read/pages.ts";
import { errorClass } from "../vendor/errors.ts";
import { itemAt, missedNow } from "./lists.ts";
import type { Reading } from "./reading.ts";
import { STALE } from "./refusal.ts";

/** Polls in a row that are believed to meet an outage; after them, all lists are asked for, whatever that costs. */
export const OUTAGE_POLLS = 3;

/** Passes over lists that one read cannot have, so that the others go on. */
export class Passing {
  readonly #reading: Reading;
  readonly #outage: Outage;

  constructor(reading: Reading) {
    this.#reading = reading;
    this.#outage = new Outage(reading.stream);
  }

  /** A list has answered. */
  answered(): void {
    this.#outage.answered();
  }

  /** Whether the lists that come after one which has failed are read all the same. `checkpoint`: where the read goes on. */
  isPassedOver({ error, at: { page, each: place }, hasPlace }: FailedRequest, checkpoint: Checkpoint): boolean {
    const { source, compiled } = this.#reading;
    if (!compiled.each || !place || place.items.length < 2) return false;
    if (source.signal.aborted || !isOfList(error)) return false;
    const kind = errorClass(error);
    // An expired cursor, and a page that has not outlived a stop, have remedies of their own.
    if (kind === "cursorExpired" && hasPlace) return false;
    if (page !== null && page === checkpoint.page && STALE.has(kind)) return false;
    return !this.#outage.failed(compiled.each.key(itemAt({ each: place })), error);
  }

  /** The read with the note that it could not have the list it is at. */
  noted(at: Checkpoint, error: Error, { ofLists }: CursorStrategy): Checkpoint {
    const { compiled, log, now, stream } = this.#reading;
    const list = compiled.each!.key(itemAt(at));
    log.warn({ stream: stream.id, list, err: error }, "a list cannot be read; the others go on");
    const missed = missedNow(at, list, error, stream, now());
    const noted = { ...at, missed, notes: ofLists ? ofLists.without(at.notes, list) : at.notes };
    delete noted.done;
    return noted;
  }
}

/** Whether the errors of lists look like an outage of the vendor's, who is not asked for the others then. */
class Outage {
  readonly #isBelieved: boolean;
  readonly #failing: ReadonlySet<string>;
  readonly #count = new OutageCount();

  constructor({ missed, consecutiveErrors }: StreamRecord) {
    this.#isBelieved = consecutiveErrors < OUTAGE_POLLS;
    this.#failing = new Set(missed?.map(({ list }) => list));
  }

  answered(): void {
    this.#count.answered();
  }

  /** Takes note of an error of a list, and tells whether it is one of an outage. */
  failed(list: string, error: unknown): boolean {
    if (this.#failing.has(list)) return false;
    return this.#count.failed(error) && this.#isBelieved;
  }
}
