import { Lru } from "./lru.ts";

/** What was opened of sealed values, by the id of their row: each is opened once, while it stays the same and among the latest `most` used. */
export class OpenedCache<Opened> {
  readonly #open: (id: string, sealed: Uint8Array) => Opened;
  readonly #entries: Lru<string, { sealed: Uint8Array; opened: Opened }>;

  constructor(open: (id: string, sealed: Uint8Array) => Opened, most = 1000) {
    this.#open = open;
    this.#entries = new Lru(most);
  }

  /** The opened value. @throws HooklineError as opening it */
  get(id: string, sealed: Uint8Array): Opened {
    const known = this.#entries.get(id);
    if (known && Buffer.compare(known.sealed, sealed) === 0) return known.opened;
    this.#entries.delete(id);
    const opened = this.#open(id, sealed);
    this.#entries.set(id, { sealed, opened });
    return opened;
  }
}
