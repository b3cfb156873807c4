import type { WebhookEvent } from "../../webhook.ts";
import { EventLines } from "../event-lines.ts";

export type InboxMemory = EventLines["remembered"];

/** What the receiver has got: prints one line for each event, once, and only a count of those that came as backfill. */
export class Inbox {
  readonly #lines: EventLines;
  readonly #print: (line: string) => void;
  /** Delivery is at least once: an event that comes again is known by its id. */
  readonly #taken = new Set<string>();
  #backfilled = 0;

  constructor(memory: InboxMemory, print: (line: string) => void) {
    this.#lines = new EventLines(memory);
    this.#print = print;
  }

  take(event: WebhookEvent): void {
    if (this.#taken.has(event.id)) return;
    this.#taken.add(event.id);
    const line = this.#lines.line(event);
    if ("backfill" in event.data && event.data.backfill) {
      this.#backfilled++;
      return;
    }
    if (this.#backfilled > 0) this.#print(`(${this.#backfilled} people who were there before came as backfill.)`);
    this.#backfilled = 0;
    this.#print(line);
  }

  get memory(): InboxMemory {
    return this.#lines.remembered;
  }

  /** The id of somebody who is in the address book, as far as is known here. */
  get somebody(): string | undefined {
    return this.memory[0]?.[1].id;
  }
}
